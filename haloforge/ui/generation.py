"""Answers of one or two models at once, as they grow, with their verdicts at the end.

Generation happens in this process, with the models of `loaded_models`.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from haloforge.errors import ForgeError
from haloforge.generate import SamplingParams
from haloforge.records import Problem, Verdict
from haloforge.stages.answer import AnswerEvent, Completed, Piece, Question, Verified, answer, verifier_of
from haloforge.ui.loaded_models import borrowed
from haloforge.ui.playground_request import Request

State = Literal["waiting", "loading", "writing", "verifying", "done", "stopped", "failed"]

UPDATES_PER_S = 10


@dataclass(frozen=True)
class Answer:
    """How far one model is. `pieces` counts the parts that the text came in, about one a token."""

    model: str
    state: State = "waiting"
    text: str = ""
    pieces: int = 0
    seconds: float = 0.0
    code: str | None = None
    verdict: Verdict | None = None
    error: str = ""


async def side_by_side(request: Request) -> AsyncIterator[tuple[Answer, ...]]:
    """All models at once, as one stream of all their answers. Closing the stream stops the models."""
    stop, loop = threading.Event(), asyncio.get_running_loop()
    changes: asyncio.Queue[tuple[int, Answer] | None] = asyncio.Queue()
    deadline = time.monotonic() + request.seconds

    def work(index: int, model: str) -> None:
        try:
            for answer in one_answer(request, model, lambda: stop.is_set() or time.monotonic() > deadline):
                loop.call_soon_threadsafe(changes.put_nowait, (index, answer))
        finally:
            loop.call_soon_threadsafe(changes.put_nowait, None)

    answers = [Answer(model) for model in request.models]
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
        yield tuple(answers)
    finally:
        stop.set()


def one_answer(request: Request, model: str, should_stop: Callable[[], bool]) -> Iterator[Answer]:
    """One model's answer as it grows, then its verdict. A failure becomes the answer's `error` and is never raised."""
    params = SamplingParams(max_new_tokens=request.max_new_tokens, temperature=request.temperature)
    question = Question(request.problem, params, request.seed)
    state = Answer(model, "loading")
    yield state
    try:
        for event in answer(borrowed(model), question, lambda code: verify(request.problem, code), should_stop):
            state = after(state, event)
            yield state
        if state.state != "done":
            yield replace(state, state="stopped")
    except ForgeError as error:
        yield replace(state, state="failed", error=str(error))


def after(state: Answer, event: AnswerEvent) -> Answer:
    """How far the model is once this event has happened."""
    match event:
        case Piece(piece, seconds):
            text = state.text + piece
            return replace(state, state="writing", text=text, pieces=state.pieces + 1, seconds=seconds)
        case Completed(_, code):
            return replace(state, state="verifying", code=code)
        case Verified(verdict):
            return replace(state, state="done", verdict=verdict)


def verify(problem: Problem, code: str | None) -> Verdict:
    """The verdict that training would give. Raises VerifierError."""
    with verifier_of(problem) as verify_code:
        return verify_code(code)
