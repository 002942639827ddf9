"""Every setting of every stage, once. YAML keys, CLI flags, GUI fields and the stored config all derive from here.

One file per stage, `sections` for what several stages have, `verifier` for how code is judged. A new setting is one
line in its section, with its default, its bounds and its help, and the line that uses it.
"""

import copy
import re
from collections.abc import Collection
from pathlib import Path

from haloforge.config.app import AppConfig
from haloforge.config.benchmark import BenchmarkConfig, BenchmarkSampling
from haloforge.config.data import Backend, DatasetName, GenerateConfig, PrepareConfig, ValidateConfig
from haloforge.config.raft import EvaluationSection, Loss, RaftConfig, RaftLoop, RaftTraining
from haloforge.config.release import ReleaseConfig
from haloforge.config.sections import (
    ALL_LINEAR,
    DEFAULT_ROWS,
    BatchedSampling,
    CheckpointSampling,
    LoraSection,
    ModelSection,
    SamplingSection,
)
from haloforge.config.serve import ServeConfig
from haloforge.config.sft import SftConfig, SftData, SftTraining, TrainingFile
from haloforge.config.verifier import VerifyConfig, VerifySettings
from haloforge.errors import ConfigError
from haloforge.nesting import put, value_at
from haloforge.records import Run
from haloforge.settings import AUTO, Setting, StageConfig, command, output_setting, settings, values

__all__ = [
    "ALL_LINEAR",
    "AUTO",
    "DEFAULT_ROWS",
    "STAGES",
    "AppConfig",
    "Backend",
    "BatchedSampling",
    "BenchmarkConfig",
    "BenchmarkSampling",
    "CheckpointSampling",
    "DatasetName",
    "EvaluationSection",
    "GenerateConfig",
    "LoraSection",
    "Loss",
    "ModelSection",
    "PrepareConfig",
    "RaftConfig",
    "RaftLoop",
    "RaftTraining",
    "ReleaseConfig",
    "SamplingSection",
    "ServeConfig",
    "Setting",
    "SftConfig",
    "SftData",
    "SftTraining",
    "StageConfig",
    "TrainingFile",
    "ValidateConfig",
    "VerifyConfig",
    "VerifySettings",
    "command",
    "model_folder_of",
    "output_of",
    "repeated",
    "settings",
    "values",
]

STAGES: dict[str, type[StageConfig]] = {
    c.stage: c for c in (PrepareConfig, GenerateConfig, SftConfig, RaftConfig, BenchmarkConfig, ReleaseConfig)
}


def output_of(run: Run) -> Path | None:
    """The file or folder that a stored run writes, absolute; None for a run whose config names none.

    Never raises: a run of an older version may lack the setting, or its stage.
    """
    marked = output_setting(STAGES[run.stage]) if run.stage in STAGES else None
    written = value_at(run.config, marked.path) if marked else None
    return Path(run.cwd, written).absolute() if isinstance(written, str) and written else None


def repeated(run: Run, taken: Collection[Path | None]) -> StageConfig:
    """The settings of a stored run with the next free output: models/raft-2 after models/raft. Raises ConfigError.

    Its inputs are named from the folder that it worked in, wherever this process works.
    """
    if run.stage not in STAGES:
        raise ConfigError(f"run {run.id} is of stage {run.stage}, which this version does not have")
    stored, here = copy.deepcopy(dict(run.config)), Path.cwd()
    for s in settings(STAGES[run.stage]):
        value = value_at(stored, s.path)
        if not isinstance(value, str) or not value:
            continue
        if s.is_output:
            put(stored, s.path, _next_free(value, taken))
        elif s.kind and Path(run.cwd) != here and Path(run.cwd, value).exists():
            put(stored, s.path, str(Path(run.cwd, value)))
    return STAGES[run.stage].parse(stored)


def _next_free(output: str, taken: Collection[Path | None]) -> str:
    path = Path(output)
    stem, number = re.sub(r"-\d{1,3}$", "", path.stem), 2
    while (free := path.with_name(f"{stem}-{number}{path.suffix}")).exists() or free.absolute() in taken:
        number += 1
    return str(free)


def model_folder_of(run: Run) -> Path | None:
    """The folder in which a stored run leaves its models; None for a run that writes a file. Never raises."""
    marked = output_setting(STAGES[run.stage]) if run.stage in STAGES else None
    return output_of(run) if marked and marked.kind == "folder" else None
