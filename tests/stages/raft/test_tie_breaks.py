"""Equal rewards are never broken by brevity unless asked, and by default what is kept is varied."""

import math
import random
from functools import cache
from statistics import mean

import pytest
from stored_samples import TESTED, candidate

from haloforge.config import RaftLoop
from haloforge.records import Problem
from haloforge.stages.raft.candidates import Candidate, difference
from haloforge.stages.raft.hollowing import kept_length_ratio
from haloforge.stages.raft.selection import select

NAMES = ("total", "count", "best", "left", "right", "seen", "value", "index")
LINES = (
    "{a} = {b} + {n}",
    "{a} = max({b}, {c})",
    "if {a} > {b}: {c} = {n}",
    "{a}.append({b} * {n})",
    "print({a}, {b})",
)


def random_program(numbers: random.Random, lines: int) -> str:
    """A program of this many lines, all of which parse."""
    drawn = (numbers.choice(LINES) for _ in range(lines))
    body = (
        line.format(a=numbers.choice(NAMES), b=numbers.choice(NAMES), c=numbers.choice(NAMES), n=numbers.randrange(100))
        for line in drawn
    )
    return "\n".join(["def f(x):", *(f"    {line}" for line in body), "    return total", ""])


@cache
def long_and_short(count: int, samples: int) -> tuple[list[Candidate], dict[str, Problem]]:
    """Passing samples whose numbers of lines, and so of tokens, are lognormal around their problem's median."""
    numbers = random.Random(1)
    problems = {f"p{i}": Problem(f"p{i}", "Do it.", tests=TESTED.tests) for i in range(count)}
    made = []
    for problem in problems.values():
        median = numbers.choice((4, 8, 16))
        for _ in range(samples):
            lines = max(1, round(numbers.lognormvariate(0, 0.8) * median))
            program = random_program(numbers, lines)
            made.append(candidate(len(made), problem, program, tokens=10 + 9 * lines))
    return made, problems


def length_ratio(loop: RaftLoop, samples: int) -> float:
    made, problems = long_and_short(60 if samples < 64 else 30, samples)
    kept = {choice.sample_id for choice in select(made, problems, loop, 0) if choice.kept}
    ratio = kept_length_ratio((c.sample, c.id in kept) for c in made)
    assert ratio is not None
    return ratio


@pytest.mark.parametrize(("tie_break", "samples"), [("diverse", 8), ("diverse", 64), ("random", 8)])
def test_kept_answers_are_as_long_as_passing_ones(tie_break: str, samples: int) -> None:
    assert 0.9 <= length_ratio(RaftLoop.model_validate({"tie_break": tie_break}), samples) <= 1.1


def test_that_is_the_default() -> None:
    assert length_ratio(RaftLoop(), 8) == length_ratio(RaftLoop(tie_break="diverse"), 8)


def test_whoever_asks_for_brevity_gets_it() -> None:
    assert length_ratio(RaftLoop(tie_break="shortest"), 8) < 0.75


def variants(lines: str, numbers: range) -> list[Candidate]:
    """Programs of the same length that differ in one number."""
    return [candidate(n, code=f"def f(x):\n    t = 0\n{lines.format(n=n)}\n    return t") for n in numbers]


LOOP = "    for i in range(x):\n        t += i * {n}\n        print(t)"
CALL = "    t = sum(map(abs, x))\n    t = max(t, {n})"


def test_one_way_to_solve_a_problem_does_not_crowd_out_another() -> None:
    samples = [*variants(LOOP, range(56)), *variants(CALL, range(99, 100))]
    kept: dict[str, int] = {}
    for tie_break in ("diverse", "random"):
        loop = RaftLoop.model_validate({"max_per_prompt": 2, "keep_top_percent": 1, "tie_break": tie_break})
        runs = [select(samples, {"tested": TESTED}, loop, seed) for seed in range(20)]
        kept[tie_break] = sum(choice.kept for choices in runs for choice in choices if choice.sample_id == 99)
    assert kept["diverse"] >= 2 * kept["random"] > 0


def test_programs_that_share_their_lines_are_less_unlike_than_others() -> None:
    loop, call = variants(LOOP, range(8)), variants(CALL, range(8))
    assert mean(difference(loop[0], c) for c in loop[1:]) < 0.6 * mean(difference(loop[0], c) for c in call)


def test_half_of_a_thousand_samples_of_one_problem_are_chosen() -> None:
    made, problems = long_and_short(1, 1024)
    kept = [c for c in select(made, problems, RaftLoop(max_per_prompt=1024), 0) if c.kept]
    assert len(kept) == math.ceil(len({c.digest for c in made}) / 2)
