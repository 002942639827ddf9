"""What the Playground's controls ask for: models, a problem with its tests, limits; or what is missing."""

from typing import Any

import pytest

from haloforge.errors import ConfigError, DataError
from haloforge.records import Case, Tests
from haloforge.ui.playground_request import (
    ASSERTS,
    CASES,
    COMPILER,
    PROBLEM,
    Controls,
    Request,
    allowed_models,
    controls_of,
    request_of,
)
from haloforge.ui.typed_tests import entry_point_of, pasted_asserts, typed_cases

TYPED = ("Write add(a, b).", ASSERTS, "python", "assert add(1, 2) == 3", "", "")
USUAL = Controls(
    models=["m"], prompt="Write add(a, b).", verify_with=ASSERTS, language="python", asserts="assert add(1, 2) == 3",
    compare="tokens", file="", task="", samples=1, max_new_tokens=64, temperature=0.7, seed=1, reward="graded",
    partial=False, run_untested=True, threshold=0.5, time_limit_s=10, blind=False,
)  # fmt: skip


def ask(*typed: Any, model: str = "m", tokens: float = 64) -> Request:
    names = ("prompt", "verify_with", "language", "asserts", "file", "task")
    return changed(models=[model], max_new_tokens=tokens, **dict(zip(names, typed or TYPED, strict=True)))


def changed(**values: Any) -> Request:
    return request_of(None, USUAL._replace(**values))


def test_the_controls_make_a_problem_with_the_pasted_asserts() -> None:
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
    tests = pasted_asserts("import math\nx = 2\n\nassert f(x) == 4\nassert f(\n    3\n) == 9\n", "python")
    assert tests == Tests("asserts", setup="import math\nx = 2", code=("assert f(x) == 4", "assert f(\n    3\n) == 9"))


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [("assert f(", "python", "not valid Python"), ("x = 1", "python", "no assert"), ("assert 1", "cpp", "are Python")],
)
def test_pasted_text_that_is_no_test_is_said_to_be_none(text: str, language: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        pasted_asserts(text, language)


def test_no_asserts_mean_no_tests() -> None:
    assert pasted_asserts("  \n", "cpp") == Tests()


def test_only_allowed_models_answer_where_there_is_a_list() -> None:
    assert allowed_models(["a", "", " b "], None) == ("a", "b")
    with pytest.raises(ConfigError, match="big/model cannot be used in this demo; it offers smollm2-135m"):
        allowed_models(["big/model"], ["smollm2-135m"])
    with pytest.raises(ConfigError, match="Choose a model"):
        allowed_models(["", "  "], None)


def test_the_page_sends_the_fields_of_the_cases_last() -> None:
    assert controls_of([*USUAL[:-1], "1", "2", "", ""]) == USUAL._replace(cases=("1", "2", "", ""))


def test_pairs_of_fields_become_cases_and_empty_pairs_do_not() -> None:
    tests = changed(
        verify_with=CASES, language="cpp", cases=("3 4", "7", "", "", "1\n", "1\n"), compare="exact"
    ).problem.tests
    assert tests == Tests("stdio", cases=(Case("3 4\n", "7\n"), Case("1\n", "1\n")), compare="exact")


@pytest.mark.parametrize(("fields", "words"), [(("", ""), "at least one case"), (("", "", "3", " "), "Case 2 has no")])
def test_a_case_needs_an_expected_output(fields: tuple[str, ...], words: str) -> None:
    with pytest.raises(DataError, match=words):
        typed_cases(fields, "tokens")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"samples": 2.5}, "Samples per model should be a whole number from 1 to 32 .not 2.5."),
        ({"samples": None}, "Samples per model .*it is empty"),
        ({"max_new_tokens": 0}, "Max new tokens should be a whole number of at least 1"),
        ({"temperature": 3}, "Temperature should be a number from 0 to 2"),
        ({"temperature": 0, "samples": 2}, "the same answer every time"),
        ({"threshold": 2}, "Reward threshold"),
        ({"blind": True}, "choose two to four"),
        ({"models": list("abcde")}, "4 models fit side by side; 5 are chosen"),
        ({"models": ["ollama:"]}, "names no model"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_label(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        changed(**values)


def test_answers_are_judged_with_the_settings_of_the_page() -> None:
    settings = changed(reward="binary", partial=True, run_untested=False, time_limit_s=3).verifier
    assert (settings.reward, settings.partial, settings.run_after_compile, settings.time_limit_s) == (
        "binary", True, False, 3,
    )  # fmt: skip


def test_a_blind_vote_shows_the_same_models_in_an_order_of_chance() -> None:
    orders = {changed(models=["a", "b", "c"], blind=True).models for _ in range(60)}
    assert len(orders) > 1 and {frozenset(order) for order in orders} == {frozenset("abc")}


def test_the_function_under_test_is_the_one_that_the_first_assert_calls() -> None:
    assert entry_point_of(Tests("asserts", code=("assert 1 < 2", "assert abs(x) == add(1)"))) == "abs"
    assert entry_point_of(Tests("asserts", code=("assert obj.run() == 1",))) is None
