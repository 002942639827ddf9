"""Data: prepare or generate problems, and look at what is in a file."""

from pathlib import Path
from typing import Any

import gradio as gr

from haloforge.config import ValidateConfig
from haloforge.errors import ForgeError
from haloforge.problems import SOURCES
from haloforge.ui import inventory
from haloforge.ui.markup import Html, h, note
from haloforge.ui.page import Page
from haloforge.ui.panes import new_pane
from haloforge.ui.tabs.stage import newest_run_panel, stage_form
from haloforge.ui.view import View
from haloforge.ui.widgets import problems


def build(page: Page) -> None:
    """Two forms on the left, the newest data run on the right; beneath them the problems of any file."""
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=6, min_width=320), gr.Tabs():
            with gr.Tab("Prepare a dataset"):
                stage_form(page, "data", "data-prepare")
            with gr.Tab("Generate with a model"):
                stage_form(page, "data", "data-generate")
        with gr.Column(scale=6, min_width=320):
            newest_run_panel(page, "data", ["data-prepare", "data-generate"])
    page.pane("data", problems.render, "problems")
    with gr.Row(elem_classes="actions"):
        check = gr.Button("Validate this file", size="md", elem_id="validate")
        run = gr.Button("Validate and run its solutions", size="md", elem_id="validate-run", visible=not page.read_only)
    result = new_pane("validation")
    event: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "verify", "concurrency_limit": 2}
    check.click(lambda view: validate(view, run_solutions=False), page.view, result, **event)
    run.click(lambda view: validate(view, run_solutions=True), page.view, result, **event)


def validate(view: View, *, run_solutions: bool) -> Html:
    """A report on the file that is shown: rows, repetitions, contamination, solutions that fail."""
    names = inventory.problem_sets()
    name = view.get("file") if view.get("file") in names else names[0]
    if name in SOURCES:
        return note(f"{name} comes with the package, where its own tests check it; prepare it to validate the file.")
    from haloforge.stages.data.validate import validate as validate_file

    try:
        result = validate_file(Path(str(name)), ValidateConfig(run_solutions=run_solutions))
    except ForgeError as error:
        return note(str(error), "error")
    title = f"{name} is {'sound' if result.ok else 'not sound'}"
    return h(
        "div", h("h2", title), h("pre", result.text(), cls="wrap"), cls=f"note {'good' if result.ok else 'error'} stack"
    )
