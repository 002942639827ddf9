"""What the Playground's controls ask for: models, a problem with its tests, limits; or what is missing."""

from typing import Any

import pytest

from haloforge.errors import ConfigError, DataError
from haloforge.records import Tests
from haloforge.ui.playground_request import (
    ASSERTS,
    COMPILER,
    PROBLEM,
    Controls,
    Request,
    allowed_models,
    pasted_tests,
    request_of,
)

TYPED = ("Write add(a, b).", ASSERTS, "python", "assert add(1, 2) == 3", "", "")


def ask(*typed: Any, model: str = "m", tokens: float = 64) -> Request:
    return request_of(None, Controls(model, "", *(typed or TYPED), tokens, 0.7, 1))


def test_the_controls_make_a_problem_with_the_pasted_tests() -> None:
    request = ask()
    assert request.models == ("m",) and request.problem.tests.code == ("assert add(1, 2) == 3",)


def test_the_compiler_alone_needs_no_tests() -> None:
    assert ask("Write hello.", COMPILER, "cpp", "assert 1", "", "").problem.tests.kind == "none"


def test_a_problem_brings_its_own_tests_and_language() -> None:
    task = "easy/python/in-range"
    request = ask("", PROBLEM, "cpp", "", "starter-easy", task)
    assert (request.problem.task_id, request.problem.language) == (task, "python") and request.problem.tests.hidden


def test_a_changed_prompt_keeps_the_tests() -> None:
    request = ask("In one line, please.", PROBLEM, "python", "", "starter-easy", "easy/python/in-range")
    assert request.problem.statement == "In one line, please." and request.problem.tests.hidden


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("", ASSERTS, "python", "", "", ""), "Write a prompt first"),
        (("x", PROBLEM, "python", "", "", ""), "Choose a problem"),
        (("x", PROBLEM, "python", "", "starter-easy", "nothing"), "holds no problem"),
        (("x", PROBLEM, "python", "", "/etc/passwd", "root"), "not among the data files"),
    ],
)
def test_what_is_missing_is_said(typed: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ask(*typed)


def test_limits_hold_whatever_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/demo")
    request = ask(model="smollm2-135m", tokens=10**9)
    assert request.max_new_tokens == 256 and request.seconds <= 60


def test_pasted_asserts_become_tests() -> None:
    tests = pasted_tests("import math\nx = 2\n\nassert f(x) == 4\nassert f(\n    3\n) == 9\n", "python")
    assert tests == Tests("asserts", setup="import math\nx = 2", code=("assert f(x) == 4", "assert f(\n    3\n) == 9"))


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [("assert f(", "python", "not valid Python"), ("x = 1", "python", "no assert"), ("assert 1", "cpp", "are Python")],
)
def test_pasted_text_that_is_no_test_is_said_to_be_none(text: str, language: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        pasted_tests(text, language)


def test_no_asserts_mean_no_tests() -> None:
    assert pasted_tests("  \n", "cpp") == Tests()


def test_only_allowed_models_answer_where_there_is_a_list() -> None:
    assert allowed_models(["a", "", " b "], None) == ("a", "b")
    with pytest.raises(ConfigError, match="big/model cannot be used in this demo; it offers smollm2-135m"):
        allowed_models(["big/model"], ["smollm2-135m"])
    with pytest.raises(ConfigError, match="Choose a model"):
        allowed_models(["", "  "], None)
