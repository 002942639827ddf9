"""Runs, the first tab: every run of the store, and one of them in full."""

import time
from functools import partial

import gradio as gr

from haloforge import jobs
from haloforge.errors import RunError
from haloforge.store import Store
from haloforge.ui import pipeline
from haloforge.ui.page import Page
from haloforge.ui.view import LIST_NAMES, View, open_run, query
from haloforge.ui.widgets import run_detail, run_list, run_notes, welcome


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
    return open_run(jobs.submit_chain(store, pipeline.first_try(folder).configs(), name="first try")[-1].id)
