"""Data: prepare, generate or bring problems, look at what is in a file, and make others of it."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from haloforge import jobs, stages
from haloforge.config import PrepareConfig
from haloforge.errors import ForgeError
from haloforge.store import Store
from haloforge.ui import data_tools as tools
from haloforge.ui import inventory
from haloforge.ui.markup import Html, h
from haloforge.ui.page import Page
from haloforge.ui.panes import new_pane
from haloforge.ui.tabs.stage import newest_run_panel, stage_form
from haloforge.ui.view import View
from haloforge.ui.widgets import problems, sources

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_TESTS_ON_TRIAL = (
    "Every reference solution runs against its own tests, and the tests on mutants of it: programs with one small "
    "change, which good tests stop."
)
_WORK: dict[str, Any] = {**_QUIET, "concurrency_id": "data", "concurrency_limit": 2}


def build(page: Page) -> None:
    """Where data comes from, with the newest data run beside it; beneath them any file, and what is done with it."""
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=7, min_width=320), gr.Tabs(elem_id="data-from") as ways:
            with gr.Tab("Sources", id="sources"):
                page.pane("data", partial(sources.render, can_prepare=not page.read_only), "sources")
            with gr.Tab("Prepare a dataset", id="data-prepare"):
                stage_form(page, "data", "data-prepare")
            with gr.Tab("Generate with a model", id="data-generate"):
                stage_form(page, "data", "data-generate")
            if not page.read_only:
                with gr.Tab("Bring a file", id="bring"):
                    _bring()
        with gr.Column(scale=5, min_width=320):
            newest_run_panel(page, "data", ["data-prepare", "data-generate"])
    page.action(sources.PREPARE, prepare)
    page.pane("data", problems.render, "problems")
    choices = _tools(page)
    page.fill("data", [ways, *choices], lambda store, view: opened(store, view, len(choices)))


def opened(store: Store, view: View, choices: int) -> list[Any]:
    """When the tab opens: the form of a run that is cloned, and the models and files of now."""
    run = store.find_run(view.get("from", ""))
    ways = gr.Tabs(selected=run.stage) if run and run.stage.startswith("data-") else gr.skip()
    models = [tools.CHARACTERS, *inventory.choices("model", store.root)]
    return [ways, *(gr.update(choices=models) for _ in range(2)),
            *(gr.update(choices=inventory.data_files_here()) for _ in range(choices - 2))]  # fmt: skip


def prepare(store: Store, view: View, name: str) -> str | None:
    """Queue the preparation of a dataset with its usual settings, into a file of its name."""
    config = PrepareConfig.parse({"dataset": name, "output": f"data/{name}.jsonl"})
    stages.plan(config, measures=False)
    jobs.submit(store, config)
    return None


def take_row(view: View) -> list[Any]:
    """The chosen row, for the page to remember and for the editor."""
    try:
        row = tools.taken(view)
    except ForgeError as error:
        gr.Warning(str(error), duration=8)
        return [gr.skip(), gr.skip()]
    return [row, row.text]


def _bring() -> None:
    file = gr.File(label="A .jsonl, .json, .csv or .parquet file", type="filepath", height=120, elem_id="bring-file")
    name = gr.Textbox(label="Save as", placeholder="data/ and the name of the file", max_lines=1, elem_id="bring-name")
    with gr.Row(elem_classes="actions"):
        add = gr.Button("Check and add", variant="primary", size="md", elem_id="bring-add")
    out = new_pane("bring-out")
    add.click(tools.brought, [file, name], out, **_WORK)


def _tools(page: Page) -> list[Any]:
    """The tools of the file that is shown; returns the two choices of a model, then those of files."""
    models = [tools.CHARACTERS, *inventory.choices("model", page.root)]
    with gr.Tabs(elem_id="data-tools"):
        with gr.Tab("Lengths and repeats"):
            unit = gr.Dropdown(models, value=models[0], label="Count in", allow_custom_value=not page.read_only,
                               info="characters, or the tokens of a model", elem_id="measure-in")  # fmt: skip
            _button(page, "Measure", "measure", tools.measured, [unit])
        with gr.Tab("As a model reads it"):
            reader = gr.Dropdown(models, value=models[0], label="Chat template of", elem_id="read-by",
                                 allow_custom_value=not page.read_only)  # fmt: skip
            _button(page, "Show the chosen row", "read", tools.read_by, [reader])
        if page.read_only:
            return [unit, reader]
        with gr.Tab("Test the tests"):
            _test_the_tests(page)
        with gr.Tab("Edit a row"):
            _edit(page)
        with gr.Tab("Split"):
            _split(page)
        with gr.Tab("Mix"):
            files = _mix()
    return [unit, reader, files]


def _button(page: Page, text: str, name: str, act: Any, inputs: list[Any]) -> None:
    with gr.Row(elem_classes="actions"):
        button = gr.Button(text, size="md", elem_id=f"{name}-go")
    button.click(act, [page.view, *inputs], new_pane(f"{name}-out"), **_WORK)


def _test_the_tests(page: Page) -> None:
    new_pane(value=h("p", _TESTS_ON_TRIAL, cls="muted"))
    with gr.Row(elem_classes="actions"):
        go = gr.Button("Run", size="md", elem_id="validate-run")
        stop = gr.Button("Stop", size="md", elem_id="validate-stop")
    out = new_pane("validation")

    def stream(view: View) -> Iterator[Html]:
        yield from tools.tests_tested(view)

    event = go.click(stream, page.view, out, **_WORK)
    stop.click(None, cancels=[event])


def _edit(page: Page) -> None:
    with gr.Row(elem_classes="actions"):
        take = gr.Button("Take the chosen row", size="md", elem_id="edit-take")
    text = gr.Code(label="Row", language="json", lines=6, max_lines=24, interactive=True, elem_id="edit-row")
    name = gr.Textbox(label="Save as", placeholder="the same file", max_lines=1, elem_id="edit-name")
    row = gr.State(None)
    take.click(take_row, page.view, [row, text], **_QUIET)
    with gr.Row(elem_classes="actions"):
        save = gr.Button("Save the row", size="md", elem_id="edit-save")
    save.click(tools.saved, [row, text, name], new_pane("edit-out"), **_WORK)


def _split(page: Page) -> None:
    with gr.Row(elem_classes="fields"):
        share = gr.Number(0.2, label="Share to hold out", info="above 0, below 1", elem_id="split-share")
        seed = gr.Number(42, label="Seed", elem_id="split-seed")
        train = gr.Textbox(label="To train on", placeholder="NAME-train.jsonl", max_lines=1, elem_id="split-train")
        test = gr.Textbox(label="Held out", placeholder="NAME-test.jsonl", max_lines=1, elem_id="split-test")
    _button(page, "Split the file", "split", tools.halved, [share, seed, train, test])


def _mix() -> Any:
    with gr.Row(elem_classes="fields"):
        files = gr.Dropdown(
            inventory.data_files(Path()), value=[], multiselect=True, label="Files", elem_id="mix-files"
        )
        weights = gr.Textbox(label="Weights", placeholder="equal, or 2, 1", max_lines=1, elem_id="mix-weights")
        rows = gr.Textbox(label="Rows", placeholder="as many as there are", max_lines=1, elem_id="mix-rows")
        seed = gr.Number(42, label="Seed", elem_id="mix-seed")
        output = gr.Textbox("data/mixed.jsonl", label="Save as", max_lines=1, elem_id="mix-name")
    with gr.Row(elem_classes="actions"):
        go = gr.Button("Mix the files", size="md", elem_id="mix-go")
    go.click(tools.mixed, [files, weights, rows, seed, output], new_pane("mix-out"), **_WORK)
    return files
