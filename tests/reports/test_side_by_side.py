"""Scores, curves and lists of two results, as plain numbers."""

import pytest
from result_files import result

from haloforge.reports.side_by_side import ORDERS, curve_of, ordered, side_by_side
from haloforge.stages.benchmark.compare import tallies_of
from haloforge.stages.shared.scores import Tally, pass_at


def tallies(*counts: tuple[int, int]) -> list[Tally]:
    return [Tally(f"t/{i}", f"f/{i}", n, c) for i, (n, c) in enumerate(counts)]


def test_problems_are_sorted_by_who_solves_them() -> None:
    shown = side_by_side(["x", "y"], [result("x", [0, 4, 1, 0]), result("y", [1, 0, 3, 0])])
    groups = {name: [row.task_id for row in rows] for name, rows in shown.grouped(1).items()}
    assert groups == {"gained": ["t/0"], "lost": ["t/1"], "both": ["t/2"], "neither": ["t/3"]}


def test_a_problem_that_one_side_did_not_score_is_in_no_list() -> None:
    short = result("y", [1])
    assert sum(map(len, side_by_side(["x", "y"], [result("x", [0, 4]), short]).grouped(1).values())) == 1


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_keeps_every_problem(order: str) -> None:
    shown = side_by_side(["x", "y"], [result("x", [0, 4, 1, 0]), result("y", [1, 0, 3, 0])])
    names = [row.task_id for row in ordered(shown.rows, order, 1)]  # type: ignore[arg-type]
    assert sorted(names) == ["t/0", "t/1", "t/2", "t/3"]
    expected = {"file": "t/0", "gain": "t/2", "loss": "t/1", "passes": "t/3"}
    assert names[0] == expected[order]


def test_the_curve_begins_at_pass_at_1_and_never_falls() -> None:
    counts = tallies((8, 0), (8, 3), (8, 8), (8, 1))
    curve = curve_of(counts)
    single = pass_at(counts, 1)
    assert single and curve.ks == tuple(range(1, 9)) and curve.estimates[0].value == pytest.approx(single.value)
    values = [estimate.value for estimate in curve.estimates]
    assert values == sorted(values) and all(e.low <= e.value <= e.high for e in curve.estimates)


def test_one_problem_with_few_samples_does_not_shorten_the_curve() -> None:
    curve = curve_of(tallies(*[(8, 2)] * 39, (3, 3)))
    assert curve.ks[-1] == 8 and curve.problems == 39


def test_a_curve_over_many_samples_has_few_points_and_both_ends() -> None:
    ks = curve_of(tallies((1000, 5), (1000, 7))).ks
    assert (ks[0], ks[-1]) == (1, 1000) and len(ks) <= 32


def test_nothing_scored_has_no_curve() -> None:
    assert curve_of(tallies((0, 0))).ks == ()


def test_the_interval_of_a_side_is_the_one_that_its_benchmark_reported() -> None:
    kept = result("x", [n % 3 for n in range(57)])
    reported = pass_at(tallies_of(kept), 1, seed=kept["decoding"]["seed"])
    shown = side_by_side(["x", "y"], [kept, result("y", [1] * 57)]).sides[0]
    assert shown.strict and reported and shown.strict.low == pytest.approx(reported.low)
    assert shown.strict.high == pytest.approx(reported.high)
