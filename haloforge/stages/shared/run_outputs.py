"""What runs write: the folders that their models are in, and the unfinished run of an output."""

from pathlib import Path

from haloforge import config as configs
from haloforge.errors import RunError
from haloforge.records import Run
from haloforge.stages.shared.reproducibility import MAY_CHANGE
from haloforge.store import Store


def model_folders(store: Store) -> set[Path]:
    """The output folders of all runs whose stage trains a model; some may not be there any more."""
    return {folder for run in store.runs() if (folder := configs.model_folder_of(run))}


def unfinished_run(store: Store, config: configs.StageConfig) -> Run | None:
    """The newest run of this stage with the same output, if it can go on; None where there is none, or it is done.

    Reconcile the store first. Raises RunError when the run is queued or running, or has other settings than it may go
    on with.
    """
    output = config.output_path
    assert output is not None, "every stage that is run writes something"
    run = next((r for r in store.runs(stage=config.stage) if configs.output_of(r) == output.absolute()), None)
    if run is None or run.status == "done":
        return None
    if not run.is_finished:
        raise RunError(f"run {run.id} for {output} is {run.status}; `halo-forge runs show {run.id} --follow`")
    old = configs.values(type(config).parse(run.config))
    changed = [
        f"{k} {old[k]!r} -> {v!r}" for k, v in configs.values(config).items() if old[k] != v and k not in MAY_CHANGE
    ]
    if changed:
        raise RunError(
            f"run {run.id} for {output} has other settings ({'; '.join(changed)}): "
            f"go on with the old ones by `halo-forge runs resume {run.id}`, or start anew without --resume"
        )
    return run
