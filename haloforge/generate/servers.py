"""Engines behind HTTP: many requests in flight, each sample yielded as its answer comes."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from haloforge.errors import BackendError
from haloforge.generate.engine import SampleRequest, SamplingParams, never
from haloforge.generate.prompts import PromptProtocol
from haloforge.generate.transport import Overloaded, Transport
from haloforge.records import FinishReason, Message, Problem, Sample

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server, in our terms."""

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is spoken to. `read` and `read_event` may raise KeyError, IndexError or TypeError."""

    payload: Callable[[Sequence[Message], SamplingParams, int], dict[str, Any]]
    read: Callable[[dict[str, Any]], Answer]
    read_event: Callable[[dict[str, Any]], str]


class ServerEngine:
    """Samples from a server. Not reproducible: servers batch as they like, and not all take a seed."""

    def __init__(
        self, name: str, transport: Transport, dialect: Dialect, protocol: PromptProtocol, concurrency: int
    ) -> None:
        self.name = name
        self.transport = transport
        self.dialect = dialect
        self.protocol = protocol
        self.concurrency = concurrency

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """See Engine. `concurrency` requests are in flight at once; the protocol's prefill is not sent."""
        wanted = ((problem, index) for problem in request.problems for index in request.indexes(problem))
        pool = ThreadPoolExecutor(self.concurrency, thread_name_prefix=f"generate-{self.name}")
        stopping = threading.Event()  # only this thread may call should_stop, which may read a database
        in_flight: set[Future[Sample | None]] = set()
        try:
            while True:
                while len(in_flight) < self.concurrency and not should_stop() and (item := next(wanted, None)):
                    problem, index = item
                    seed = request.seed_of(problem, index)
                    in_flight.add(pool.submit(self._sample, problem, index, request.params, seed, stopping))
                if not in_flight:
                    return
                answered, in_flight = wait(in_flight, timeout=0.5, return_when=FIRST_COMPLETED)
                yield from (sample for future in answered if (sample := future.result()))
                if should_stop():
                    return
        finally:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if in_flight:
                self.transport.abandon()

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        seed: int,
        should_stop: Callable[[], bool] = never,
    ) -> Iterator[str]:
        """See Engine. Another thread calls `should_stop`, too."""
        payload = self.dialect.payload(messages, params, seed) | {"stream": True}
        for event in self.transport.events(payload, should_stop):
            if should_stop():
                return
            piece = self._parsed(self.dialect.read_event, event)
            if not isinstance(piece, str):
                raise BackendError(f"{self.transport.url} answered with something that is no chat completion")
            if piece:
                yield piece

    def close(self) -> None:
        """Close all connections; answers still on their way are lost, but for those that are streamed."""
        self.transport.close()

    def _sample(
        self, problem: Problem, index: int, params: SamplingParams, seed: int, stopping: threading.Event
    ) -> Sample | None:
        """One sample; None when it was given up because the user stopped."""
        started = time.perf_counter()
        try:
            payload = self.dialect.payload(self.protocol.messages(problem), params, seed)
            answer = self._parsed(self.dialect.read, self.transport.post(payload, stopping.is_set))
        except Overloaded:
            if stopping.is_set():
                return None
            answer = Answer("", "error", 0, 0)
        return Sample(
            task_id=problem.task_id,
            index=index,
            text=answer.text,
            code=self.protocol.extract(answer.text, problem),
            finish_reason=answer.finish_reason,
            seed=seed,
            seconds=time.perf_counter() - started,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
        )

    def _parsed(self, read: Callable[[dict[str, Any]], T], row: dict[str, Any]) -> T:
        try:
            return read(row)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise BackendError(f"{self.transport.url} answered with something that is no chat completion") from error
