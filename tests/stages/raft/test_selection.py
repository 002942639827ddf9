"""Selection never lowers the bar, never keeps a copy, never exceeds the cap, and does not care about order."""

import math
import random
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from stored_samples import PROBLEMS, PROGRAMS, TESTED, UNTESTED, candidate, loops, samples_of_two_problems

from haloforge.config import RaftLoop
from haloforge.records import Problem
from haloforge.stages.raft.candidates import Candidate
from haloforge.stages.raft.selection import Choice, select


def reasons(samples: list[Candidate], **settings: Any) -> list[str]:
    return [c.reason for c in select(samples, PROBLEMS, RaftLoop(**settings), 0)]


def test_on_a_problem_with_tests_only_passed_samples_are_kept() -> None:
    wrong = candidate(1, status="wrong_answer", reward=0.7)
    assert reasons([wrong], reward_threshold=0.5) == ["failed"]
    assert reasons([wrong], reward_threshold=0.5, keep_partial=True) == ["kept"]


def test_on_a_problem_without_tests_the_threshold_decides() -> None:
    assert reasons([candidate(1, UNTESTED, reward=0.5)], reward_threshold=0.5) == ["kept"]
    assert reasons([candidate(1, UNTESTED, reward=0.3)], reward_threshold=0.5) == ["below_threshold"]


def test_what_earned_nothing_is_never_kept() -> None:
    assert reasons([candidate(1, UNTESTED, status="compile_error", reward=0)], reward_threshold=0) == ["failed"]


def test_unscored_unverified_forgeable_and_truncated_samples_are_never_kept() -> None:
    samples = [
        candidate(1, status="unscored", reward=1.0),
        candidate(2, verified=False),
        candidate(3, forgeable=True),
        candidate(4, finish="length"),
    ]
    assert reasons(samples, reward_threshold=0) == ["unscored", "unscored", "forgeable", "truncated"]


def test_of_equal_programs_the_shortest_completion_is_kept_only_where_brevity_is_asked_for() -> None:
    pairs = [(candidate(2 * i, code=PROGRAMS[0], tokens=9), candidate(2 * i + 1, code=PROGRAMS[1])) for i in range(20)]
    assert all(reasons([short, long], tie_break="shortest") == ["duplicate", "kept"] for long, short in pairs)
    for tie_break in ("diverse", "random"):
        kept = Counter(tuple(reasons([long, short], tie_break=tie_break)) for long, short in pairs)
        assert len(kept) == 2


def test_the_top_share_is_counted_per_problem_and_rounded_up() -> None:
    samples = [candidate(i) for i in range(3)] + [candidate(i, UNTESTED) for i in range(3, 8)]
    kept = Counter(s.sample.task_id for s, r in zip(samples, reasons(samples), strict=True) if r == "kept")
    assert kept == {"tested": 2, "untested": 3}


def test_what_is_over_the_share_and_what_is_over_the_cap_is_told_apart() -> None:
    samples = [candidate(i, tokens=i) for i in range(4)]
    assert reasons(samples, keep_top_percent=0.75, max_per_prompt=1, tie_break="shortest") == [
        "kept",
        "capped",
        "capped",
        "not_top",
    ]


def test_better_rewards_come_before_everything_else() -> None:
    partial = candidate(1, status="wrong_answer", reward=0.8, tokens=1)
    assert reasons([partial, candidate(2, tokens=99)], keep_partial=True) == ["not_top", "kept"]


def test_ties_are_broken_by_the_seed_and_not_by_the_order() -> None:
    samples = [candidate(i) for i in range(8)]
    kept = {
        frozenset(c.sample_id for c in select(samples, PROBLEMS, RaftLoop(max_per_prompt=1), seed) if c.kept)
        for seed in range(40)
    }
    assert len(kept) >= 4


@given(samples_of_two_problems, loops)
def test_nothing_below_the_threshold_and_nothing_unfit_is_kept(samples: list[Candidate], loop: RaftLoop) -> None:
    for sample, choice in zip(samples, select(samples, PROBLEMS, loop, 0), strict=True):
        if choice.kept:
            verdict = sample.sample.verdict
            assert verdict is not None and verdict.reward >= max(loop.reward_threshold, 0.1)
            assert verdict.status != "unscored" and not verdict.forgeable
            assert sample.sample.finish_reason == "stop"
            assert verdict.passed or loop.keep_partial or sample.sample.task_id == "untested"


@given(samples_of_two_problems, loops)
def test_cap_share_and_distinctness_hold_for_every_problem(samples: list[Candidate], loop: RaftLoop) -> None:
    choices = select(samples, PROBLEMS, loop, 0)
    for problem in PROBLEMS.values():
        mine = [(s, c) for s, c in zip(samples, choices, strict=True) if s.sample.task_id == problem.task_id]
        kept = [s.digest for s, c in mine if c.kept]
        eligible = sum(c.reason in ("kept", "not_top", "capped") for _, c in mine)
        assert (
            len(kept)
            == len(set(kept))
            == min(loop.max_per_prompt, math.ceil(round(loop.keep_top_percent * eligible, 9)))
        )


@given(samples_of_two_problems, loops, st.randoms(use_true_random=False))
def test_the_order_of_the_samples_does_not_matter(
    samples: list[Candidate], loop: RaftLoop, generator: random.Random
) -> None:
    def by_id(choices: list[Choice]) -> list[Choice]:
        return sorted(choices, key=lambda c: c.sample_id)

    shuffled = generator.sample(samples, len(samples))
    assert by_id(select(samples, PROBLEMS, loop, 7)) == by_id(select(shuffled, PROBLEMS, loop, 7))


@given(samples_of_two_problems, loops)
def test_every_sample_has_exactly_one_reason(samples: list[Candidate], loop: RaftLoop) -> None:
    choices = select(samples, PROBLEMS, loop, 0)
    assert [c.sample_id for c in choices] == [s.id for s in samples]
    assert all(c.kept == (c.reason == "kept") for c in choices)


def test_all_passing_keeps_all_and_best_of_n_one() -> None:
    samples = [candidate(i, tokens=9 - i) for i in range(4)]
    assert reasons(samples, strategy="all_passing") == ["kept"] * 4
    assert reasons(samples, strategy="best_of_n", tie_break="shortest") == ["not_top"] * 3 + ["kept"]


def many(count: int, passing: int) -> tuple[list[Candidate], dict[str, Problem]]:
    """`count` problems with two samples each; of the first `passing` both pass, of the others one."""
    problems = {f"p{i}": Problem(f"p{i}", "Do it.", tests=TESTED.tests) for i in range(count)}
    samples = []
    for i, problem in enumerate(problems.values()):
        samples += [
            candidate(2 * i, problem),
            candidate(2 * i + 1, problem, status="passed" if i < passing else "timeout"),
        ]
    return samples, problems


def test_problems_that_all_samples_solve_are_thinned() -> None:
    samples, problems = many(20, passing=10)
    choices = select(samples, problems, RaftLoop(keep_top_percent=1.0, keep_solved=0.3), 1)
    kept = {c.sample_id // 2 for c in choices if c.kept}
    assert len([p for p in kept if p < 10]) == 3
    assert {p for p in kept if p >= 10} == set(range(10, 20))
    assert Counter(c.reason for c in choices)["solved_already"] == 14


def test_easy_problems_come_first() -> None:
    samples, problems = many(10, passing=5)
    choices = select(samples, problems, RaftLoop(), 1, easiest=0.5)
    assert {c.sample_id // 2 for c in choices if c.kept} == set(range(5))
    assert Counter(c.reason for c in choices)["too_hard_yet"] == 5


def test_one_program_for_several_problems_without_tests_counts_for_one_family_of_them() -> None:
    problems = {name: Problem(name, "p", meta={"family": name[0]}) for name in ("a1", "a2", "b", "c")}
    samples = [candidate(i, problem) for i, problem in enumerate(problems.values())]
    copied = [replace(sample, digest=b"the same") for sample in samples]
    kept = Counter[str]()
    for seed in range(30):
        chosen = select(copied, problems, RaftLoop(), seed)
        names = {sample.sample.task_id for sample, choice in zip(copied, chosen, strict=True) if choice.kept}
        assert {choice.reason for choice in chosen if not choice.kept} == {"duplicate"}
        kept["".join(sorted(names))] += 1
    assert kept.keys() == {"a1a2", "b", "c"}
    tested = {name: replace(problem, tests=TESTED.tests) for name, problem in problems.items()}
    assert all(choice.kept for choice in select(copied, tested, RaftLoop(), 0))
