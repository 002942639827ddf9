"""What every generation engine promises, and how to open one by name."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from haloforge.config import Backend
from haloforge.errors import ConfigError
from haloforge.generate.prompts import HALO, PromptProtocol
from haloforge.records import Message, Problem, Sample


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How to sample. `temperature` 0 is greedy, `top_k` 0 sets no limit; text is cut before a string in `stop`."""

    max_new_tokens: int = 256
    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 0
    stop: tuple[str, ...] = ()


def never() -> bool:
    """A `should_stop` that never does."""
    return False


class Engine(Protocol):
    """Prompts in, samples out. An engine is used by one thread at a time and closed when it is done with."""

    name: str

    def generate(
        self,
        problems: Sequence[Problem],
        n: int,
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
        skip: Collection[tuple[str, int]] = (),
    ) -> Iterator[Sample]:
        """Yield each sample as soon as it is finished, in any order: `n` per problem, with indexes 0 to n-1, but for
        those whose (task id, index) is in `skip`.

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
        """Yield the answer to a chat piece by piece; the pieces joined are the whole text."""

    def close(self) -> None:
        """Give back connections, memory and borrowed weights."""


def sample_seed(seed: int, task_id: str, index: int) -> int:
    """The seed of one sample, from 0 to 2**31 - 1: the same whatever else is sampled beside it, and in which order."""
    digest = hashlib.sha256(f"{seed}\0{task_id}\0{index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def open_engine(
    backend: Backend,
    model: str,
    *,
    base_url: str | None = None,
    concurrency: int = 8,
    protocol: PromptProtocol = HALO,
    progress: Callable[[str], None] = lambda line: None,
) -> Engine:
    """Open an engine for a model as the backend knows it. Raises ModelError, BackendError or ConfigError."""
    if backend == "local":
        if base_url:
            raise ConfigError("base_url is for servers; the local backend loads the model itself")
        from haloforge.generate.local import LocalEngine
        from haloforge.models.loading import load

        return LocalEngine(load(model, progress=progress), protocol)
    if backend == "anthropic":
        from haloforge.generate.anthropic import anthropic_engine

        return anthropic_engine(model, protocol, base_url=base_url, concurrency=concurrency)
    from haloforge.generate.openai import ollama_engine, openai_engine

    open_server = ollama_engine if backend == "ollama" else openai_engine
    return open_server(model, protocol, base_url=base_url, concurrency=concurrency)
