"""Trackio: its own local database, or the Space that TRACKIO_SPACE_ID names."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pandas
import trackio

from haloforge.tracking.trackers import PROJECT, Table, TrackedRun


def open_run(run: TrackedRun) -> "Trackio":
    """A run of this id; a resumed one goes on."""
    return Trackio(run)


class Trackio:
    """See Tracker."""

    def __init__(self, run: TrackedRun) -> None:
        config = dict(run.config) | {"name": run.name, "stage": run.stage, "tags": " ".join(run.tags)}
        project = os.environ.get("TRACKIO_PROJECT", PROJECT)
        with _server_or_error():
            self._run = trackio.init(
                project, name=run.id, config=config, resume="allow", embed=False, auto_log_gpu=False, auto_log_cpu=False
            )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        self._run.log(dict(values), step=step)

    def table(self, name: str, table: Table) -> None:
        """See Tracker."""
        self._run.log({name: trackio.Table(dataframe=pandas.DataFrame(table.rows, columns=list(table.columns)))})

    def finish(self, status: str, summary: Mapping[str, float]) -> None:
        """Trackio keeps no status and no summary: the last numbers are there already."""
        with _server_or_error():
            self._run.finish()


@contextmanager
def _server_or_error() -> Iterator[None]:
    """Where its server does not answer, Trackio only warns and goes on by itself; this raises what it warned of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        yield
    for warning in said:
        if "remote" in str(warning.message):
            raise ConnectionError(str(warning.message))
