"""How fast the trainer is: its own steps, in its own parts of a batch, on random weights."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from datasets import Dataset
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from haloforge.config import LoraSection
from haloforge.estimates.probe import Clock, Lap, Measured, probe_of, timed
from haloforge.estimates.rates import TrainingRates
from haloforge.train import IGNORED, Training, TrainingSettings
from haloforge.train.adapters import new_adapter
from haloforge.train.optimizing import trainer_arguments
from haloforge.train.precision import Device, precision
from haloforge.train.trainer import Collator, ForgeTrainer

_MOST_LAYERS = 3
_PARTS = {"cpu": (32, 256, 512), "cuda": (256, 1024, 4096)}
"""Tokens of a part. On a CPU a part has at most 256, unless a row has more."""
_FEWEST = 8
"""The fewest learned tokens of a measured part."""


def measure_training(
    config: PretrainedConfig,
    device: torch.device,
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings,
    lora: LoraSection,
) -> Measured[TrainingRates]:
    """Takes some seconds."""
    numbers, sizes = precision(settings, Device.of_this_machine()), _PARTS[device.type]
    probe = probe_of(config, device, getattr(torch, numbers.base), _MOST_LAYERS)
    with tempfile.TemporaryDirectory() as folder:
        training = Training("", settings, lora, 0, Path(folder), Path(folder), "sft")
        trainers = {id(model): _trainer(model, training, tokenizer) for model in (probe.shallow, probe.deep)}

        def laps(work: Callable[[ForgeTrainer], object]) -> Lap:
            return probe.extrapolated(lambda model: timed(device, partial(work, trainers[id(model)])))

        parts = [(size, laps(partial(_learn, _batch(size, _FEWEST, device)))) for size in sizes]
        whole = laps(partial(_learn, _batch(sizes[1], sizes[1] - 1, device)))
        scored = laps(partial(_score, _batch(sizes[1], sizes[1] // 2, device)))
        step = laps(_update)

    def rates(of: Clock) -> TrainingRates:
        learned = max(0.0, of(whole) - of(parts[1][1])) / (sizes[1] - 1 - _FEWEST)
        plain = tuple((size, max(0.0, of(lap) - _FEWEST * learned)) for size, lap in parts)
        return TrainingRates(plain, learned, of(step), of(scored) / sizes[1])

    return Measured(rates(lambda lap: lap.wall), rates(lambda lap: lap.seconds))


def _trainer(model: PreTrainedModel, training: Training, tokenizer: PreTrainedTokenizerBase) -> ForgeTrainer:
    device = Device.of_this_machine()
    rows = [{"input_ids": [1, 2], "labels": [1, 2]}]
    numbers = precision(training.settings, device)
    trainer = ForgeTrainer(
        model=model,
        args=trainer_arguments(training, 1, numbers=numbers, has_gpu=device.has_gpu, evaluates=False),
        loss=training.settings.loss,
        train_dataset=Dataset.from_list(rows),
        data_collator=Collator(pad_token_id=0),
        processing_class=tokenizer,
        peft_config=new_adapter(training.lora, model),
    )
    trainer.create_optimizer()
    return trainer


def _batch(tokens: int, learned: int, device: torch.device) -> dict[str, torch.Tensor]:
    """One row, of which the last tokens are learned."""
    ids = (torch.arange(tokens, device=device)[None] * 7) % 255 + 1
    labels = ids.clone()
    labels[:, : tokens - learned] = IGNORED
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def _learn(batch: dict[str, torch.Tensor], trainer: ForgeTrainer) -> None:
    """A part of a batch, forward and backward."""
    count = (batch["labels"] != IGNORED).sum()
    trainer.training_step(trainer.model, dict(batch), count)


def _update(trainer: ForgeTrainer) -> None:
    """An optimizer step, as the Trainer does it."""
    trainer.accelerator.clip_grad_norm_(trainer.model.parameters(), trainer.args.max_grad_norm)
    trainer.optimizer.step()


def _score(batch: dict[str, torch.Tensor], trainer: ForgeTrainer) -> None:
    """A held-out batch."""
    trainer.model.eval()
    with torch.no_grad():
        trainer.compute_loss(trainer.model, dict(batch))
