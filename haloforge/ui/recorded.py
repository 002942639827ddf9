"""Runs that ship with the package, so that a first visit shows something true."""

from haloforge.files import write_text
from haloforge.records import Run
from haloforge.store import RECORDING, Store

SHOWN = "recording-shown"
"""A file in the store's folder: recorded runs that somebody deleted do not come back."""
_NAME = "recorded: "


def bring(store: Store) -> None:
    """Add the recorded runs to a store in which nothing was ever run."""
    mark = store.root / SHOWN
    if mark.exists() or store.count_runs():
        return
    store.load_recording(RECORDING)
    write_text(mark, "")


def is_recorded(run: Run) -> bool:
    """Whether a run came with the package."""
    return run.name.startswith(_NAME)
