"""The controls of the Playground: models, the task, its tests, sampling and how an answer is judged."""

from typing import Any

import gradio as gr

from haloforge.config import RaftLoop, VerifySettings
from haloforge.languages import LANGUAGES
from haloforge.ui import inventory, space
from haloforge.ui.model_names import KEYS, SERVERS
from haloforge.ui.page import Page
from haloforge.ui.panes import new_pane
from haloforge.ui.playground_request import ASSERTS, CASES, COMPILER, MOST_MODELS, MOST_SAMPLES, PROBLEM
from haloforge.ui.typed_tests import COMPARISONS, MOST_CASES

_MODELS_HELP = f"1 to {MOST_MODELS}: checkpoints by name or folder, and models of servers as SERVER:NAME"
_CODE: dict[str, Any] = {"language": "python", "interactive": True}


def controls(page: Page) -> dict[str, Any]:
    """The components that `Controls` names, the list of the fields of the cases, and what shows and hides them."""
    caps = space.caps()
    parts = {**_models(page, caps), **_task(), **_tests()}
    with gr.Accordion("Sampling", open=False, elem_classes="group"), gr.Row(elem_classes="fields"):
        parts["samples"] = gr.Number(1, label="Samples per model", info=f"1 to {MOST_SAMPLES}", elem_id="play-samples")
        most = f"at most {caps.max_new_tokens}"
        parts["max_new_tokens"] = gr.Number(256, label="Max new tokens", info=most, elem_id="play-tokens")
        parts["temperature"] = gr.Number(0.7, label="Temperature", info="0 is greedy")
        parts["seed"] = gr.Number(0, label="Seed")
    return {**parts, **_judging()}


def own_code() -> dict[str, Any]:
    """The editor of an answer, or of code of one's own, and where its verdict appears."""
    with gr.Accordion("Edit an answer, or verify code of your own", open=False) as panel:
        code = gr.Code(label="Code", lines=8, max_lines=24, elem_id="own-code", **_CODE)
        with gr.Row(elem_classes="actions"):
            verify = gr.Button("Verify", size="md", elem_id="own-verify")
        out = new_pane("own-out")
    return {"own_panel": panel, "own_code": code, "own_verify": verify, "own_out": out}


def new_problem() -> dict[str, Any]:
    """The fields by which the task and its tests become a problem of a data file."""
    with gr.Accordion("Make this a training problem", open=False):
        with gr.Row(elem_classes="fields"):
            file = gr.Dropdown(
                inventory.own_files(), value="data/mine.jsonl", label="Data file", allow_custom_value=True,
                info="It is made where it is not there", elem_id="new-file",
            )  # fmt: skip
            task = gr.Textbox(label="Task id", placeholder="mine/add", max_lines=1, elem_id="new-task")
        with_solution = gr.Checkbox(
            True, label="Keep the code of the editor as its reference solution, if it passes the tests", container=False
        )
        with gr.Row(elem_classes="actions"):
            add = gr.Button("Add to the file", size="md", elem_id="new-add")
        out = new_pane("new-out")
    return {"new_file": file, "new_task": task, "new_solution": with_solution, "new_add": add, "new_out": out}


def _models(page: Page, caps: space.Caps) -> dict[str, Any]:
    names = list(caps.models or inventory.choices("model", page.root))
    free = caps.models is None
    models = gr.Dropdown(
        names, value=names[:1], label="Models", multiselect=True, max_choices=MOST_MODELS, allow_custom_value=free,
        info=_MODELS_HELP if free else "", elem_id="play-models",
    )  # fmt: skip
    parts: dict[str, Any] = {"models": models}
    if free:
        with gr.Accordion("Add a model on a server", open=False):
            with gr.Row(elem_classes="fields"):
                parts["server"] = gr.Dropdown(
                    [(_SERVER_NAMES[name], name) for name in SERVERS], value=SERVERS[0], label="Server",
                    elem_id="play-server",
                )  # fmt: skip
                parts["server_model"] = gr.Textbox(
                    label="Its model", max_lines=1, placeholder="qwen2.5-coder:7b", elem_id="play-server-model"
                )
                parts["server_url"] = gr.Textbox(
                    label="Address", max_lines=1, placeholder="its usual one", elem_id="play-server-url"
                )
            keys = " and ".join(f"{variable} ({_SERVER_NAMES[name]})" for name, variable in KEYS.items())
            with gr.Row(elem_classes="actions"):
                parts["server_add"] = gr.Button("Add to the models", size="md", elem_id="play-server-add")
            parts["server_said"] = new_pane(
                "play-server-said", f'<p class="muted">Keys come from the environment of the app: {keys}.</p>'
            )
    parts["blind"] = gr.Checkbox(
        False,
        label="Blind vote: hide which model is which until you have voted",
        container=False,
        visible=free or len(names) > 1,
        elem_id="play-blind",
    )
    return parts


def _task() -> dict[str, Any]:
    prompt = gr.Textbox(
        label="Prompt", lines=5, max_lines=16, elem_id="play-prompt",
        placeholder="Write a Python function `add(a, b)` that returns the sum of two numbers.",
    )  # fmt: skip
    with gr.Row(elem_classes="fields"):
        verify_with = gr.Dropdown(
            [ASSERTS, CASES, PROBLEM, COMPILER], value=ASSERTS, label="Verify with", elem_id="play-against"
        )
        language = gr.Dropdown(
            [(known.display_name, known.name) for known in LANGUAGES.values() if known.verifier],
            value="python", label="Language", elem_id="play-language",
        )  # fmt: skip
    return {"prompt": prompt, "verify_with": verify_with, "language": language}


def _tests() -> dict[str, Any]:
    asserts = gr.Code(label="Asserts", lines=4, max_lines=12, elem_id="play-asserts", **_CODE)
    fields, rows = [], []
    with gr.Column(visible=False) as case_box:
        for number in range(1, MOST_CASES + 1):
            with gr.Row(elem_classes="fields", visible=number == 1) as row:
                for side in ("Input", "Expected output"):
                    elem_id = f"case-{number}-{'in' if side == 'Input' else 'out'}"
                    fields.append(gr.Textbox(label=f"{side} {number}", lines=2, max_lines=8, elem_id=elem_id))
            rows.append(row)
        with gr.Row(elem_classes="actions"):
            more = gr.Button("Add a case", size="md", elem_id="case-more")
        compare = gr.Dropdown(
            [("words, whatever their spacing", COMPARISONS[0]), ("to the letter", COMPARISONS[1]),
             ("numbers, up to 0.000001", COMPARISONS[2])],
            value=COMPARISONS[0], label="Outputs are compared as", elem_id="case-compare",
        )  # fmt: skip
    with gr.Row(elem_classes="fields", visible=False) as task_row:
        file = gr.Dropdown(inventory.problem_sets(), value=None, label="Problems of", elem_id="play-file")
        task = gr.Dropdown([], value=None, label="Problem", elem_id="play-task")
    return {
        "asserts": asserts, "cases": fields, "case_rows": rows, "case_box": case_box, "case_more": more,
        "compare": compare, "task_row": task_row, "file": file, "task": task,
    }  # fmt: skip


def _judging() -> dict[str, Any]:
    usual = VerifySettings()
    with gr.Accordion("Reward: as in training", open=False, elem_classes="group"), gr.Row(elem_classes="fields"):
        reward = gr.Dropdown(
            [("graded, 0 to 1", "graded"), ("binary, 1 for a pass", "binary")], value=usual.reward, label="Reward",
            elem_id="play-reward",
        )  # fmt: skip
        threshold = gr.Number(
            RaftLoop().reward_threshold, label="Reward threshold", info="RAFT learns from here on", elem_id="play-least"
        )
        limit = gr.Number(usual.time_limit_s, label="CPU seconds", info="Per test run, where the problem names none.")
        partial = gr.Checkbox(usual.partial, label="Between 0.7 and 1 by the share of tests passed")
        untested = gr.Checkbox(True, label="Run programs that have no tests")
    return {
        "reward": reward, "threshold": threshold, "time_limit_s": limit, "partial": partial, "run_untested": untested
    }  # fmt: skip


_SERVER_NAMES = {"ollama": "Ollama", "openai": "OpenAI-compatible", "anthropic": "Anthropic"}
