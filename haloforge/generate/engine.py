"""What every generation engine promises. Nothing here knows an engine."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from haloforge.records import Message, Problem, Sample


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample. `temperature` 0 is greedy, `top_k` 0 sets no limit; text is cut before a string in `stop`."""

    max_new_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """`n` samples of every problem, with indexes 0 to n-1, except those whose (task id, index) is in `skip`.

    `counts` holds the problems of which another number is wanted, `seeds` those with another seed, both by task id.
    `cache_gib` is the memory that a local model's keys and values may take, in GiB; None leaves it to the machine.
    """

    problems: Sequence[Problem]
    n: int
    params: SamplingParams
    seed: int
    skip: Collection[tuple[str, int]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    seeds: Mapping[str, int] = field(default_factory=dict)
    cache_gib: float | None = None

    @property
    def size(self) -> int:
        """How many samples that makes, those in `skip` included."""
        return sum(self.counts.get(problem.task_id, self.n) for problem in self.problems)

    def indexes(self, problem: Problem) -> list[int]:
        """Which samples of a problem are wanted."""
        wanted = range(self.counts.get(problem.task_id, self.n))
        return [index for index in wanted if (problem.task_id, index) not in self.skip]

    def seed_of(self, problem: Problem, index: int) -> int:
        """The seed of one sample."""
        return sample_seed(self.seeds.get(problem.task_id, self.seed), problem.task_id, index)


def never() -> bool:
    """A `should_stop` that never asks to stop."""
    return False


class Engine(Protocol):
    """Prompts in, samples out. Use an engine from one thread at a time, and close it after use."""

    name: str

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """Yield each sample of the request as soon as it is finished, in any order.

        A completion cut at its limit has the finish reason `length`; one that a server failed to give has `error` and
        no text. Fewer samples come only after `should_stop` said so. Raises BackendError when no request can succeed.
        """

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """Yield the answer to a chat piece by piece; the pieces joined are the whole text.

        `should_stop` may be called from another thread.
        """

    def close(self) -> None:
        """Close connections and free memory; a model that was given to the engine is as it was before."""


def sample_seed(seed: int, task_id: str, index: int) -> int:
    """The seed of one sample, from 0 to 2**31 - 1: the same whatever else is sampled beside it, and in which order."""
    digest = hashlib.sha256(f"{seed}\0{task_id}\0{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
