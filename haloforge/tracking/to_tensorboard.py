"""TensorBoard: event files in the folder of the run, or below TENSORBOARD_LOGDIR."""

import os
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from haloforge.tracking.trackers import Table, TrackedRun


def open_run(run: TrackedRun) -> "TensorBoard":
    """Event files of this run; a resumed run adds one."""
    return TensorBoard(run)


class TensorBoard:
    """See Tracker. TensorBoard has no tables: a table becomes a text."""

    def __init__(self, run: TrackedRun) -> None:
        root = os.environ.get("TENSORBOARD_LOGDIR")
        self._writer = SummaryWriter(str(Path(root, run.id) if root else run.folder / "tensorboard"))
        lines = [f"| {name} | {value} |" for name, value in run.config.items()]
        self._writer.add_text("config", "\n".join(["| setting | value |", "|---|---|", *lines]))
        self._writer.add_text("run", f"{run.name} ({', '.join(run.tags)})")

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def table(self, name: str, table: Table) -> None:
        """A small one as text; samples are not shown."""
        if name == "samples":
            return
        head = [f"| {' | '.join(table.columns)} |", f"|{'---|' * len(table.columns)}"]
        rows = [f"| {' | '.join('' if cell is None else str(cell) for cell in row)} |" for row in table.rows]
        self._writer.add_text(name, "\n".join([*head, *rows]))

    def finish(self, status: str, summary: Mapping[str, float]) -> None:
        """See Tracker."""
        self._writer.add_text("status", status)
        self._writer.close()
