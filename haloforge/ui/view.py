"""What one browser looks at, as the query of the page's address: reload, bookmark, Back and a second browser agree."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

View = Mapping[str, str]
"""Names and values of the address: tab, run, section, page, filters, ... Absent means the default."""

TABS = {
    "runs": "Runs",
    "data": "Data",
    "sft": "SFT",
    "raft": "RAFT",
    "benchmark": "Benchmark",
    "compare": "Compare",
    "playground": "Playground",
}
"""Name in the address -> what stands on the strip; the first is home."""
HOME = "runs"

_PAGES = ("page", "sample")


def parse(query: str) -> dict[str, str]:
    """The view of an address query, with or without its question mark. An unknown tab is the first one."""
    view = dict(parse_qsl(query.removeprefix("?")))
    return view if view.get("tab") in TABS else view | {"tab": HOME}


def query(view: View, **changes: str | int | None) -> str:
    """The address of a view with changes; None or "" takes a name away.

    A change of anything but the page itself goes back to the first page and to no chosen sample.
    """
    if not changes.keys() <= set(_PAGES):
        changes = dict.fromkeys(_PAGES, None) | changes
    merged = {**view, **{name: "" if value is None else str(value) for name, value in changes.items()}}
    return "?" + urlencode({name: value for name, value in merged.items() if value})


def open_run(run_id: str) -> str:
    """The address of a run's page, whatever was looked at before."""
    return query({"tab": "runs", "run": run_id})


def number(view: View, name: str, default: int = 0) -> int:
    """A whole number of the view; nonsense in an address is the default."""
    text = view.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else default
