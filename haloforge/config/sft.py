"""Settings of supervised fine-tuning."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import yaml
from pydantic import BeforeValidator

from haloforge import yaml_text
from haloforge.config.sections import DEFAULT_ROWS, LoraSection, ModelSection, RowsAtOnce, TrainingSection
from haloforge.settings import Section, StageConfig, Trackers, setting

MOST_TIMES = 10_000
"""How many times the smallest weight of a file the largest may be: an epoch is as long as that."""
_SEVERAL = "[{file: a.jsonl, weight: 2}, {file: b.jsonl, weight: 1}]"


class TrainingFile(NamedTuple):
    """A file to learn from, and how much its rows count beside those of the other files."""

    file: str
    weight: float


def _read_files(value: Any) -> Any:
    """One file name as it is; a list of files as it is or as YAML in one line. Raises ValueError."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value
    try:
        listed = yaml_text.load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        listed = None
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(entry, Mapping) for entry in listed):
        raise ValueError(f"give a file name, or a list such as {_SEVERAL}")
    entries = [_read_entry(number, entry) for number, entry in enumerate(listed, start=1)]
    if len({entry["file"] for entry in entries}) < len(entries):
        raise ValueError("a file stands in the list twice; give it once, with a larger weight")
    least, most = (choose(entries, key=_weight) for choose in (min, max))
    if _weight(most) / _weight(least) > MOST_TIMES:
        raise ValueError(
            f"{most['file']} counts {_weight(most) / _weight(least):.3g} times as much as {least['file']}; give "
            f"weights that differ by at most {MOST_TIMES:,} times"
        )
    return entries


def _weight(entry: Mapping[str, Any]) -> float:
    return float(entry["weight"])


def _read_entry(number: int, entry: Mapping[Any, Any]) -> dict[str, Any]:
    file, weight = entry.get("file"), entry.get("weight", 1)
    if entry.keys() - {"file", "weight"} or not isinstance(file, str) or not file.strip():
        raise ValueError(f"entry {number} should have a file and a weight and nothing else, as in {_SEVERAL}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < 1e300:
        raise ValueError(f"the weight of {file} should be a number above 0, not {weight!r}")
    return {"file": file.strip(), "weight": weight}


Files = Annotated[str | tuple[dict[str, Any], ...], BeforeValidator(_read_files)]
"""A file name, or files with weights; as text the list in one line of YAML."""


class SftData(Section):
    """What to learn from."""

    train_file: Files = setting(flag="data", kind="file")
    """JSONL of solved problems, messages, prompt+completion, prompt+response, text; or [{file: F, weight: 2}, ...]."""
    max_seq_length: int = setting(2048, ge=16, le=131072)
    """Longest training row in tokens; a longer row is left out and counted, never cut."""
    validation_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL to evaluate on; without it a share of the training rows is held out."""
    validation_split: float = setting(0.05, ge=0, lt=1)
    """Share of the training problem families held out for evaluation when there is no validation file."""
    max_samples: int | None = setting(None, ge=1, advanced=True)
    """Use only the first rows of each file."""

    @property
    def files(self) -> tuple[TrainingFile, ...]:
        """The files to learn from; one alone has the weight 1."""
        if isinstance(self.train_file, str):
            return (TrainingFile(self.train_file, 1.0),)
        return tuple(TrainingFile(entry["file"], float(entry["weight"])) for entry in self.train_file)


class SftPasses(Section):
    """How often the rows are seen, and how many at once; under the names that the Trainer of transformers has."""

    num_train_epochs: float = setting(3, flag="epochs", gt=0, le=100)
    """Passes over the training rows."""
    per_device_train_batch_size: RowsAtOnce = setting(DEFAULT_ROWS, flag="batch-size")
    """Rows at once, per device; auto: as many as the memory holds, with as many rows in an optimizer step as with 2."""

    batch_size_name: ClassVar[str] = "per_device_train_batch_size"

    @property
    def epochs(self) -> float:
        """Passes over the training rows, as every training section calls them."""
        return self.num_train_epochs

    @property
    def batch_size(self) -> int | Literal["auto"]:
        """Rows at once, as every training section calls them."""
        return self.per_device_train_batch_size


class SftTraining(TrainingSection, SftPasses):  # fields of the last base come first
    """How to learn it."""

    warmup_ratio: float = setting(0.03, ge=0, lt=1, advanced=True)
    """Share of the steps that the learning rate rises."""
    weight_decay: float = setting(0.01, ge=0, le=1, advanced=True)
    """AdamW weight decay."""
    save_steps: int = setting(200, ge=1, advanced=True)
    """Optimizer steps between checkpoints that a stopped run resumes from."""
    eval_steps: int = setting(100, ge=1, advanced=True)
    """Optimizer steps between evaluations on the held-out rows."""
    early_stopping_patience: int = setting(5, ge=0, advanced=True)
    """Evaluations without improvement before training stops; 0 never stops early."""
    loss: ClassVar[Literal["raft"]] = "raft"
    """The negative log-likelihood of the learned tokens."""


class SftConfig(StageConfig):
    """Fine-tune a model on solved problems: LoRA, loss on the completion only."""

    stage: ClassVar[str] = "sft"
    command: ClassVar[tuple[str, ...]] = ("sft", "train")
    model: ModelSection
    data: SftData
    output_dir: str = setting("models/sft", flag="output", kind="folder", is_output=True)
    """Folder that receives final_model."""
    overwrite: bool = setting(False, advanced=True)
    """Replace a model that another run left in the output folder."""
    training: SftTraining = SftTraining()
    lora: LoraSection = LoraSection()
    report_to: Trackers = setting((), advanced=True)
    """Tell trackers what the run reports, too: tensorboard, trackio, wandb, mlflow; each needs its package."""
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the row order, the held-out split, the rows drawn from weighted files and the adapter's start."""

    @classmethod
    def written_out(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """`data: FILES` is short for `data: {train_file: FILES}`."""
        files = data.get("data")
        return dict(data) | ({"data": {"train_file": files}} if isinstance(files, str | list) else {})
