"""MLflow: the server or folder that MLFLOW_TRACKING_URI names, by default `mlruns` beside the runs."""

import os
from collections.abc import Mapping

from mlflow import MlflowClient

from haloforge.tracking.trackers import PROJECT, Table, TrackedRun

_ID = "halo_forge.run"
_ENDS = {"done": "FINISHED", "failed": "FAILED"}
_MOST_CHARACTERS = 500
"""Of a parameter's value."""


def open_run(run: TrackedRun) -> "MLflow":
    """The run with this id in its tags; a resumed one goes on."""
    return MLflow(run)


class MLflow:
    """See Tracker."""

    def __init__(self, run: TrackedRun) -> None:
        local = f"sqlite:///{(run.folder.parent / 'mlflow.db').absolute()}"
        self._client = MlflowClient(tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", local))
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        known = self._client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self._client.create_experiment(name)
        earlier = self._client.search_runs([experiment], f"tags.`{_ID}` = '{run.id}'")
        if earlier:
            self._run = earlier[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        tags = {_ID: run.id, "stage": run.stage, "tags": " ".join(run.tags)}
        self._run = self._client.create_run(experiment, tags=tags, run_name=run.name).info.run_id
        for setting, value in run.config.items():
            self._client.log_param(self._run, setting, str(value)[:_MOST_CHARACTERS])

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """See Tracker. MLflow refuses some characters in names, such as the @ of pass@1."""
        for name, value in values.items():
            self._client.log_metric(self._run, name.replace("@", "_at_"), value, step=step)

    def table(self, name: str, table: Table) -> None:
        """See Tracker."""
        columns = {column: [row[i] for row in table.rows] for i, column in enumerate(table.columns)}
        self._client.log_table(self._run, columns, f"{name}.json")

    def finish(self, status: str, summary: Mapping[str, float]) -> None:
        """The last numbers are there already."""
        self._client.set_terminated(self._run, _ENDS.get(status, "KILLED"))
