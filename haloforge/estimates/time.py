"""How long a plan takes: the seconds of its pieces of work, added up. Arithmetic on rates and a plan's own numbers.

What is not counted: selecting and saving, reading weights from a disk that is slower than memory, and other processes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from haloforge.estimates.pool import Row, pool_steps
from haloforge.estimates.rates import SamplingRates, TrainingRates
from haloforge.train import TrainingSettings, optimizer_steps
from haloforge.train.training import rows_of_like_length

LOAD_S_PER_GIB = 4.5
"""CPU seconds to bring a GiB of weights into the engine of a CPU, which packs them; by the embedded model."""
OPEN_S_PER_GIB = 1.5
"""The same for the trainer, which leaves them as they are, with its adapter."""

Item = TypeVar("Item")

_MOST_ROWS = 2000
"""Of more training rows so many are looked at, evenly spread."""


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """Seconds of one recorded phase of a run, by kind of work: "sampling", "verification", "training", "evaluation"."""

    phase: str
    cycle: int
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """Seconds in all."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class TrainRow:
    """Tokens of a training row, and how many of them are learned."""

    tokens: int
    learned: int


def sampling_seconds(rates: SamplingRates, rows: Sequence[Row], slots: int, prompt_tokens: int) -> float:
    """To complete the rows in a pool of so many slots, when the prompts are `prompt_tokens` long together."""
    steps = sum(steps.times * rates.step(steps.rows, steps.reach) for steps in pool_steps(rows, slots))
    return rates.prompts(prompt_tokens) + steps


def verified_seconds(sampling: float, verdicts: float, cores: int, *, on_cpu: bool) -> dict[str, float]:
    """Sampling, and what verification adds to it: `verdicts` seconds of one core each, on all cores at once.

    Beside a GPU verdicts cost nothing until they take longer than sampling; a CPU does both, one after the other.
    """
    alone = verdicts / cores
    return {"sampling": sampling, "verification": alone if on_cpu else max(0.0, alone - sampling)}


def training_seconds(
    rates: TrainingRates, rows: Sequence[TrainRow], count: int, settings: TrainingSettings, *, on_cpu: bool
) -> float:
    """To train on `count` rows of which `rows` are a sample, in the trainer's own batches and parts."""
    if not rows or not count:
        return 0.0
    parts = _parts(rows, settings, on_cpu=on_cpu)
    epoch = sum(rates.part(tokens, learned) for tokens, learned in parts) * count / len(rows)
    return settings.epochs * epoch + optimizer_steps(count, settings) * rates.step


def scoring_seconds(rates: TrainingRates, rows: Sequence[TrainRow]) -> float:
    """To compute the loss of held-out rows once."""
    return sum(row.tokens for row in rows) * rates.scored


def spread(rows: Sequence[Item], most: int = _MOST_ROWS) -> list[Item]:
    """At most so many of the rows, evenly spread."""
    return [rows[len(rows) * place // most] for place in range(most)] if len(rows) > most else list(rows)


def duration(seconds: float) -> str:
    """40 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def time_text(phases: Iterable[PhaseTime]) -> str:
    """about 12 min (sampling 7, verification 1, training 3, evaluation 1)."""
    kinds: dict[str, float] = {}
    for phase in phases:
        for kind, seconds in phase.parts.items():
            kinds[kind] = kinds.get(kind, 0.0) + seconds
    total = sum(kinds.values())
    whole = duration(total)
    unit = {"s": 1.0, "min": 60.0, "h": 3600.0}[whole.split()[1]]
    named = [f"{kind} {_short(seconds / unit)}" for kind, seconds in kinds.items() if _short(seconds / unit) != "0"]
    return f"about {whole} ({', '.join(named)})"


def _short(number: float) -> str:
    """12, 3.4, 0.5, 0."""
    return f"{number:.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")


def _parts(rows: Sequence[TrainRow], settings: TrainingSettings, *, on_cpu: bool) -> list[tuple[int, int]]:
    """(tokens with padding, learned tokens) of every part of an epoch, as the trainer cuts them."""
    import torch

    from haloforge.train.micro_batches import micro_batches
    from haloforge.train.row_order import LikeLengths

    size = rows_of_like_length(settings)  # where it is auto, what the trainer tries first
    order: Iterable[int] = range(len(rows))
    if settings.group_by_length:
        order = LikeLengths([row.tokens for row in rows], size, 0)
    places, parts = list(order), []
    for start in range(0, len(places), size):
        batch = [rows[place] for place in places[start : start + size]]
        widest = max(row.tokens for row in batch)
        lengths = torch.tensor([row.tokens for row in batch])[:, None]
        learned = torch.tensor([row.learned for row in batch])[:, None]
        whole = {"attention_mask": torch.arange(widest)[None] < lengths, "learned": learned.expand(-1, widest)}
        for part in micro_batches(whole) if on_cpu else [whole]:
            parts.append((part["learned"].numel(), int(part["learned"][:, 0].sum())))
    return parts
