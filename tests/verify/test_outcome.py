"""The outcome of a test is stored as text, and an outcome of a verification as JSON; both come back as they were."""

import json

import pytest

from haloforge.records import TestOutcome
from haloforge.verify.outcome import Outcome, summary_of


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (TestOutcome("passed"), "passed"),
        (TestOutcome("not run"), "not run"),
        (TestOutcome("failed"), "failed"),
        (TestOutcome("failed", "got 1: not 2"), "failed: got 1: not 2"),
        (TestOutcome("failed", "passed"), "failed: passed"),
    ],
)
def test_a_test_outcome_and_its_text_name_the_same(outcome, text):
    assert outcome.to_text() == text
    assert TestOutcome.from_text(text) == outcome


def test_text_that_is_no_outcome_is_a_failure():
    assert TestOutcome.from_text("crashed") == TestOutcome("failed", "crashed")


def test_an_outcome_comes_back_from_the_cache_with_its_tests():
    outcome = Outcome("wrong_answer", "got 1", tests=(TestOutcome("passed"), TestOutcome("failed", "got 1")), cpu_s=0.5)
    row = json.loads(json.dumps(outcome.to_json()))
    assert row["tests"] == ["passed", "failed: got 1"]
    assert Outcome.from_json(row | {"of a later version": 1}) == outcome


def test_the_summary_is_the_first_failure():
    assert summary_of([TestOutcome("passed"), TestOutcome("failed", "a"), TestOutcome("failed", "b")]) == "a"
    assert summary_of([TestOutcome("not run")]) == ""
