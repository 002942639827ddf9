"""Checkpoints of an unfinished training: which one to resume from, and turning the best into `final_model`.

transformers writes a checkpoint file by file; a process may die in the middle. Only a folder that was marked after
its last file is used, and what a killed process left behind is removed.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge.errors import ConfigError, RunError
from haloforge.files import file_errors, read_text, write_text
from haloforge.models import Metadata, building, read_metadata, write_metadata

_COMPLETE = "complete"
_FINGERPRINT = "fingerprint.json"
_STATE = "trainer_state.json"
_ONLY_FOR_RESUMING = (
    "optimizer.pt",
    "scheduler.pt",
    "scaler.pt",
    "rng_state*.pth",
    _STATE,
    "training_args.bin",
    _COMPLETE,
)


def mark_complete(folder: Path, step: int) -> None:
    """Say that the checkpoint of `step` is whole."""
    write_text(folder / f"checkpoint-{step}" / _COMPLETE, "")


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint, None where there is none."""
    whole = [path for path in folder.glob("checkpoint-*") if (path / _COMPLETE).is_file()]
    return max(whole, key=_step, default=None)


def remove_incomplete(folder: Path) -> None:
    """Remove checkpoints that a killed process did not finish; the Trainer would count them among those to keep."""
    for path in folder.glob("checkpoint-*"):
        if not (path / _COMPLETE).is_file():
            shutil.rmtree(path)


def state_of(checkpoint: Path) -> dict[str, Any]:
    """The Trainer's own record of a checkpoint: global_step, best_global_step, log_history, ..."""
    state = json.loads(read_text(checkpoint / _STATE))
    assert isinstance(state, dict)
    return state


def claim(folder: Path, fingerprint: Mapping[str, Any], *, are_samples: bool) -> bool:
    """Record what the checkpoints of `folder` are trained on. Raises RunError when that was something else.

    Settings with other names were written by another version, which trained by other rules perhaps: its checkpoints
    are removed, and False is returned. Samples of the run's own (`are_samples`) may then be others, too: which of them
    are kept, and in which order, is such a rule.
    """
    path = folder / _FINGERPRINT
    before = json.loads(read_text(path)) if path.exists() else fingerprint
    is_other_version = before["settings"].keys() != fingerprint["settings"].keys()
    changed = [name for name in fingerprint if name in before and before[name] != fingerprint[name]]
    may_change = {"settings", "training data"} if are_samples else {"settings"}
    if is_other_version and may_change.issuperset(changed):
        discard(folder)
    elif changed:
        raise RunError(
            f"the {' and '.join(changed)} changed since this run began to train, so it cannot go on; start a new run"
        )
    write_text(path, json.dumps(fingerprint, indent=2))
    return not is_other_version


def refuse_taken(target: Path, run_id: str, *, overwrite: bool) -> None:
    """Raises ConfigError when `target` holds something that another run made, unless `overwrite`."""
    if overwrite or not target.exists() or read_metadata(target).run == run_id:
        return
    owner = read_metadata(target).run
    whose = f"was made by run {owner}" if owner else "was made by something else"
    raise ConfigError(f"{target} {whose}; give another --output, or --overwrite to replace it")


def publish(checkpoint: Path, target: Path, metadata: Metadata) -> None:
    """Make `target` the model of a checkpoint: adapter, tokenizer, chat template and metadata, all of it or nothing.

    What was there before is replaced.
    """
    with file_errors(target):
        new, old = (target.with_name(f".{target.name}-{word}") for word in ("new", "old"))
        shutil.rmtree(new, ignore_errors=True)
        with building(new) as partial:
            shutil.copytree(
                checkpoint, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_ONLY_FOR_RESUMING, "README.md")
            )
            write_metadata(partial, metadata)
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove the checkpoints of a finished training; they are several times as large as the model."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)


def _step(path: Path) -> int:
    return int(path.name.rpartition("-")[2])
