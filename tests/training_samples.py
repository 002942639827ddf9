"""What the training tests train on: samples of random token ids. As a program it is a worker that can be killed."""

import random
import sys
from dataclasses import replace
from pathlib import Path

from haloforge.config import LoraSection
from haloforge.store import Report, Store
from haloforge.train.examples import TrainSample
from haloforge.train.settings import TrainSettings

END = 2
"""The id of the tiny tokenizer's end token."""

SETTINGS = TrainSettings(
    epochs=4,
    batch_size=2,
    gradient_accumulation_steps=2,
    learning_rate=5e-3,
    warmup_ratio=0.0,
    weight_decay=0.01,
    max_grad_norm=1.0,
    bf16=True,
    gradient_checkpointing=True,
    save_steps=4,
    eval_steps=5,
    patience=0,
    seed=7,
    lora=LoraSection(r=4, alpha=8, dropout=0.1),
)
"""Four epochs of 24 samples are 24 steps; with dropout, so that a lost random state shows."""


def samples(count: int = 24, seed: int = 0) -> list[TrainSample]:
    """Samples of different lengths, three to a problem, each with its end token."""
    random_ = random.Random(seed)
    made = []
    for number in range(count):
        prompt = tuple(random_.randrange(3, 260) for _ in range(random_.randrange(3, 12)))
        answer = (*(random_.randrange(3, 260) for _ in range(random_.randrange(2, 9))), END)
        made.append(TrainSample(f"task-{number // 3}", prompt, answer, tuple(-5.5 for _ in answer)))
    return made


def main(root: str, run_id: str, model: str, output: str, epochs: str) -> None:
    """Train one cycle in this process, alone on one thread."""
    import torch

    from haloforge.train.raft import train_on_samples

    torch.set_num_threads(1)
    with Store(Path(root)) as store:
        settings = replace(SETTINGS, epochs=float(epochs))
        train_on_samples(model, samples(), settings, Path(output), Report(store, run_id), cycle=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
