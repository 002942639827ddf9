"""Playground: one or two checkpoints answer a prompt, and their code is verified as in training."""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import ForgeError
from haloforge.languages import LANGUAGES, language_of
from haloforge.records import Problem
from haloforge.store import Store
from haloforge.ui import generation, inventory, space
from haloforge.ui.markup import Html, note
from haloforge.ui.page import Page
from haloforge.ui.panes import new_pane
from haloforge.ui.playground_request import ASSERTS, COMPILER, PROBLEM, Controls, find_problem, problem_of, request_of
from haloforge.ui.view import View, number
from haloforge.ui.widgets import answers
from haloforge.ui.widgets.verdict import verdict_box

_FILLED = ("model", "second_model", "prompt", "verify_with", "language", "asserts", "file", "task")
"""Controls that get values or choices when the tab is opened."""


def build(page: Page) -> None:
    """Controls on the left, answers on the right."""
    page.pane("playground", busy_line, "playground-busy")
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=5, min_width=320):
            parts = _controls(page, space.caps())
            with gr.Row(elem_classes=["actions", "floor"]):
                parts["go"] = gr.Button("Generate and verify", variant="primary", size="md", elem_id="play-go")
                parts["stop"] = gr.Button("Stop", size="md", elem_id="play-stop")
        with gr.Column(scale=7, min_width=320):
            parts["out"] = new_pane(
                "play-out", note("The answer appears here, word by word, and its verdict beneath it.")
            )
            parts |= _own_code()
    _wire_buttons(page, parts)
    _wire_choices(page, parts)
    filled = [*(parts[name] for name in _FILLED), parts["own_code"]]
    page.fill("playground", filled, lambda store, view: opened(page, store, view))


_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def _wire_buttons(page: Page, parts: dict[str, Any]) -> None:
    inputs = [parts[name] for name in Controls._fields]

    async def stream(*typed: Any) -> AsyncIterator[Html]:
        async for markup in generate(page.root, *typed):
            yield markup

    event = parts["go"].click(stream, inputs, parts["out"], concurrency_id="model", concurrency_limit=1, **_QUIET)
    parts["stop"].click(None, cancels=[event])
    parts["own_verify"].click(
        partial(verify_own, page.root),
        [parts["own_code"], *inputs],
        parts["own_out"],
        concurrency_id="verify",
        concurrency_limit=2,
        **_QUIET,
    )


def _wire_choices(page: Page, parts: dict[str, Any]) -> None:
    parts["verify_with"].change(
        lambda kind: [gr.update(visible=kind == ASSERTS), gr.update(visible=kind == PROBLEM)],
        parts["verify_with"],
        [parts["asserts"], parts["task_row"]],
        **_QUIET,
    )
    parts["file"].input(partial(tasks_of, page.root), parts["file"], parts["task"], **_QUIET)
    parts["task"].input(
        partial(chosen_problem, page.root),
        [parts["file"], parts["task"]],
        [parts[name] for name in ("prompt", "language", "verify_with")],
        **_QUIET,
    )
    parts["language"].change(
        lambda language: gr.Code(language=language_of(language).editor), parts["language"], parts["own_code"], **_QUIET
    )


def _controls(page: Page, caps: space.Caps) -> dict[str, Any]:
    """The components that `Controls` names, and the row of the problem's choices."""
    parts: dict[str, Any] = {}
    models = list(caps.models or inventory.choices("model", page.root))
    free = caps.models is None
    with gr.Row(elem_classes="fields"):
        parts["model"] = gr.Dropdown(
            models, value=models[0], label="Model", allow_custom_value=free, elem_id="play-model"
        )
        parts["second_model"] = gr.Dropdown(
            ["", *models], value="", label="Beside it", allow_custom_value=free, elem_id="play-beside"
        )
    parts["prompt"] = gr.Textbox(
        label="Prompt",
        lines=6,
        max_lines=16,
        elem_id="play-prompt",
        placeholder="Write a Python function `add(a, b)` that returns the sum of two numbers.",
    )
    with gr.Row(elem_classes="fields"):
        parts["verify_with"] = gr.Dropdown(
            [ASSERTS, PROBLEM, COMPILER], value=ASSERTS, label="Verify with", elem_id="play-against"
        )
        parts["language"] = gr.Dropdown(
            [(known.display_name, known.name) for known in LANGUAGES.values() if known.verifier],
            value="python",
            label="Language",
            elem_id="play-language",
        )
    parts["asserts"] = gr.Code(
        label="Asserts", language="python", lines=4, max_lines=12, interactive=True, elem_id="play-asserts"
    )
    with gr.Row(elem_classes="fields", visible=False) as parts["task_row"]:
        parts["file"] = gr.Dropdown(inventory.problem_sets(), value=None, label="Problems of", elem_id="play-file")
        parts["task"] = gr.Dropdown([], value=None, label="Problem", elem_id="play-task")
    with gr.Accordion("Sampling", open=False), gr.Row(elem_classes="fields"):
        most = f"at most {caps.max_new_tokens}"
        parts["max_new_tokens"] = gr.Number(256, label="Max new tokens", precision=0, info=most)
        parts["temperature"] = gr.Number(0.7, label="Temperature", info="0 is greedy")
        parts["seed"] = gr.Number(0, label="Seed", precision=0)
    return parts


def _own_code() -> dict[str, Any]:
    with gr.Accordion("Verify code of your own", open=False):
        code = gr.Code(label="Code", language="python", lines=8, max_lines=24, interactive=True, elem_id="own-code")
        with gr.Row(elem_classes="actions"):
            verify = gr.Button("Verify", size="md", elem_id="own-verify")
        out = new_pane("own-out")
    return {"own_code": code, "own_verify": verify, "own_out": out}


def busy_line(store: Store, view: View) -> Html:
    """A notice while a run is at work."""
    if store.runs(status="running", limit=1):
        return note("A run is at work on this machine; generation here is slower until it is done, and slows it too.")
    return Html("")


async def generate(root: Path | None, *typed: Any) -> AsyncIterator[Html]:
    """Stream the answers, then their verdicts; `typed` holds the values of `Controls`."""
    try:
        request = request_of(root, Controls(*typed))
    except ForgeError as error:
        yield note(str(error), "error")
        return
    async for states in generation.side_by_side(request):
        yield answers.render(states, request.problem)


def verify_own(root: Path | None, code: str, *typed: Any) -> Iterator[Html]:
    """Verify pasted code by the same tests; the verdict of earlier code is gone at once. `typed` holds `Controls`."""
    try:
        problem = problem_of(root, Controls(*typed))
        yield note("Verifying …")
        yield verdict_box(generation.verify(problem, code), problem.tests)
    except ForgeError as error:
        yield note(str(error), "error")


def tasks_of(root: Path | None, file: str) -> Any:
    """The problems of a file as choices."""
    try:
        problems = inventory.read_problems(file, root) if file else []
    except ForgeError as error:
        gr.Warning(str(error))
        problems = []
    return gr.Dropdown(choices=[p.task_id for p in problems], value=None)


def chosen_problem(root: Path | None, file: str, task: str) -> list[Any]:
    """Prompt, language and kind of verification that go with a problem."""
    try:
        problem = find_problem(root, file, task)
    except ForgeError:
        return [gr.skip()] * 3
    return [problem.statement, problem.language, PROBLEM]


def opened(page: Page, store: Store, view: View) -> Sequence[Any]:
    """When the tab opens: the models and files of now, and the problem or sample that the address sends here."""
    models = list(space.caps().models or inventory.choices("model", page.root))
    choices = [gr.update(choices=models), gr.update(choices=["", *models])]
    sets = inventory.problem_sets()
    sent = _sent(store, view)
    if sent is None:
        return [*choices, *[gr.skip()] * 4, gr.update(choices=sets), gr.skip(), gr.skip()]
    file, problem, code = sent
    names = [p.task_id for p in inventory.read_problems(file, page.root)]
    return [
        *choices,
        problem.statement,
        PROBLEM,
        problem.language,
        gr.skip(),
        gr.update(choices=[*sets, file], value=file),
        gr.update(choices=names, value=problem.task_id),
        code or gr.skip(),
    ]


def _sent(store: Store, view: View) -> tuple[str, Problem, str | None] | None:
    """The file and the problem in the address, if they are there; and the code of the sample if it names one."""
    run, task = view.get("run", ""), view.get("task", "")
    if view.get("from") == "problem":
        try:
            return view.get("file", ""), find_problem(store.root, view.get("file", ""), task), None
        except ForgeError:
            return None
    problem = store.problem(run, task) if view.get("from") == "sample" else None
    if problem is None:
        return None
    codes = [j.sample.code for j in store.samples(run, task_id=task) if j.id == number(view, "sample", -1)]
    return inventory.problems_of_run(run), problem, codes[0] if codes else None
