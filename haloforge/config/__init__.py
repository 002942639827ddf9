"""Every setting of every stage, once. YAML keys, CLI flags, GUI fields and the stored config all derive from here.

One file per stage, `sections` for what several stages have, `verifier` for how code is judged. A new setting is one
line in its section, with its default, its bounds and its help, and the line that uses it.
"""

from pathlib import Path

from haloforge.config.app import AppConfig
from haloforge.config.benchmark import BenchmarkConfig, BenchmarkSampling
from haloforge.config.data import Backend, DatasetName, GenerateConfig, PrepareConfig, ValidateConfig
from haloforge.config.raft import EvaluationSection, Loss, RaftConfig, RaftLoop, RaftTraining
from haloforge.config.sections import (
    ALL_LINEAR,
    DEFAULT_ROWS,
    BatchedSampling,
    LoraSection,
    ModelSection,
    SamplingSection,
)
from haloforge.config.sft import SftConfig, SftData, SftTraining, TrainingFile
from haloforge.config.verifier import VerifyConfig, VerifySettings
from haloforge.records import Run
from haloforge.settings import AUTO, Setting, StageConfig, command, output_setting, settings, value_at, values

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
    "SamplingSection",
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
    "settings",
    "values",
]

STAGES: dict[str, type[StageConfig]] = {
    c.stage: c for c in (PrepareConfig, GenerateConfig, SftConfig, RaftConfig, BenchmarkConfig)
}


def output_of(run: Run) -> Path | None:
    """The file or folder that a stored run writes, absolute; None for a run whose config names none.

    Never raises: a run of an older version may lack the setting, or its stage.
    """
    marked = output_setting(STAGES[run.stage]) if run.stage in STAGES else None
    written = value_at(run.config, marked.path) if marked else None
    return Path(run.cwd, written).absolute() if isinstance(written, str) and written else None


def model_folder_of(run: Run) -> Path | None:
    """The folder in which a stored run leaves its models; None for a run that writes a file. Never raises."""
    marked = output_setting(STAGES[run.stage]) if run.stage in STAGES else None
    return output_of(run) if marked and marked.kind == "folder" else None
