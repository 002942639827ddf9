"""The configs of a whole pipeline: data → benchmark → SFT → RAFT → benchmark, each with the outputs of those before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge.config import BenchmarkConfig, PrepareConfig, RaftConfig, ReleaseConfig, SftConfig
from haloforge.models import EMBEDDED
from haloforge.problems import SOURCES
from haloforge.settings import StageConfig
from haloforge.ui.fields import nested
from haloforge.ui.launch.presets import CPU, PRESETS

_FEW = 24
"""Problems of a first try."""
Flat = Mapping[str, Any]
"""Dotted path -> value, for one stage."""

SMALL = PRESETS[CPU].stages
"""Settings with which the embedded model takes about a quarter of an hour on two CPU cores for all stages."""


def datasets() -> list[str]:
    """Datasets for training that have a test split too."""
    return [
        s.name for s in SOURCES.values() if {"train", "test"} <= s.splits.keys() and {"sft", "raft"} <= {*s.purposes}
    ]


def chain(dataset: str, language: str, model: str, folder: str, typed: Mapping[str, Flat]) -> list[StageConfig]:
    """The configs in order; `typed` has the other settings of each stage. Raises ConfigError."""
    output = Path(folder.strip() or "models/pipeline")
    train, test = str(output / "train.jsonl"), str(output / "test.jsonl")
    data = {"dataset": dataset, "language": language.strip() or None}
    before, after = str(output / "before.json"), str(output / "after.json")
    parts: Sequence[tuple[type[StageConfig], Flat]] = (
        (PrepareConfig, {**data, "output": train, "split": "train", "purpose": "training"}),
        (PrepareConfig, {**data, "output": test, "split": "test", "purpose": "benchmark"}),
        (BenchmarkConfig, {"model": model, "prompts": test, "output": before}),
        (SftConfig, {"model.name": model, "data.train_file": train, "output_dir": str(output / "sft")}),
        (
            RaftConfig,
            {
                "sft_checkpoint": str(output / "sft" / "final_model"),
                "prompts": train,
                "output_dir": str(output / "raft"),
            },
        ),
        (BenchmarkConfig, {"model": str(output / "raft"), "prompts": test, "output": after}),
    )
    return [cls.parse(nested({**typed.get(cls.stage, {}), **linked})) for cls, linked in parts]


def release(chain: Sequence[StageConfig]) -> ReleaseConfig:
    """The last step of a chain that is to end with it: what the last run measured, made ready for others."""
    measured = chain[-1]
    assert isinstance(measured, BenchmarkConfig)
    folder = Path(measured.output).parent
    return ReleaseConfig.parse({"model": measured.model, "output": str(folder / "release")})


def first_try(folder: str) -> list[StageConfig]:
    """Two dozen problems and one RAFT cycle of the embedded model: the whole loop in about two minutes of two cores."""
    problems = f"{folder}/problems.jsonl"
    data = {"dataset": "starter-easy", "language": "python", "output": problems, "split": "train", "limit": _FEW}
    linked = {"sft_checkpoint": EMBEDDED, "prompts": problems, "output_dir": f"{folder}/raft"}
    return [PrepareConfig.parse(data), RaftConfig.parse(nested({**SMALL["raft"], **linked, "raft.num_cycles": 1}))]
