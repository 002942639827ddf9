"""One answer of a model: the pieces, the code in them, the verdict; an early stop ends it, and what fails is raised."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field

import pytest

from haloforge.errors import ModelError, VerifierError
from haloforge.generate.engines import SamplingParams, never
from haloforge.records import Message, Problem, Tests, Verdict
from haloforge.stages.answer import Completed, Piece, Question, Verified, answer, verifier_of

ADD = Problem("add", "Write add(a, b).", tests=Tests("asserts", code=("assert add(1, 2) == 3",)), entry_point="add")
QUESTION = Question(ADD, SamplingParams(max_new_tokens=64), seed=7)
RIGHT = ("Here:\n```python\n", "def add(a, b):\n", "    return a + b\n", "```\n")


@dataclass
class Typist:
    """An engine that gives the same pieces to everybody, and remembers how it was used."""

    pieces: Sequence[str] = RIGHT
    error: Exception | None = None
    asked: list[tuple[Sequence[Message], SamplingParams, int]] = field(default_factory=list)
    is_closed: bool = False

    def stream(
        self, messages: Sequence[Message], params: SamplingParams, seed: int, should_stop: Callable[[], bool] = never
    ) -> Iterator[str]:
        self.asked.append((messages, params, seed))
        for piece in self.pieces:
            if should_stop():
                return
            yield piece
        if self.error:
            raise self.error

    def close(self) -> None:
        self.is_closed = True


def opened(typist: Typist) -> AbstractContextManager[Typist]:
    return closing(typist)


def test_the_pieces_come_first_then_the_whole_with_its_code_then_the_verdict() -> None:
    verdict = Verdict("passed", 1.0)
    events = list(answer(opened(Typist()), QUESTION, lambda code: verdict))
    assert [type(event) for event in events] == [Piece] * 4 + [Completed, Verified]
    assert tuple(event.text for event in events[:4]) == RIGHT
    assert events[4].text == "".join(RIGHT) and events[4].code.rstrip().endswith("return a + b")
    assert events[5].verdict is verdict


def test_the_model_is_asked_with_the_prompt_the_sampling_and_the_seed() -> None:
    typist = Typist()
    list(answer(opened(typist), QUESTION))
    [(messages, params, seed)] = typist.asked
    assert "Write add(a, b)." in messages[-1]["content"] and params == QUESTION.params and seed == 7


def test_an_answer_that_nobody_verifies_ends_with_its_code() -> None:
    assert isinstance(list(answer(opened(Typist()), QUESTION))[-1], Completed)


def test_an_answer_without_code_is_judged_as_none() -> None:
    judged: list[str | None] = []

    def verify(code: str | None) -> Verdict:
        judged.append(code)
        return Verdict("no_code")

    *_, completed, _ = answer(opened(Typist(["I cannot."])), QUESTION, verify)
    assert completed.code is None and judged == [None]


def test_nothing_follows_the_pieces_of_an_answer_that_was_stopped() -> None:
    seen: list[Piece] = []
    for event in answer(opened(Typist()), QUESTION, lambda code: Verdict("passed"), lambda: len(seen) == 2):
        seen.append(event)
    assert [piece.text for piece in seen] == list(RIGHT[:2])


def test_the_engine_is_given_back_before_the_verification() -> None:
    typist = Typist()

    def verify(code: str | None) -> Verdict:
        assert typist.is_closed
        return Verdict("passed")

    assert isinstance(list(answer(opened(typist), QUESTION, verify))[-1], Verified)


def test_what_the_engine_raises_is_raised_and_the_engine_is_given_back() -> None:
    typist = Typist(error=ModelError("the model is gone"))
    with pytest.raises(ModelError, match="the model is gone"):
        list(answer(opened(typist), QUESTION))
    assert typist.is_closed


def test_the_verifier_of_a_problem_tells_right_from_wrong() -> None:
    with verifier_of(ADD) as verify:
        codes = [f"def add(a, b):\n    return a {operator} b\n" for operator in "+-"]
        assert [verify(code).status for code in [*codes, None]] == ["passed", "wrong_answer", "no_code"]


def test_a_language_that_nothing_verifies_is_refused_when_the_verifier_is_opened() -> None:
    with pytest.raises(VerifierError, match="cobol"), verifier_of(Problem("x", "Add.", language="cobol")):
        pass
