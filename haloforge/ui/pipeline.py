"""The pipelines that a page can start: the object behind `halo-forge run FILE`, from choices instead of a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge.models import EMBEDDED
from haloforge.nesting import nested
from haloforge.pipeline import Pipeline
from haloforge.problems import SOURCES
from haloforge.ui.launch.presets import CPU, PRESETS

_FEW = 24
"""Problems of a first try."""
Flat = Mapping[str, Any]
"""Dotted path -> value, for one stage."""

SMALL = PRESETS[CPU].stages
"""Settings with which the embedded model takes about a quarter of an hour on two CPU cores for all stages."""
_LINKED = (
    "model.name",
    "data.train_file",
    "output_dir",
    "sft_checkpoint",
    "prompts",
    "model",
    "output",
)
"""What the pipeline itself says: where each stage reads and writes."""


def datasets() -> list[str]:
    """Datasets for training that have a test split too."""
    return [
        s.name for s in SOURCES.values() if {"train", "test"} <= s.splits.keys() and {"sft", "raft"} <= {*s.purposes}
    ]


def of_choices(
    dataset: str, language: str, model: str, folder: str, by_stage: Mapping[str, Flat], *, is_released: bool = False
) -> Pipeline:
    """The whole pipeline; `by_stage` has how each stage works. Raises ConfigError where values clash."""
    data = {"dataset": dataset, "split": "train", "language": language.strip() or None}
    sections = {"data": data, **{stage: _how(by_stage.get(stage, {})) for stage in ("benchmark", "sft", "raft")}}
    if is_released:
        sections["export"] = {}
    return Pipeline(model, Path(folder.strip() or "models/pipeline"), sections)


def first_try(folder: str) -> Pipeline:
    """Two dozen problems and one RAFT cycle of the embedded model: the whole loop in about two minutes of two cores."""
    data = {"dataset": "starter-easy", "language": "python", "split": "train", "limit": _FEW}
    raft = _how({**SMALL["raft"], "raft.num_cycles": 1})
    return Pipeline(EMBEDDED, Path(folder), {"data": data, "raft": raft})


def _how(flat: Flat) -> dict[str, Any]:
    return nested({path: value for path, value in flat.items() if path not in _LINKED})
