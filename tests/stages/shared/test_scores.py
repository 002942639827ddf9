"""Scores count problems, and never what our own machine failed to judge."""

import pytest
from stored_samples import TESTED, UNTESTED, judged, program

from haloforge.records import Problem
from haloforge.stages.shared.scores import (
    Tally,
    count_distinct,
    digests_of,
    paired,
    pass_at,
    sample_metrics,
    solved,
    tally,
)


def test_unscored_samples_are_in_no_count() -> None:
    samples = [
        judged(1),
        judged(2, status="unscored", reward=0),
        judged(3, verified=False),
        judged(4, status="timeout"),
    ]
    assert tally([TESTED], samples) == [Tally("tested", "tested", 2, 1)]


def test_a_problem_without_samples_is_there_with_zero() -> None:
    assert tally([UNTESTED], []) == [Tally("untested", "untested", 0, 0)]


def test_pass_at_k_leaves_out_problems_with_fewer_samples() -> None:
    tallies = [Tally("a", "a", 4, 2), Tally("b", "b", 1, 1)]
    found = pass_at(tallies, 4)
    assert found is not None and found.value == 1.0
    assert pass_at(tallies, 1).value == pytest.approx(0.75)  # type: ignore[union-attr]
    assert pass_at(tallies, 5) is None


def test_pairs_are_made_of_problems_scored_on_both_sides() -> None:
    before = [Tally("a", "a", 4, 0), Tally("b", "b", 0, 0), Tally("c", "c", 4, 4)]
    after = [Tally("a", "a", 4, 2), Tally("b", "b", 4, 4)]
    found = paired(before, after)
    assert found is not None and (found.problems, found.difference.value) == (1, 0.5)
    assert paired(before, after[1:]) is None


def test_solved_means_at_least_one_pass() -> None:
    assert solved([Tally("a", "a", 4, 1), Tally("b", "b", 4, 0)]) == ["a"]


def test_what_samples_look_like() -> None:
    copies = [
        program(1, code="def f(x): return x", tokens=4),
        program(2, code="def f(y): return y", tokens=6),
    ]
    samples = [
        *(copy.sample for copy in copies),
        judged(3, status="compile_error", reward=0, finish="length", tokens=10),
        judged(4, status="timeout", reward=0.5, tokens=20),
    ]
    found = sample_metrics(samples, count_distinct(digests_of(copies, {"tested": TESTED})), nats=20.0)
    assert (found["compile_rate"], found["timeout_share"], found["truncated_share"]) == (0.75, 0.25, 0.25)
    assert (found["distinct_solutions"], found["duplicates_share"], found["mean_tokens"]) == (1, 0.5, 10)
    assert sample_metrics([], 0, 0.0) == {}
    assert found["nats_per_token"] == 0.5


def test_variants_of_a_problem_share_a_family() -> None:
    variant = Problem("a", "A", meta={"family": "f"})
    assert tally([variant], [])[0].family == "f"
