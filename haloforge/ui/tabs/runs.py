"""Runs, the first tab: every run of the store, and one of them in full."""

import time
from functools import partial

import gradio as gr

from haloforge import jobs
from haloforge.errors import RunError
from haloforge.store import Store
from haloforge.ui import pipeline
from haloforge.ui.page import Page
from haloforge.ui.view import View, open_run, query
from haloforge.ui.widgets import run_detail, run_list, welcome


def build(page: Page) -> None:
    """The list, the detail, and what their buttons do."""
    page.pane("runs", partial(welcome.render, read_only=page.read_only), "welcome")
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=4, min_width=320):
            page.pane("runs", run_list.render, "runs-list")
        with gr.Column(scale=8, min_width=320):
            page.pane("runs", run_detail.render, "run-detail")
    page.action("stop", stop)
    page.action("resume", resume)
    page.action("delete", delete)
    page.action("try", first_try)


def stop(store: Store, view: View, value: str) -> None:
    """`value` is "RUNG RUN-ID": it names the run that the button was drawn for, whatever the page shows by now."""
    rung, _, run_id = value.partition(" ")
    jobs.request_stop(store, run_id, rung)


def resume(store: Store, view: View, value: str) -> str:
    """Queue the run again and look at it."""
    return open_run(jobs.resume(store, value).id)


def delete(store: Store, view: View, value: str) -> str:
    """Forget a run. Raises RunError while it works, or when its id is cut short."""
    if store.find_run(value) is None:
        raise RunError(f"there is no run {value!r}")
    jobs.delete(store, value)
    return query({"tab": "runs"})


def first_try(store: Store, view: View, value: str) -> str:
    """Queue a small pipeline with the embedded model, and look at its RAFT run."""
    folder = f"models/first-try-{time.strftime('%Y%m%d-%H%M%S')}"
    return open_run(jobs.submit_chain(store, pipeline.first_try(folder), name="first try")[-1].id)
