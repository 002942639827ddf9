"""What one browser shows is in the query of its address, so that reload, bookmark, Back and a second browser agree."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from haloforge.stages.benchmark.held_out import cycle_key as cycle_key
from haloforge.stages.benchmark.held_out import cycle_of as cycle_of

View = Mapping[str, str]
"""Names and values of the address: tab, run, section, page of a list, filters, ... A missing name has its default."""

TABS = {
    "runs": "Runs",
    "pipeline": "Pipeline",
    "data": "Data",
    "sft": "SFT",
    "raft": "RAFT",
    "benchmark": "Benchmark",
    "compare": "Compare",
    "release": "Release",
    "playground": "Playground",
}
"""Name in the address -> label in the strip of tabs. The first is shown when no tab is named."""
HOME = "runs"

_PAGE_NAMES = ("samples", "after", "before", "sample")
"""Page of the list of samples, the sample that it begins after or ends before, and the sample chosen there. `page` is
a name of Gradio's own, for other pages."""
LIST_NAMES = ("find", "stage", "was", "tag", "sort", "runs")
"""What the list of runs shows: words to find, stage, status, tag, order, page."""


def parse(query: str) -> dict[str, str]:
    """The view of an address query, with or without its question mark. An unknown tab is the first one."""
    view = dict(parse_qsl(query.removeprefix("?")))
    return view if view.get("tab") in TABS else view | {"tab": HOME}


def query(view: View, **changes: str | int | None) -> str:
    """The address of a view with changes; None or "" removes a name.

    A change of anything but the page of samples and the sample goes back to the first page, with no sample chosen.
    """
    if not changes.keys() <= set(_PAGE_NAMES):
        changes = dict.fromkeys(_PAGE_NAMES, None) | changes
    merged = {**view, **{name: "" if value is None else str(value) for name, value in changes.items()}}
    return "?" + urlencode({name: value for name, value in merged.items() if value})


def open_run(run_id: str, view: View | None = None) -> str:
    """The address that shows a run; the list beside it stays as it is in `view`."""
    listed = {name: value for name, value in (view or {}).items() if name in LIST_NAMES}
    return query({"tab": "runs", "run": run_id, **listed})


def number(view: View, name: str, default: int = 0) -> int:
    """A whole number from the address; the default where it is missing or not a number."""
    text = view.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default
