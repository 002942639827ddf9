"""Weights & Biases: its server, or with WANDB_MODE=offline files below WANDB_DIR or the folder of the run."""

import os
from collections.abc import Mapping

import wandb

from haloforge.tracking.trackers import PROJECT, Table, TrackedRun


def open_run(run: TrackedRun) -> "WeightsAndBiases":
    """A run of this id; a resumed one goes on."""
    return WeightsAndBiases(run)


class WeightsAndBiases:
    """See Tracker. Steps are numbers of their own: W&B's must not go back, and several metrics count differently."""

    def __init__(self, run: TrackedRun) -> None:
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            id=run.id,
            name=run.name,
            config=dict(run.config),
            tags=list(run.tags),
            job_type=run.stage,
            dir=os.environ.get("WANDB_DIR", str(run.folder)),
            resume="allow",
            settings=wandb.Settings(console="off", x_disable_stats=True, init_timeout=30),
        )

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker."""
        self._run.log({**values, f"{next(iter(values)).partition('/')[0]}/step": step})

    def table(self, name: str, table: Table) -> None:
        """See Tracker."""
        self._run.log({name: wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows])})

    def finish(self, status: str, summary: Mapping[str, float]) -> None:
        """See Tracker."""
        self._run.summary.update({**summary, "status": status})
        self._run.finish(exit_code=0 if status == "done" else 1)
