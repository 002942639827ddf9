"""Playground: one to four models answer a prompt, and their code is verified as in training."""

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.errors import ForgeError
from haloforge.languages import language_of
from haloforge.store import Store, home
from haloforge.ui import generation, inventory, loaded_models, model_names, new_problem, space
from haloforge.ui import playground_controls as fields
from haloforge.ui.formatting import count
from haloforge.ui.given_answers import Given, cast
from haloforge.ui.markup import Html, join, link, note
from haloforge.ui.page import Page
from haloforge.ui.panes import new_pane
from haloforge.ui.playground_arrivals import arrival, missing
from haloforge.ui.playground_request import (
    ASSERTS,
    CASES,
    COMPILER,
    PROBLEM,
    SINGLE,
    controls_of,
    find_problem,
    problem_of,
    request_of,
    verifier_settings,
)
from haloforge.ui.rewards import lesson
from haloforge.ui.view import View, query
from haloforge.ui.voting import tally
from haloforge.ui.widgets import playground_lines
from haloforge.ui.widgets.answers import EDIT, REVEAL, VOTE
from haloforge.ui.widgets.verdict import verdict_box

FILLED = (
    "models", "prompt", "verify_with", "language", "file", "task", "reward", "partial", "run_untested", "threshold",
    "time_limit_s", "own_code", "own_panel", "new_file",
)  # fmt: skip
"""Controls that get values or choices when the tab is opened."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build(page: Page) -> None:
    """Controls on the left, answers on the right; beneath them what was voted."""
    page.pane("playground", partial(memory_line, can_unload=not page.read_only), "playground-busy")
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=5, min_width=320):
            parts = fields.controls(page)
            with gr.Row(elem_classes=["actions", "floor"]):
                parts["go"] = gr.Button("Generate and verify", variant="primary", size="md", elem_id="play-go")
                parts["stop"] = gr.Button("Stop", size="md", elem_id="play-stop", interactive=False)
        with gr.Column(scale=7, min_width=320):
            parts["out"] = new_pane("play-out", note("The answers appear here, word by word, then their verdicts."))
            parts |= fields.own_code()
            parts |= {} if page.read_only else fields.new_problem()
    page.pane("playground", lambda store, _view: playground_lines.tally(tally(store.votes())), "votes")
    parts["given"] = gr.State(None)
    _wire_answers(page, parts)
    _wire_choices(page, parts)
    _wire_servers(parts)
    page.action(playground_lines.UNLOAD, unload)
    page.watch.also.append(lambda: str(loaded_models.held()))
    filled = [name for name in FILLED if name in parts]
    page.fill("playground", [parts[name] for name in filled], lambda store, view: opened(store, view, filled))


def _wire_answers(page: Page, parts: dict[str, Any]) -> None:
    inputs = [*(parts[name] for name in SINGLE), *parts["cases"]]
    root = page.root or home()

    async def stream(*typed: Any) -> AsyncIterator[list[Any]]:
        async for shown in generate(root, *typed):
            yield list(shown)

    shown = [parts["out"], parts["given"]]
    at_once = 1 if page.read_only else 2
    asked = [parts["go"].click, parts["prompt"].submit]  # Shift+Enter in the prompt
    stop, quick = parts["stop"], {"queue": False, **_QUIET}
    begun = gr.on(asked, partial(gr.update, interactive=True), None, stop, **quick)
    work = begun.then(stream, inputs, shown, concurrency_id="model", concurrency_limit=at_once, **_QUIET)
    work.then(partial(gr.update, interactive=False), None, stop, **quick)
    stop.click(stopped, parts["given"], [*shown, stop], cancels=[work], **quick)
    picked_outputs = [*shown, parts["own_code"], parts["own_panel"], parts["own_out"]]

    def pick(given: Given | None, message: gr.EventData) -> list[Any]:
        return picked(page, given, message)

    page.started(parts["out"].select(pick, parts["given"], picked_outputs, **_QUIET))
    verifying = {"concurrency_id": "verify", "concurrency_limit": 2, **_QUIET}
    parts["own_verify"].click(partial(verify_own, root), [parts["own_code"], *inputs], parts["own_out"], **verifying)
    if "new_add" in parts:
        own = [parts[name] for name in ("new_file", "new_task", "new_solution", "own_code")]
        parts["new_add"].click(partial(add_problem, root), [*own, *inputs], parts["new_out"], **verifying)


def _wire_choices(page: Page, parts: dict[str, Any]) -> None:
    boxes = [parts["asserts"], parts["case_box"], parts["task_row"]]
    parts["verify_with"].change(
        lambda kind: [gr.update(visible=kind == name) for name in (ASSERTS, CASES, PROBLEM)],
        parts["verify_with"],
        boxes,
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
    rows, shown = parts["case_rows"], gr.State(1)
    parts["case_more"].click(
        lambda n: [n + 1, *(gr.update(visible=i <= n) for i in range(len(rows)))], shown, [shown, *rows], **_QUIET
    )


def _wire_servers(parts: dict[str, Any]) -> None:
    if "server_add" not in parts:
        return
    typed = [parts[name] for name in ("models", "server", "server_model", "server_url")]
    parts["server_add"].click(add_server, typed, [parts["models"], parts["server_said"]], **_QUIET)


def memory_line(store: Store, view: View, *, can_unload: bool = True) -> Html:
    """Which models and which run hold the machine's memory; before it, what the address names and is not there."""
    running = store.runs(status="running", limit=1)
    run = running[0] if running else None
    gone = missing(store, view)
    line = playground_lines.memory_line(loaded_models.held(), run, can_unload=can_unload)
    return join([note(gone, "error") if gone else None, line])


def unload(store: Store, view: View, value: str) -> str | None:
    """Let go of the models that nobody uses."""
    loaded_models.let_go()
    return None


async def generate(root: Path | None, *typed: Any) -> AsyncIterator[tuple[Html, Given | None]]:
    """Stream the answers, then their verdicts; `typed` holds the values of `Controls`."""
    try:
        request = request_of(root, controls_of(typed))
        async for states in generation.side_by_side(request):
            given = Given(request, states, hidden=request.blind)
            yield given.markup(), given
    except ForgeError as error:
        yield note(str(error), "error"), None


def stopped(given: Given | None) -> list[Any]:
    """After Stop: the answers as far as they are, and nothing left to stop."""
    off = gr.update(interactive=False)
    if given is None:
        return [note("Stopped before there was an answer."), None, off]
    given = given.stopped()
    return [given.markup(), given, off]


def picked(page: Page, given: Given | None, message: gr.EventData) -> list[Any]:
    """What a button beneath an answer asks for: edit it, vote for it, or show the names."""
    what, _, which = str(message._data.get("pick", "")).partition(":")
    nothing = [gr.skip()] * 5
    try:
        if given is None:
            return nothing
        if what == EDIT:
            return [gr.skip(), gr.skip(), given.program(which), gr.Accordion(open=True), ""]
        if what == VOTE:
            with page.store() as store:
                given = cast(store, given, which)
        elif what == REVEAL:
            given = given.revealed()
        return [given.markup(), given, *nothing[2:]]
    except ForgeError as error:
        gr.Warning(str(error), duration=8)
        return nothing


def verify_own(root: Path | None, code: str, *typed: Any) -> Iterator[Html]:
    """Verify the editor's code by the same tests; the verdict of earlier code is gone at once."""
    try:
        controls = controls_of(typed)
        problem, settings = problem_of(root, controls), verifier_settings(controls)
        yield note("Verifying …")
        verdict = generation.verify(problem, code, settings)
        learns, why = lesson(verdict, problem.tests, controls.threshold)
        said = f"{'could learn' if learns else 'would not learn'} from it: {why}"
        yield verdict_box(verdict, problem.tests, binary=settings.reward == "binary", lesson=said)
    except ForgeError as error:
        yield note(str(error), "error")


def add_problem(root: Path | None, file: str, task: str, with_solution: bool, code: str, *typed: Any) -> Html:
    """Add the task with its tests to a data file; says what became of it."""
    try:
        written = new_problem.add(root, controls_of(typed), file or "", task or "", code if with_solution else None)
    except ForgeError as error:
        return note(str(error), "error")
    to = link(str(written.path), query({"tab": "data", "file": str(written.path), "task": (task or "").strip()}))
    return note(join(["Added: ", to, f" has {count(written.rows, 'problem')} now."]), "good")


def add_server(models: Sequence[str] | None, server: str, name: str, url: str) -> list[Any]:
    """The list of models with one more, of a server."""
    try:
        model = model_names.written(server, name or "", url or "")
    except ForgeError as error:
        return [gr.skip(), note(str(error), "error")]
    return [gr.update(value=[*dict.fromkeys([*(models or ()), model])]), note(f"{model} is chosen.", "good")]


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


def opened(store: Store, view: View, names: Sequence[str] = FILLED) -> list[Any]:
    """When the tab opens: the models and files of now, and the problem or sample that the address sends here."""
    models = list(space.caps().models or inventory.choices("model", store.root))
    sets = inventory.problem_sets()
    values: dict[str, Any] = {
        "models": gr.update(choices=models, **({"value": [view["model"]]} if view.get("model") in models else {})),
        "file": gr.update(choices=sets),
        "new_file": gr.update(choices=inventory.own_files()),
    }
    sent = arrival(store, view)
    if sent is not None:
        tasks = [p.task_id for p in inventory.read_problems(sent.file, store.root)]
        values |= {
            "prompt": sent.problem.statement,
            "verify_with": PROBLEM if sent.problem.tests.kind != "none" else COMPILER,
            "language": sent.problem.language,
            "file": gr.update(choices=[*sets, sent.file], value=sent.file),
            "task": gr.update(choices=tasks, value=sent.problem.task_id),
            **sent.judging(),
        }
        if sent.code:
            values |= {"own_code": sent.code, "own_panel": gr.Accordion(open=True)}
    return [values.get(name, gr.skip()) for name in names]
