"""How a model is trained, whichever stage asks for it. Every value comes from `haloforge.config`."""

from dataclasses import dataclass
from typing import Literal

from haloforge.config import LoraSection, RaftConfig, SftConfig

Loss = Literal["raft", "raft++", "reinforce_rej"]
"""raft: negative log-likelihood; the other two: the clipped importance ratio of `haloforge.train.losses`."""

_STEPS_BETWEEN_CHECKPOINTS_OF_A_CYCLE = 50


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One training. `learning_rate` is the peak of a cosine decay; `patience` counts evaluations, 0 never stops."""

    epochs: float
    batch_size: int
    gradient_accumulation_steps: int
    learning_rate: float
    warmup_ratio: float
    weight_decay: float
    max_grad_norm: float
    bf16: bool
    gradient_checkpointing: bool
    save_steps: int
    eval_steps: int
    patience: int
    seed: int
    lora: LoraSection
    loss: Loss = "raft"


def sft_settings(config: SftConfig) -> TrainSettings:
    """What an SFT run asks for."""
    training = config.training
    return TrainSettings(
        epochs=training.num_train_epochs,
        batch_size=training.per_device_train_batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=training.learning_rate,
        warmup_ratio=training.warmup_ratio,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        bf16=training.bf16,
        gradient_checkpointing=training.gradient_checkpointing,
        save_steps=training.save_steps,
        eval_steps=training.eval_steps,
        patience=training.early_stopping_patience,
        seed=config.seed,
        lora=config.lora,
    )


def cycle_settings(config: RaftConfig, cycle: int) -> TrainSettings:
    """What cycle 1, 2, ... of a RAFT run asks for: a lower learning rate and another seed in every cycle.

    No warm-up and no weight decay: a cycle is a handful of steps, and the adapter it goes on with is warm already.
    """
    training = config.training
    return TrainSettings(
        epochs=training.epochs,
        batch_size=training.batch_size,
        gradient_accumulation_steps=training.gradient_accumulation_steps,
        learning_rate=training.learning_rate * config.raft.lr_decay_per_cycle ** (cycle - 1),
        warmup_ratio=0.0,
        weight_decay=0.0,
        max_grad_norm=training.max_grad_norm,
        bf16=training.bf16,
        gradient_checkpointing=training.gradient_checkpointing,
        save_steps=_STEPS_BETWEEN_CHECKPOINTS_OF_A_CYCLE,
        eval_steps=_STEPS_BETWEEN_CHECKPOINTS_OF_A_CYCLE,
        patience=0,
        seed=config.seed + cycle,
        lora=config.lora,
    )


def optimizer_steps(rows: int, settings: TrainSettings) -> int:
    """How often the weights change when `rows` rows are trained on, as the Trainer counts on one device."""
    batches = -(-rows // settings.batch_size)
    steps_per_epoch = max(1, -(-batches // settings.gradient_accumulation_steps))
    return max(1, -int(-settings.epochs * steps_per_epoch // 1))
