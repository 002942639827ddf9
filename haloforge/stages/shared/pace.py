"""How fast a plan's model is here, and what the plan's own problems, rows and settings make of that."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haloforge.config import SamplingSection, VerifySettings
from haloforge.cores import usable_cores
from haloforge.estimates import (
    LOAD_S_PER_GIB,
    OPEN_S_PER_GIB,
    Rates,
    Row,
    TrainRow,
    sampling_seconds,
    scoring_seconds,
    spread,
    training_seconds,
    verified_seconds,
)
from haloforge.generate import HALO, PromptProtocol, render
from haloforge.problems import TrainingRow
from haloforge.records import Problem
from haloforge.stages.shared.earlier import Earlier, assumed_tokens
from haloforge.stages.shared.memory import Room
from haloforge.stages.shared.verdict_time import verdict_seconds
from haloforge.train import IGNORED, TrainingSettings
from haloforge.train.examples import encode_row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MOST_READ = 1000
"""Of more prompts so many are turned into tokens, evenly spread; the others are taken to be like them."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Rates of a model in one kind of seconds, and what is known of its completions; `assumed` collects, in words,
    what the seconds rest on. Unless it `measures`, verdicts are timed only where they were before."""

    rates: Rates
    room: Room
    tokenizer: "PreTrainedTokenizerBase"
    earlier: Earlier | None
    measures: bool = True
    assumed: dict[str, None] = field(default_factory=dict)

    @property
    def gib(self) -> float:
        """GiB of the model's weights."""
        return self.room.shape.parameters * self.room.device.weight_bytes / 2**30

    def sampled(
        self,
        problems: Sequence[Problem],
        n: int,
        settings: SamplingSection,
        verifier: VerifySettings | None,
        *,
        protocol: PromptProtocol = HALO,
        loads: bool = False,
    ) -> dict[str, float]:
        """Seconds to sample `n` completions of every problem and to verify them; `loads`: the model comes first."""
        rates, room = self.rates.sampling, self.room
        assert rates is not None, "asked only where it is known"
        prompts, together = self._prompts(problems, protocol)
        drawn = random.Random(0)
        lengths = self.completions(settings.max_new_tokens)
        rows = [Row(prompt, drawn.choice(lengths)) for prompt in sorted(prompts, reverse=True) for _ in range(n)]
        slots = room.slots(max(prompts, default=0) + settings.max_new_tokens, settings.cache_memory)
        seconds = sampling_seconds(rates, rows, slots, together) + loads * self.gib * LOAD_S_PER_GIB
        verdict = self._verdict(problems, verifier) if verifier else 0.0
        return verified_seconds(seconds, len(rows) * verdict, usable_cores(), on_cpu=room.device.is_cpu)

    def trained(self, rows: Sequence[TrainRow], count: int, settings: TrainingSettings) -> float:
        """Seconds to load the model and to train on `count` rows, of which `rows` are a sample."""
        rates, on_cpu = self.rates.training, self.room.device.is_cpu
        assert rates is not None, "asked only where it is known"
        return self.gib * OPEN_S_PER_GIB + training_seconds(rates, spread(rows), count, settings, on_cpu=on_cpu)

    def scored(self, rows: Sequence[TrainRow]) -> float:
        """Seconds to compute the loss of held-out rows once."""
        assert self.rates.training is not None, "asked only where it is known"
        return scoring_seconds(self.rates.training, rows)

    def completions(self, limit: int) -> list[int]:
        """Tokens of completions as they may come; in words among what is assumed."""
        found = self.earlier.completion_tokens(limit) if self.earlier else assumed_tokens(limit)
        mean = sum(found) / len(found)
        source = f"as in run {self.earlier.run}" if self.earlier else "assumed, as no earlier run tells"
        self.assumed[f"completions of {mean:.0f} tokens on average, {source}"] = None
        return found

    def solved_rows(self, problems: Sequence[Problem], limit: int) -> list[TrainRow]:
        """Samples of the problems as rows to train on."""
        prompts, _ = self._prompts(problems, HALO)
        lengths, drawn = self.completions(limit), random.Random(1)
        return [TrainRow(prompt + length, length) for prompt in prompts for length in [drawn.choice(lengths)]]

    def encoded_rows(self, rows: Sequence[TrainingRow], longest: int) -> list[TrainRow]:
        """Rows of a file as they are trained on; of many only some, and none that is too long."""
        read = [encode_row(row, self.tokenizer) for row in spread(rows, _MOST_READ)]
        fitting = [example.labels for example in read if len(example.labels) <= longest]
        return [TrainRow(len(labels), sum(label != IGNORED for label in labels)) for labels in fitting]

    def _prompts(self, problems: Sequence[Problem], protocol: PromptProtocol) -> tuple[list[int], int]:
        """Tokens of every prompt, and of all that are run: their common beginning is run once."""
        from haloforge.generate.prefill import common_prefix

        read = spread(problems, _MOST_READ)
        ids = [render(self.tokenizer, problem, protocol) for problem in read]
        beginning = len(common_prefix(ids)) if len(ids) > 1 else 0
        lengths = [len(ids[len(ids) * place // len(problems)]) for place in range(len(problems))]
        return lengths, sum(lengths) - beginning * max(0, len(lengths) - 1)

    def _verdict(self, problems: Sequence[Problem], verifier: VerifySettings) -> float:
        seconds = verdict_seconds(problems, verifier, measures=self.measures)
        if seconds is None:
            self.assumed["verification not counted, as no problem has a solution to try it with"] = None
        return seconds or 0.0
