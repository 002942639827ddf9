"""Playground: any checkpoint writes, one or two at a time, and what it wrote is verified as in training."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import DataError, ForgeError
from haloforge.generate.prompts import LANGUAGE_NAMES
from haloforge.records import Problem, Tests
from haloforge.store import Store
from haloforge.ui import inventory, play, space
from haloforge.ui.markup import Html, note
from haloforge.ui.page import Page
from haloforge.ui.pane import pane
from haloforge.ui.view import View, number
from haloforge.ui.widgets import answers, problems
from haloforge.ui.widgets.code import gradio_language
from haloforge.ui.widgets.verdict import verdict_box

ASSERTS, PROBLEM, COMPILER = "the asserts below", "the tests of a problem", "the compiler alone"
LANGUAGES = [name for name in LANGUAGE_NAMES if name in ("python", "c", "cpp", "rust", "go")]


def build(page: Page) -> None:
    """Controls on the left, answers on the right."""
    caps = space.caps()
    page.pane("playground", busy_line, "playground-busy")
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=5, min_width=320):
            controls = _controls(page, caps)
            with gr.Row(elem_classes=["actions", "floor"]):
                go = gr.Button("Generate and verify", variant="primary", size="md", elem_id="play-go")
                halt = gr.Button("Stop", size="md", elem_id="play-stop")
        with gr.Column(scale=7, min_width=320):
            out = pane("play-out", note("The answer appears here, word by word, and its verdict beneath it."))
            own = _own_code(controls)
    inputs = [controls[name] for name in _NAMES]

    async def stream(*typed: Any) -> AsyncIterator[Html]:
        async for markup in generate(page.root, *typed):
            yield markup

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    event = go.click(stream, inputs, out, concurrency_id="model", concurrency_limit=1, **quiet)
    halt.click(None, cancels=[event])
    shown = [controls["asserts"], controls["task_row"]]
    controls["against"].change(
        lambda kind: [gr.update(visible=kind == ASSERTS), gr.update(visible=kind == PROBLEM)],
        controls["against"],
        shown,
        **quiet,
    )
    own["go"].click(
        lambda code, *typed: verify_own(page.root, code, *typed),
        [own["code"], *inputs],
        own["out"],
        concurrency_id="verify",
        concurrency_limit=2,
        **quiet,
    )
    controls["file"].input(partial(tasks_of, page.root), controls["file"], controls["task"], **quiet)
    controls["task"].input(
        partial(chosen_problem, page.root),
        [controls["file"], controls["task"]],
        [controls[n] for n in ("prompt", "language", "against")],
        **quiet,
    )
    controls["language"].change(
        lambda lang: gr.Code(language=gradio_language(lang)), controls["language"], own["code"], **quiet
    )
    filled = [controls["a"], controls["b"], *(controls[n] for n in _FILLED), own["code"]]
    page.fill("playground", filled, lambda store, view: opened(page, store, view))


_NAMES = ("a", "b", "prompt", "against", "language", "asserts", "file", "task", "tokens", "temperature", "seed")
_FILLED = ("prompt", "against", "language", "asserts", "file", "task")


def _controls(page: Page, caps: space.Caps) -> dict[str, Any]:
    made: dict[str, Any] = {}
    models = list(caps.models or inventory.choices("model", page.root))
    free = caps.models is None
    with gr.Row(elem_classes="fields"):
        made["a"] = gr.Dropdown(models, value=models[0], label="Model", allow_custom_value=free, elem_id="play-model")
        made["b"] = gr.Dropdown(
            ["", *models], value="", label="Beside it", allow_custom_value=free, elem_id="play-beside"
        )
    made["prompt"] = gr.Textbox(
        label="Prompt",
        lines=6,
        max_lines=16,
        elem_id="play-prompt",
        placeholder="Write a Python function `add(a, b)` that returns the sum of two numbers.",
    )
    with gr.Row(elem_classes="fields"):
        made["against"] = gr.Dropdown(
            [ASSERTS, PROBLEM, COMPILER], value=ASSERTS, label="Verify with", elem_id="play-against"
        )
        made["language"] = gr.Dropdown(
            [(LANGUAGE_NAMES[n], n) for n in LANGUAGES], value="python", label="Language", elem_id="play-language"
        )
    made["asserts"] = gr.Code(
        label="Asserts", language="python", lines=4, max_lines=12, interactive=True, elem_id="play-asserts"
    )
    with gr.Row(elem_classes="fields", visible=False) as made["task_row"]:
        made["file"] = gr.Dropdown(problems.files(), value=None, label="Problems of", elem_id="play-file")
        made["task"] = gr.Dropdown([], value=None, label="Problem", elem_id="play-task")
    with gr.Accordion("Sampling", open=False), gr.Row(elem_classes="fields"):
        made["tokens"] = gr.Number(256, label="Max new tokens", precision=0, info=f"at most {caps.max_new_tokens}")
        made["temperature"] = gr.Number(0.7, label="Temperature", info="0 is greedy")
        made["seed"] = gr.Number(0, label="Seed", precision=0)
    return made


def _own_code(controls: dict[str, Any]) -> dict[str, Any]:
    with gr.Accordion("Verify code of your own", open=False):
        code = gr.Code(label="Code", language="python", lines=8, max_lines=24, interactive=True, elem_id="own-code")
        with gr.Row(elem_classes="actions"):
            go = gr.Button("Verify", size="md", elem_id="own-verify")
        out = pane("own-out")
    return {"code": code, "go": go, "out": out}


def busy_line(store: Store, view: View) -> Html:
    """One line while a run is at work."""
    if store.runs(status="running", limit=1):
        return note("A run is at work on this machine; generation here is slower until it is done, and slows it too.")
    return Html("")


async def generate(root: Path | None, *typed: Any) -> AsyncIterator[Html]:
    """Stream the answers, then their verdicts."""
    try:
        ask = asked(root, *typed)
    except ForgeError as error:
        yield note(str(error), "error")
        return
    async for found in play.play(ask):
        yield answers.render(found, ask.problem)


def verify_own(root: Path | None, code: str, *typed: Any) -> Html:
    """Judge pasted code by the same tests."""
    try:
        problem = problem_of(root, *typed[2:8])
        return verdict_box(play.verify(problem, code), problem.tests)
    except ForgeError as error:
        return note(str(error), "error")


def asked(
    root: Path | None,
    a: str,
    b: str,
    prompt: str,
    against: str,
    language: str,
    asserts: str,
    file: str,
    task: str,
    tokens: float,
    temperature: float,
    seed: float,
) -> play.Ask:
    """What the controls say, within the limits that hold here. Raises ForgeError."""
    caps = space.caps()
    models = play.allowed([a, b], caps.models)
    problem = problem_of(root, prompt, against, language, asserts, file, task)
    if not problem.statement.strip():
        raise DataError("Write a prompt first, or choose a problem.")
    return play.Ask(
        models=tuple(dict.fromkeys(models)),
        problem=problem,
        max_new_tokens=max(1, min(int(tokens or 1), caps.max_new_tokens)),
        temperature=max(0.0, float(temperature or 0)),
        seed=max(0, int(seed or 0)),
        seconds=caps.seconds,
    )


def problem_of(
    root: Path | None, prompt: str, against: str, language: str, asserts: str, file: str, task: str
) -> Problem:
    """The problem to solve and to judge by: a chosen one, or one made of what was typed. Raises ForgeError."""
    if against == PROBLEM:
        chosen = find_problem(root, file, task)
        changed = bool(prompt.strip()) and prompt.strip() != chosen.statement.strip()
        return replace(chosen, prompt=prompt) if changed else chosen
    tests = play.pasted_tests(asserts or "", language) if against == ASSERTS else Tests()
    return Problem("playground", prompt or "", language=language, tests=tests)


def find_problem(root: Path | None, file: str, task: str) -> Problem:
    """Raises DataError when none was chosen, or it is not there any more."""
    if not (file and task):
        raise DataError("Choose a problem to take the tests from.")
    found = next((p for p in problems.read(file, root) if p.task_id == task), None)
    if found is None:
        raise DataError(f"{file} holds no problem {task!r}.")
    return found


def tasks_of(root: Path | None, file: str) -> Any:
    """The problems of a file as choices."""
    try:
        return gr.Dropdown(choices=[p.task_id for p in problems.read(file, root)] if file else [], value=None)
    except ForgeError as error:
        gr.Warning(str(error))
        return gr.Dropdown(choices=[], value=None)


def chosen_problem(root: Path | None, file: str, task: str) -> list[Any]:
    """Prompt, language and kind of verification that go with a problem."""
    try:
        problem = find_problem(root, file, task)
    except ForgeError:
        return [gr.skip()] * 3
    return [problem.statement, problem.language, PROBLEM]


def opened(page: Page, store: Store, view: View) -> Sequence[Any]:
    """When the tab opens: today's models and files; and the problem or sample that was sent here."""
    caps = space.caps()
    models = list(caps.models or inventory.choices("model", page.root))
    lists = [gr.update(choices=models), gr.update(choices=["", *models])]
    files = gr.update(choices=problems.files())
    sent = _sent(store, view)
    if sent is None:
        return [*lists, *[gr.skip()] * 4, files, gr.skip(), gr.skip()]
    file, problem, code = sent
    names = [p.task_id for p in problems.read(file, page.root)]
    return [
        *lists,
        problem.statement,
        PROBLEM,
        problem.language,
        gr.skip(),
        gr.update(choices=[*problems.files(), file], value=file),
        gr.update(choices=names, value=problem.task_id),
        code or gr.skip(),
    ]


def _sent(store: Store, view: View) -> tuple[str, Problem, str | None] | None:
    """The problem that the address names, where it is to be found, and the code of the sample if it names one."""
    run, task = view.get("run", ""), view.get("task", "")
    if view.get("from") == "problem":
        try:
            return view.get("file", ""), find_problem(store.root, view.get("file", ""), task), None
        except ForgeError:
            return None
    problem = store.problem(run, task) if view.get("from") == "sample" else None
    if problem is None:
        return None
    found = [j.sample.code for j in store.samples(run, task_id=task) if j.id == number(view, "sample", -1)]
    return problems.of_run(run), problem, found[0] if found else None
