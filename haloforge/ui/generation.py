"""Answers of several models at once, as they grow, with their verdicts at the end.

Checkpoints generate in this process, with the models of `loaded_models`; models of servers generate there.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from haloforge.config import VerifySettings
from haloforge.errors import ForgeError
from haloforge.generate import Engine, SampleRequest, SamplingParams, open_engine
from haloforge.records import Problem, Verdict
from haloforge.stages.answer import AnswerEvent, Completed, Piece, Question, Verified, Verify, answer
from haloforge.ui import model_names
from haloforge.ui.loaded_models import borrowed
from haloforge.ui.playground_request import Request
from haloforge.verify import Verifier, open_verifier

State = Literal["waiting", "loading", "writing", "verifying", "sampling", "done", "stopped", "failed"]

UPDATES_PER_S = 10


@dataclass(frozen=True)
class Attempt:
    """One whole answer, the program in it, and the verdict on that; `is_cut` where it ended at the limit of tokens."""

    text: str
    code: str | None
    verdict: Verdict | None = None
    is_cut: bool = False


@dataclass(frozen=True)
class Answer:
    """How far one model is. The first of its `wanted` answers is shown as it grows; `more` holds the finished others.

    `pieces` counts the parts that the text came in, about one a token.
    """

    model: str
    state: State = "waiting"
    text: str = ""
    pieces: int = 0
    seconds: float = 0.0
    code: str | None = None
    verdict: Verdict | None = None
    error: str = ""
    wanted: int = 1
    more: tuple[Attempt, ...] = ()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The answers that are whole."""
        first = () if self.verdict is None else (Attempt(self.text, self.code, self.verdict),)
        return (*first, *self.more)

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state in ("done", "stopped", "failed")


async def side_by_side(request: Request) -> AsyncIterator[tuple[Answer, ...]]:
    """All models at once, as one stream of all their answers. Closing the stream stops the models.

    Raises VerifierError, before anything is generated, where nothing here verifies the problem.
    """
    await asyncio.to_thread(lambda: _open_verifier(request.problem, request.verifier).close())
    stop, loop = threading.Event(), asyncio.get_running_loop()
    changes: asyncio.Queue[tuple[int, Answer] | None] = asyncio.Queue()
    deadline = time.monotonic() + request.seconds

    def work(index: int, model: str) -> None:
        try:
            for answer in one_answer(request, model, lambda: stop.is_set() or time.monotonic() > deadline):
                loop.call_soon_threadsafe(changes.put_nowait, (index, answer))
        finally:
            loop.call_soon_threadsafe(changes.put_nowait, None)

    answers = [Answer(model, wanted=request.samples) for model in request.models]
    tasks = [asyncio.create_task(asyncio.to_thread(work, i, model)) for i, model in enumerate(request.models)]
    working, shown_at = len(tasks), 0.0
    try:
        while working:
            change = await changes.get()
            if change is None:
                working -= 1
            else:
                answers[change[0]] = change[1]
            if not working or not changes.empty():
                continue
            if time.monotonic() - shown_at > 1 / UPDATES_PER_S or answers[0].state != "writing":
                shown_at = time.monotonic()
                yield tuple(answers)
        yield tuple(answer if answer.is_over else _broken(answer) for answer in answers)
    finally:
        stop.set()


def one_answer(request: Request, model: str, should_stop: Callable[[], bool]) -> Iterator[Answer]:
    """One model's answers as they grow, each with its verdict. A failure becomes `error` and is never raised."""
    state = Answer(model, "loading", wanted=request.samples)
    yield state
    try:
        with _open_verifier(request.problem, request.verifier) as verifier:
            for grown in _growing(state, request, partial(verifier.verify, request.problem), should_stop):
                yield (state := grown)
        is_whole = len(state.attempts) == state.wanted
        yield replace(state, state="done" if is_whole else "stopped")
    except ForgeError as error:
        yield replace(state, state="failed", error=str(error))


def _growing(state: Answer, request: Request, verify: Verify, should_stop: Callable[[], bool]) -> Iterator[Answer]:
    """The first answer piece by piece with its verdict, then one state for each of the others."""
    question = Question(request.problem, _params(request), request.seed)
    for event in answer(engine_of(state.model, request.root), question, verify, should_stop):
        state = after(state, event)
        yield state
    if state.verdict is None:
        return
    for attempt in _others(request, state.model, verify, should_stop):
        state = replace(state, more=(*state.more, attempt))
        yield state


def _broken(state: Answer) -> Answer:
    """A model whose thread ended by an error that is no user's, such as no memory left; the log has its traceback."""
    return replace(state, state="failed", error="It ended by an unexpected error; the log of the app has the reason.")


def after(state: Answer, event: AnswerEvent) -> Answer:
    """How far the model is once this event has happened."""
    match event:
        case Piece(piece, seconds):
            text = state.text + piece
            return replace(state, state="writing", text=text, pieces=state.pieces + 1, seconds=seconds)
        case Completed(_, code):
            return replace(state, state="verifying", code=code)
        case Verified(verdict):
            return replace(state, state="sampling", verdict=verdict)


def verify(problem: Problem, code: str | None, settings: VerifySettings) -> Verdict:
    """The verdict that training would give with these settings. Raises VerifierError."""
    with _open_verifier(problem, settings) as verifier:
        return verifier.verify(problem, code)


def _others(request: Request, model: str, verify: Verify, should_stop: Callable[[], bool]) -> Iterator[Attempt]:
    """The answers after the first, each as soon as it is finished: together, as training samples them."""
    if request.samples == 1:
        return
    first = [(request.problem.task_id, 0)]
    wanted = SampleRequest([request.problem], request.samples, _params(request), request.seed, skip=first)
    with engine_of(model, request.root) as engine:
        for sample in engine.generate(wanted, should_stop):
            yield Attempt(sample.text, sample.code, verify(sample.code), sample.finish_reason == "length")


def engine_of(model: str, root: Path | None) -> AbstractContextManager[Engine]:
    """The engine of a model, by any name of the Playground; keys of servers come from the environment.

    `root` is where the runs are kept that go before models in memory.
    """
    named = model_names.parse(model)
    if named.is_local:
        return borrowed(model, root)
    return closing(open_engine(named.backend, named.name, base_url=named.base_url))


def _params(request: Request) -> SamplingParams:
    return SamplingParams(max_new_tokens=request.max_new_tokens, temperature=request.temperature)


def _open_verifier(problem: Problem, settings: VerifySettings) -> Verifier:
    here = {"workers": settings.workers or 1, "cluster": None}  # a studio is no driver of Ray, which would end it too
    verifier = open_verifier(settings.model_copy(update=here))
    verifier.check([problem])
    return verifier
