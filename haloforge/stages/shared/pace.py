"""How fast a plan's model is here, and what the plan's own problems, rows and settings make of that."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

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
from haloforge.generate import HALO, PromptProtocol
from haloforge.records import Problem
from haloforge.stages.shared.earlier import Earlier, assumed_tokens
from haloforge.stages.shared.lengths import Lengths
from haloforge.stages.shared.memory import Room
from haloforge.stages.shared.verdict_time import verdict_seconds
from haloforge.train import TrainingSettings


@dataclass(frozen=True, slots=True)
class Pace:
    """Rates of a model in one kind of seconds, and what is known of its completions; `assumed` collects, in words,
    what the seconds rest on. Unless it `measures`, verdicts are timed only where they were before."""

    rates: Rates
    room: Room
    lengths: Lengths
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
        prompts, together = self.lengths.prompts(problems, protocol)
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
        prompts, _ = self.lengths.prompts(problems, HALO)
        lengths, drawn = self.completions(limit), random.Random(1)
        return [TrainRow(prompt + length, length) for prompt in prompts for length in [drawn.choice(lengths)]]

    def _verdict(self, problems: Sequence[Problem], verifier: VerifySettings) -> float:
        seconds = verdict_seconds(problems, verifier, measures=self.measures)
        if seconds is None:
            self.assumed["verification not counted, as no problem has a solution to try it with"] = None
        return seconds or 0.0
