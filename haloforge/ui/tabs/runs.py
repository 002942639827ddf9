"""Runs, the first tab: every run of the store, one of them in full, and a whole pipeline with one click."""

import shlex
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gradio as gr

from haloforge import jobs
from haloforge.errors import ForgeError, RunError
from haloforge.settings import StageConfig, command
from haloforge.store import Store
from haloforge.ui import inventory, pipeline
from haloforge.ui.markup import Html, h, join, link, note
from haloforge.ui.page import Page
from haloforge.ui.palette import STAGES
from haloforge.ui.panes import new_pane
from haloforge.ui.view import LIST_NAMES, View, open_run, query
from haloforge.ui.widgets import run_detail, run_list, run_notes, welcome

SMALL, TYPED = "small: the embedded model on a CPU", "as the SFT, RAFT and Benchmark tabs say"
_STAGES = ("sft", "raft", "benchmark")


def build(page: Page) -> None:
    """The list, the detail, and what their buttons do."""
    page.pane("runs", partial(welcome.render, read_only=page.read_only), "welcome")
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=4, min_width=320):
            page.pane("runs", run_list.render, "runs-list")
            if not page.read_only:
                _pipeline(page)
        with gr.Column(scale=8, min_width=320):
            page.pane("runs", run_detail.render, "run-detail")
    page.action("stop", stop)
    page.action("resume", resume)
    page.action("again", again)
    page.action("up", up)
    page.action("delete", delete)
    page.action("describe", describe)
    page.action("try", first_try)


def stop(store: Store, view: View, value: str) -> None:
    """`value` is "RUNG RUN-ID": it names the run that the button was drawn for, whatever the page shows by now."""
    rung, _, run_id = value.partition(" ")
    jobs.request_stop(store, run_id, rung)


def resume(store: Store, view: View, value: str) -> str:
    """Queue the run again and look at it."""
    return open_run(jobs.resume(store, value).id, view)


def again(store: Store, view: View, value: str) -> str:
    """Queue the settings of the run once more, with a new output, and look at that run."""
    return open_run(jobs.again(store, value).id, view)


def up(store: Store, view: View, value: str) -> None:
    """Let a queued run change places with the one before it."""
    store.move_up(value)


def describe(store: Store, view: View, value: str) -> None:
    """Store the name, tags and notes that the form of a run sent."""
    run_notes.describe(store, value)


def delete(store: Store, view: View, value: str) -> str:
    """Forget a run, after the page asked for it. Raises RunError while it works, or when its id is cut short."""
    if store.find_run(value) is None:
        raise RunError(f"there is no run {value!r}")
    jobs.delete(store, value)
    return query({name: kept for name, kept in view.items() if name in LIST_NAMES}, tab="runs", runs=view.get("runs"))


def first_try(store: Store, view: View, value: str) -> str:
    """Queue a small pipeline with the embedded model, and look at its RAFT run."""
    folder = f"models/first-try-{time.strftime('%Y%m%d-%H%M%S')}"
    return open_run(jobs.submit_chain(store, pipeline.first_try(folder), name="first try")[-1].id)


def _pipeline(page: Page) -> None:
    models = inventory.choices("model", page.root)
    with gr.Accordion("Queue a pipeline: data, benchmark, SFT, RAFT, benchmark", open=False, elem_id="pipeline"):
        with gr.Row(elem_classes="fields"):
            fields = [
                gr.Dropdown(pipeline.datasets(), value="starter-easy", label="Dataset", elem_id="pipeline-dataset"),
                gr.Textbox(label="Language", value="python", elem_id="pipeline-language", placeholder="all"),
                gr.Dropdown(
                    list(models), value=models[0], label="Model", allow_custom_value=True, elem_id="pipeline-model"
                ),
                gr.Textbox(label="Folder for everything it makes", value="models/pipeline", elem_id="pipeline-folder"),
                gr.Dropdown([SMALL, TYPED], value=SMALL, label="Settings", elem_id="pipeline-settings"),
            ]
        with gr.Row(elem_classes="actions"):
            go = gr.Button("Queue pipeline", variant="primary", size="md", elem_id="pipeline-go")
            plan = gr.Button("Show its commands", size="md", elem_id="pipeline-plan")
        message = new_pane("pipeline-said")
    page.fill(
        "runs", [fields[2]], lambda _store, _view: [gr.update(choices=list(inventory.choices("model", page.root)))]
    )
    page.later(partial(_wire, page, fields, go, plan, message))


def _wire(page: Page, fields: list[Any], go: Any, plan: Any, message: Any) -> None:
    inputs = [*fields, *(c for stage in _STAGES for c in page.forms[stage].components)]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    page.started(go.click(lambda *typed: queue_pipeline(page, *typed), inputs, message, **quiet))
    plan.click(lambda *typed: show_pipeline(page, *typed), inputs, message, **quiet)


def queue_pipeline(page: Page, *typed: Any) -> Html:
    """Queue all stages; each run waits for the one before."""
    try:
        chain = chain_of(page, typed)
        with page.store() as store:
            runs = jobs.submit_chain(store, chain)
    except ForgeError as error:
        return note(str(error), "error")
    links = join([link(STAGES[run.stage], open_run(run.id)) for run in runs], between=", ")
    return note(join([f"Queued {len(runs)} runs, each after the one before: ", links, "."]), "good")


def show_pipeline(page: Page, *typed: Any) -> Html:
    """The commands that do the same as one click would."""
    try:
        chain = chain_of(page, typed)
    except ForgeError as error:
        return note(str(error), "error")
    return h("pre", "\n".join(shlex.join(command(config)) for config in chain), cls="wrap", tabindex=0)


def chain_of(page: Page, typed: Sequence[Any]) -> list[StageConfig]:
    """The pipeline that the fields describe, and after them those of the stages' forms. Raises ConfigError."""
    dataset, language, model, folder, choice, *stage_fields = typed
    return pipeline.chain(dataset, language or "", model or "", folder or "", settings_of(page, choice, stage_fields))


def settings_of(page: Page, choice: str, typed: Sequence[Any]) -> Mapping[str, pipeline.Flat]:
    """The settings of each stage: the small ones, or those typed into the forms of the tabs."""
    if choice == SMALL:
        return pipeline.SMALL
    by_stage, rest = {}, list(typed)
    for stage in _STAGES:
        form = page.forms[stage]
        size = len(form.components)
        by_stage[stage], rest = form.flat(rest[:size]), rest[size:]
    return by_stage
