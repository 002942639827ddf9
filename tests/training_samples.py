"""What the training tests train on: samples of random token ids. As a program it is a worker that can be killed."""

import random
import sys
from dataclasses import replace
from pathlib import Path

from haloforge.config import LoraSection, SftTraining
from haloforge.store import Report, Store
from haloforge.train import Training, TrainSample
from haloforge.train.micro_batches import TOKENS_AT_A_TIME

END = 2
"""The id of the tiny tokenizer's end token."""

SETTINGS = SftTraining(
    num_train_epochs=4,
    per_device_train_batch_size=2,
    gradient_accumulation_steps=2,
    learning_rate=5e-3,
    warmup_ratio=0.0,
    weight_decay=0.01,
    save_steps=4,
    eval_steps=5,
    early_stopping_patience=0,
)
"""Four epochs of 24 samples are 24 steps."""

LORA = LoraSection(r=4, alpha=8, dropout=0.1)
"""With dropout, so that a lost random state shows."""


def samples(count: int = 24, seed: int = 0) -> list[TrainSample]:
    """Samples of different lengths, three to a problem, each with its end token."""
    rng = random.Random(seed)
    drawn = []
    for number in range(count):
        prompt = tuple(rng.randrange(3, 260) for _ in range(rng.randrange(3, 12)))
        answer = (*(rng.randrange(3, 260) for _ in range(rng.randrange(2, 9))), END)
        drawn.append(TrainSample(f"task-{number // 3}", prompt, answer, tuple(-5.5 for _ in answer)))
    return drawn


def uneven_samples(count: int = 24) -> list[TrainSample]:
    """Every fourth fills a part of a batch alone: the batches of two processes have different numbers of parts."""
    return [
        replace(sample, prompt_ids=sample.prompt_ids * (TOKENS_AT_A_TIME // len(sample.prompt_ids)))
        if number % 4 == 0
        else sample
        for number, sample in enumerate(samples(count))
    ]


def cycle(model: str, report: Report, output: Path, *, number: int = 1, **changes: object) -> Training:
    """A RAFT cycle with the settings above, but for `changes`."""
    return Training(
        start=model,
        settings=SETTINGS.model_copy(update=changes),
        lora=LORA,
        seed=7,
        work=report.folder / f"training-cycle-{number}",
        target=output / "final_model",
        stage="raft",
        cycle=number,
    )


def main(root: str, run_id: str, model: str, output: str, epochs: str) -> None:
    """Train one cycle in this process, alone on one thread."""
    import torch

    from haloforge.train.fitting import fit

    torch.set_num_threads(1)
    with Store(Path(root)) as store:
        report = Report(store, run_id)
        fit(cycle(model, report, Path(output), num_train_epochs=float(epochs)), samples(), [], report)


if __name__ == "__main__":
    main(*sys.argv[1:])
