"""Runs, the home: every run of the store, and one of them in full."""

from haloforge import jobs
from haloforge.errors import RunError
from haloforge.store import Store
from haloforge.ui.page import Page
from haloforge.ui.view import View, open_run, query
from haloforge.ui.widgets import run_detail, run_list


def build(page: Page) -> None:
    """The list, the detail, and what their buttons do."""
    page.pane("runs", run_list.render, "runs-list")
    page.pane("runs", run_detail.render, "run-detail")
    page.action("stop", stop)
    page.action("resume", resume)
    page.action("delete", delete)


def stop(store: Store, view: View, value: str) -> None:
    """`value` is "RUNG RUN-ID": the button says which run it meant, whatever the page shows by now."""
    rung, _, run_id = value.partition(" ")
    jobs.request_stop(store, run_id, rung)


def resume(store: Store, view: View, value: str) -> str:
    """Queue the run again and look at it."""
    return open_run(jobs.resume(store, value).id)


def delete(store: Store, view: View, value: str) -> str:
    """Forget a run. Raises RunError while it works, or when its id is cut short."""
    if value not in {run.id for run in store.runs(limit=10_000)}:
        raise RunError(f"there is no run {value!r}")
    store.delete_run(value)
    return query({"tab": "runs"})
