"""The Playground's work: stream from one or two checkpoints at once, then verify what they wrote.

Generation happens in this process; an engine stays loaded until others take its place.
"""

import ast
import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from haloforge.errors import ConfigError, DataError, ForgeError
from haloforge.records import Problem, Tests, Verdict

if TYPE_CHECKING:
    from haloforge.generate.engines import Engine

State = Literal["waiting", "loading", "writing", "verifying", "done", "stopped", "failed"]

YIELDS_PER_S = 10
_loading = threading.Lock()


@dataclass(frozen=True)
class Ask:
    """What was asked for: `problem` carries the prompt, the language and the tests."""

    models: tuple[str, ...]
    problem: Problem
    max_new_tokens: int = 256
    temperature: float = 0.7
    seed: int = 0
    seconds: float = 3600.0


@dataclass(frozen=True)
class Answer:
    """How far one model is. `pieces` are tokens as they came, near enough."""

    model: str
    state: State = "waiting"
    text: str = ""
    pieces: int = 0
    seconds: float = 0.0
    code: str | None = None
    verdict: Verdict | None = None
    error: str = ""


async def play(ask: Ask) -> AsyncIterator[tuple[Answer, ...]]:
    """All models at once, merged into one stream of all their answers. Closing it stops them."""
    stop, loop = threading.Event(), asyncio.get_running_loop()
    news: asyncio.Queue[tuple[int, Answer] | None] = asyncio.Queue()
    deadline = time.monotonic() + ask.seconds

    def work(index: int, model: str) -> None:
        try:
            for answer in answers(ask, model, lambda: stop.is_set() or time.monotonic() > deadline):
                loop.call_soon_threadsafe(news.put_nowait, (index, answer))
        finally:
            loop.call_soon_threadsafe(news.put_nowait, None)

    now = [Answer(model) for model in ask.models]
    tasks = [asyncio.create_task(asyncio.to_thread(work, i, model)) for i, model in enumerate(ask.models)]
    working, shown = len(tasks), 0.0
    try:
        while working:
            item = await news.get()
            if item is None:
                working -= 1
            else:
                now[item[0]] = item[1]
            if not working or not news.empty():
                continue
            if time.monotonic() - shown > 1 / YIELDS_PER_S or now[0].state != "writing":
                shown = time.monotonic()
                yield tuple(now)
        yield tuple(now)
    finally:
        stop.set()


def answers(ask: Ask, model: str, should_stop: Callable[[], bool]) -> Iterator[Answer]:
    """One model's answer as it grows, then its verdict. What fails is told in the answer, never raised."""
    from haloforge.answers import extract_code
    from haloforge.generate.engines import SamplingParams
    from haloforge.generate.prompts import messages

    answer = Answer(model, "loading")
    yield answer
    try:
        with borrowed(model) as engine:
            params = SamplingParams(max_new_tokens=ask.max_new_tokens, temperature=ask.temperature)
            started = time.monotonic()
            for piece in engine.stream(messages(ask.problem), params, ask.seed, should_stop):
                seconds = time.monotonic() - started
                answer = replace(
                    answer, state="writing", text=answer.text + piece, pieces=answer.pieces + 1, seconds=seconds
                )
                yield answer
        if should_stop():
            yield replace(answer, state="stopped")
            return
        answer = replace(answer, state="verifying", code=extract_code(answer.text, ask.problem))
        yield answer
        yield replace(answer, state="done", verdict=verify(ask.problem, answer.code))
    except ForgeError as error:
        yield replace(answer, state="failed", error=str(error))


@contextmanager
def borrowed(model: str) -> "Iterator[Engine]":
    """The loaded engine of a model, for one thread at a time."""
    engine, in_use = _engine(model)
    with in_use:
        yield engine


def _engine(model: str) -> "tuple[Engine, threading.Lock]":
    with _loading:
        return _open(model)


@lru_cache(maxsize=2)
def _open(model: str) -> "tuple[Engine, threading.Lock]":
    from haloforge.generate.engines import open_engine

    return open_engine("local", model), threading.Lock()


def verify(problem: Problem, code: str | None) -> Verdict:
    """Judge code as training would. Raises VerifierError."""
    from haloforge.verify import VerifySettings, open_verifier

    with open_verifier(VerifySettings(run=True, workers=1)) as verifier:
        verifier.check([problem])
        return verifier.verify(problem, code)


def pasted_tests(text: str, language: str) -> Tests:
    """Asserts as somebody pastes them: what is no assert is set-up. Raises DataError with the line."""
    if not text.strip():
        return Tests()
    if language != "python":
        raise DataError(f"asserts are Python, and cannot test {language}; choose a problem, or the compiler alone")
    try:
        statements = ast.parse(text).body
    except SyntaxError as error:
        raise DataError(f"the asserts are not valid Python: {error.msg} (line {error.lineno})") from error
    source = [(isinstance(node, ast.Assert), ast.get_source_segment(text, node) or "") for node in statements]
    checks = tuple(segment for is_assert, segment in source if is_assert)
    if not checks:
        raise DataError("there is no assert statement among the tests")
    return Tests("asserts", setup="\n".join(segment for is_assert, segment in source if not is_assert), code=checks)


def allowed(models: Sequence[str], allow: Sequence[str] | None) -> tuple[str, ...]:
    """The models that were named. Raises ConfigError for none, and for one that may not be used here."""
    named = tuple(model.strip() for model in models if model and model.strip())
    if not named:
        raise ConfigError("Choose a model first.")
    refused = [model for model in named if allow is not None and model not in allow]
    if refused and allow is not None:
        raise ConfigError(f"{refused[0]} cannot be used in this demo; it offers {', '.join(allow)}")
    return named
