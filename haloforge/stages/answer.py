"""One answer of a model: streamed, its code extracted, verified. The command line and the Playground both use this."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from haloforge.answers import extract_code
from haloforge.generate.engines import Engine, SamplingParams, never
from haloforge.generate.prompts import messages
from haloforge.records import Problem, Verdict
from haloforge.verify import VerifySettings, open_verifier

Verify = Callable[[str | None], Verdict]
"""From extracted code, or None where an answer has no code, to its verdict."""


@dataclass(frozen=True)
class Question:
    """What a model is asked: the problem has the prompt, the language and the tests."""

    problem: Problem
    params: SamplingParams
    seed: int = 0


class Piece(NamedTuple):
    """The next part of the text, about a token, and the seconds since the loaded model got the prompt."""

    text: str
    seconds: float


class Completed(NamedTuple):
    """The model has ended its answer: the whole text, and the code in it (None where there is none)."""

    text: str
    code: str | None


class Verified(NamedTuple):
    """The last event of an answer that is verified."""

    verdict: Verdict


AnswerEvent = Piece | Completed | Verified


def answer(
    engine: AbstractContextManager[Engine],
    question: Question,
    verify: Verify | None = None,
    should_stop: Callable[[], bool] = never,
) -> Iterator[AnswerEvent]:
    """Yield every piece of the answer, then the whole with its code, then the verdict where `verify` is given.

    The engine is entered at the first step and left before the verification. Once `should_stop` says so, the pieces end
    and nothing follows them. Raises what the engine and `verify` raise.
    """
    text = ""
    with engine as model:
        started = time.monotonic()
        for piece in model.stream(messages(question.problem), question.params, question.seed, should_stop):
            text += piece
            yield Piece(piece, time.monotonic() - started)
    if should_stop():
        return
    code = extract_code(text, question.problem)
    yield Completed(text, code)
    if verify is not None:
        yield Verified(verify(code))


@contextmanager
def verifier_of(problem: Problem) -> Iterator[Verify]:
    """A verifier that is open for the answers to one problem; programs without tests are run too.

    Raises VerifierError, before any answer is asked for, when nothing here verifies that problem.
    """
    with open_verifier(VerifySettings(run=True, workers=1)) as verifier:
        verifier.check([problem])
        yield partial(verifier.verify, problem)
