"""What hollow answers look like: one for many problems, and kept ones that are shorter than passing ones."""

import pytest
from stored_samples import judged, program

from haloforge.records import Problem
from haloforge.stages.raft.hollowing import kept_length_ratio, one_answer_share, substance_metrics
from haloforge.stages.shared.scores import digests_of
from haloforge.store import StoredProgram

PROBLEMS = {f"p{i}": Problem(f"p{i}", "Do it.", meta={"family": f"family {i // 2}"}) for i in range(40)}


def passing(*codes: str) -> list[StoredProgram]:
    """One passing sample of each of the problems p0, p2, p4, ..., all of different families."""
    return [program(i, PROBLEMS[f"p{2 * i}"], code) for i, code in enumerate(codes)]


def test_the_substance_of_answers_is_counted_per_token() -> None:
    codes = ("def f(x):\n    return abs(x)\n", "# TODO", "x = 1", "def f(")
    assert substance_metrics(passing(*codes), PROBLEMS) == {"substance": 5, "near_empty_share": 0.75}
    assert substance_metrics([], PROBLEMS) == {}


def test_one_program_that_passes_on_many_problems_is_counted_once_a_family() -> None:
    different = [f"print({i})" for i in range(12)]
    assert one_answer_share(digests_of(passing(*different), PROBLEMS), PROBLEMS) == pytest.approx(1 / 12)
    assert one_answer_share(digests_of(passing(*different[:9], *["x = 1"] * 3), PROBLEMS), PROBLEMS) == pytest.approx(
        3 / 12
    )


def test_layout_and_comments_do_not_make_another_program() -> None:
    codes = [f"x = 1  # number {i}\n" for i in range(12)]
    assert one_answer_share(digests_of(passing(*codes), PROBLEMS), PROBLEMS) == 1


def test_variants_of_one_problem_may_have_one_answer() -> None:
    variants = [program(i, PROBLEMS[f"p{i}"], f"print({i // 2})") for i in range(24)]
    assert one_answer_share(digests_of(variants, PROBLEMS), PROBLEMS) == pytest.approx(1 / 12)


def test_of_a_few_problems_nothing_is_said() -> None:
    assert one_answer_share(digests_of(passing("x = 1", "x = 1"), PROBLEMS), PROBLEMS) is None


def test_kept_answers_are_compared_with_passing_ones_of_the_same_problem() -> None:
    easy, hard = PROBLEMS["p0"], PROBLEMS["p2"]
    samples = [judged(1, easy, tokens=10), judged(2, easy, tokens=30), judged(3, hard, tokens=200)]
    assert kept_length_ratio((s, s.id == 1) for s in samples) == 0.5
    assert kept_length_ratio((s, s.id != 2) for s in samples) == pytest.approx(210 / 220)
    assert kept_length_ratio((s, False) for s in samples) is None


def test_answers_that_were_cut_off_make_passing_ones_no_longer() -> None:
    samples = [judged(1, tokens=10), judged(2, tokens=500, finish="length")]
    assert kept_length_ratio((s, s.id == 1) for s in samples) == 1
