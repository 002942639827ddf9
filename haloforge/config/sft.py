"""Settings of supervised fine-tuning."""

from typing import ClassVar, Literal

from haloforge.config.sections import LoraSection, ModelSection, TrainingSection
from haloforge.settings import Section, StageConfig, setting


class SftData(Section):
    """What to learn from."""

    train_file: str = setting(flag="data", kind="file")
    """JSONL of problems with solutions, messages, prompt+completion, prompt+response, or text."""
    max_seq_length: int = setting(2048, ge=16, le=131072)
    """Longest training row in tokens; a longer row is left out and counted, never cut."""
    validation_file: str | None = setting(None, kind="file", advanced=True)
    """JSONL to evaluate on; without it a share of the training rows is held out."""
    validation_split: float = setting(0.05, ge=0, lt=1)
    """Share of the training problem families held out for evaluation when there is no validation file."""
    max_samples: int | None = setting(None, ge=1, advanced=True)
    """Use only the first rows of the file."""


class SftPasses(Section):
    """How often the rows are seen, and how many at once; under the names that the Trainer of transformers has."""

    num_train_epochs: float = setting(3, flag="epochs", gt=0, le=100)
    """Passes over the training rows."""
    per_device_train_batch_size: int = setting(2, flag="batch-size", ge=1, le=1024)
    """Rows per step and device."""

    @property
    def epochs(self) -> float:
        """Passes over the training rows, as every training section calls them."""
        return self.num_train_epochs

    @property
    def batch_size(self) -> int:
        """Rows per step and device, as every training section calls them."""
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
    seed: int = setting(42, ge=0, advanced=True)
    """Seed of the row order, the held-out split and the adapter's start."""
