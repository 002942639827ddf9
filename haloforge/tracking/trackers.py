"""What a tracker is told, and the trackers there are. Their packages are imported only in a process that mirrors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from haloforge.errors import ConfigError

PROJECT = "halo-forge"
"""The project or experiment of all runs, unless the tracker's own environment variable names another."""

Cell = str | int | float | None


@dataclass(frozen=True)
class TrackedRun:
    """The run as a tracker shows it. `config` is flat: training.learning_rate -> 2e-4. `folder` is the run's own."""

    id: str
    name: str
    stage: str
    config: Mapping[str, Any]
    tags: Sequence[str]
    folder: Path


@dataclass(frozen=True)
class Table:
    """Rows of cells under the names of columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Tracker(Protocol):
    """One run in one tracker. Whatever a method raises ends the tracking of this run, with its reason in the log."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Numbers of one step, by their full names (train/loss)."""

    def table(self, name: str, table: Table) -> None:
        """A table, where the tracker has tables."""

    def finish(self, status: str, summary: Mapping[str, float]) -> None:
        """How the run ended, and its last numbers."""


TRACKERS: Mapping[str, tuple[str, str]] = {
    "tensorboard": ("tensorboard", "haloforge.tracking.to_tensorboard"),
    "trackio": ("trackio", "haloforge.tracking.to_trackio"),
    "wandb": ("wandb", "haloforge.tracking.to_wandb"),
    "mlflow": ("mlflow", "haloforge.tracking.to_mlflow"),
}
"""Name -> the package that it needs, and the module here that speaks to it."""


def refuse_missing_tracker(names: Sequence[str]) -> None:
    """Raises ConfigError for a tracker whose package is not installed."""
    for name in names:
        package, _ = TRACKERS[name]
        if find_spec(package) is None:
            raise ConfigError(
                f"report_to {name} needs the package {package}, which is not installed: "
                f"pip install 'halo-forge[{name}]'"
            )


def opener(name: str) -> Callable[[TrackedRun], Tracker]:
    """What begins, or goes on with, a run in a tracker. Imports the tracker's package, which may take seconds."""
    found: Callable[[TrackedRun], Tracker] = import_module(TRACKERS[name][1]).open_run
    return found
