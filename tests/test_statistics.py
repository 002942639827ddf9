"""Estimates hold against brute force, intervals cover as often as they say, and nothing is found where nothing is."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloforge import statistics
from haloforge.statistics import (
    Estimate,
    bootstrap,
    compare,
    holm,
    mcnemar,
    mean_estimate,
    pass_at_k,
    pass_at_k_curve,
    planned_gain,
    planned_problems,
    sign_flip,
    smallest_detectable_gain,
    two_digits,
    verdict,
    wilson,
)


@pytest.mark.parametrize("n", range(1, 13))
def test_pass_at_k_equals_counting_every_draw(n: int) -> None:
    for c in range(n + 1):
        outcomes = [1] * c + [0] * (n - c)
        for k in range(1, n + 1):
            draws = [max(drawn) for drawn in combinations(outcomes, k)]
            assert pass_at_k(n, c, k) == pytest.approx(sum(draws) / len(draws), abs=1e-12)


def test_pass_at_k_refuses_more_draws_than_samples() -> None:
    with pytest.raises(ValueError, match="pass@5 cannot be estimated from 4 samples"):
        pass_at_k(4, 2, 5)


def test_pass_at_k_is_exact_for_many_samples() -> None:
    assert pass_at_k(1000, 500, 1) == 0.5
    assert pass_at_k(1000, 1, 100) == pytest.approx(0.1)


def test_wilson_gives_the_published_interval() -> None:
    found = wilson(72, 164)  # 43.9 % of HumanEval
    assert (found.low, found.high) == (pytest.approx(0.365, abs=5e-4), pytest.approx(0.516, abs=5e-4))


def test_an_interval_at_none_or_all_is_not_a_point() -> None:
    assert mean_estimate([0.0] * 20).high > 0.1
    assert mean_estimate([1.0] * 20).low < 0.9


def test_clusters_that_agree_count_as_one_problem_each() -> None:
    scores, families = [0, 0, 1, 1, 1, 1, 0, 0] * 5, [i // 2 for i in range(40)]
    alone, clustered = mean_estimate(scores), mean_estimate(scores, families)
    assert clustered.value == alone.value
    assert clustered.high - clustered.low > 1.2 * (alone.high - alone.low)


def test_one_cluster_says_nothing_about_others() -> None:
    found = compare([0.0, 0.5], [1.0, 0.5], ["a", "a"])
    assert found.verdict == "no detectable change"
    assert (found.difference.low, found.difference.high) == (-1, 1)
    assert found.sentence().endswith("(too few problems for any)")
    assert (mean_estimate([0.25]).low, mean_estimate([0.25]).high) == (0, 1)


@pytest.mark.parametrize(("gained", "lost", "p"), [(38, 9, 2.5e-5), (45, 28, 0.060), (0, 0, 1.0), (3, 3, 1.0)])
def test_mcnemar_gives_the_exact_p_value(gained: int, lost: int, p: float) -> None:
    assert mcnemar(gained, lost) == pytest.approx(p, rel=0.05)


def test_sign_flip_is_close_to_trying_every_sign() -> None:
    values = [0.5, 0.25, -0.25, 0.75, 0.5, -0.5, 0.25, 0.5]
    sums = [sum(s * v for s, v in zip(signs, values, strict=True)) for signs in product((-1, 1), repeat=len(values))]
    exact = np.mean([abs(s) >= abs(sum(values)) - 1e-9 for s in sums])
    assert sign_flip(values) == pytest.approx(exact, abs=0.01)


def test_holm_adjusts_as_in_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_makes_a_claim_easier(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    assert all(a <= 1 for a in adjusted)


def test_a_clear_gain_is_better_and_its_reverse_worse() -> None:
    low, high = [0.0, 0.25] * 20, [0.75, 1.0] * 20
    assert compare(low, high).verdict == "better"
    assert compare(high, low).verdict == "worse"


def test_no_detectable_change_names_the_gain_that_would_have_been_seen() -> None:
    found = compare([0.5, 0.25] * 10, [0.25, 0.5] * 10)
    assert found.sentence().endswith(
        f"no detectable change (smallest detectable gain {100 * found.detectable:.1f} points)"
    )


def test_a_gain_that_cannot_be_claimed_says_how_many_problems_would_show_it() -> None:
    found = compare([0.5, 0.25] * 10, [0.25, 0.5] * 9 + [0.5, 0.5])
    needed = found.problems_for(found.difference.value)
    assert needed and needed > 20
    assert found.sentence().endswith(
        f"; to show one of {100 * found.difference.value:.1f} use about {needed:,} problems)"
    )
    assert needed == pytest.approx(20 * (found.detectable / found.difference.value) ** 2, rel=0.1)
    assert found.problems_for(found.detectable * 2) is None and found.problems_for(0.0) is None


def test_where_nothing_changed_a_small_gain_could_still_hide() -> None:
    assert compare([0.5] * 60, [0.5] * 60).sentence().endswith("(smallest detectable gain 5.0 points)")


def test_a_verdict_needs_interval_and_test_to_agree() -> None:
    above_zero = Estimate(0.1, 0.01, 0.2, "bootstrap")
    assert verdict(above_zero, 0.2) == "no detectable change"
    assert verdict(above_zero, 0.01) == "better"
    assert verdict(Estimate(0.1, -0.01, 0.2, "bootstrap"), 0.01) == "no detectable change"


def test_scores_that_do_not_pair_up_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be paired"):
        compare([1.0], [1.0, 0.0])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(0, 2**31))
def test_an_interval_holds_its_value_and_repeats(scores: list[float], seed: int) -> None:
    first = mean_estimate(scores, seed=seed)
    assert first.low - 1e-9 <= first.value <= first.high + 1e-9
    assert mean_estimate(scores, seed=seed) == first


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (30, 2.042)])
def test_student_quantiles_equal_the_table(freedom: int, expected: float) -> None:
    assert statistics._student_quantile(0.975, freedom) == pytest.approx(expected, rel=0.004)


def test_a_real_gain_of_the_detectable_size_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(3)
    size, gain, found = 60, 0.1, 0
    noise = gain / (smallest_detectable_gain([1.0, -1.0] * (size // 2)) * math.sqrt((size - 1) / size))
    for _ in range(400):
        found += bootstrap(rng.normal(gain, noise, size)).low > 0
    assert found / 400 == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("samples", "low", "high"), [(1, 0.09, 0.11), (4, 0.05, 0.06), (8, 0.035, 0.05)])
def test_planned_gains_agree_with_simulations_of_164_problems(samples: int, low: float, high: float) -> None:
    assert planned_gain(164, samples, 0.5) == pytest.approx(low, abs=0.02)
    assert planned_gain(164, samples, 1.0) == pytest.approx(high, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("problems", "samples"), [(40, 4), (164, 1), (100, 8)])
def test_intervals_cover_the_truth_95_times_in_100(
    problems: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 2000)
    rng, covered = np.random.default_rng(problems), 0
    for i in range(2000):
        passes = rng.binomial(samples, rng.beta(0.4, 0.6, problems)) / samples
        estimate = mean_estimate(list(passes), seed=i)
        covered += estimate.low <= 0.4 <= estimate.high
    assert 0.93 <= covered / 2000 <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize(("problems", "samples"), [(40, 4), (164, 1)])
def test_models_that_do_not_differ_are_called_different_at_most_55_times_in_1000(
    problems: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "DRAWS", 2000)
    rng, claims = np.random.default_rng(problems), 0
    for i in range(2000):
        rates = rng.beta(0.4, 0.6, problems)
        before, after = (list(rng.binomial(samples, rates) / samples) for _ in range(2))
        claims += compare(before, after, seed=i).verdict != "no detectable change"
    assert claims / 2000 <= 0.055


def test_the_problems_that_a_gain_needs_are_those_with_which_it_is_planned() -> None:
    needed = planned_problems(0.05, 10, 1.0)
    assert planned_gain(needed, 10, 1.0) <= 0.05 < planned_gain(int(needed * 0.85), 10, 1.0)


@pytest.mark.parametrize(("count", "said"), [(0.2, 1), (7, 7), (98.2, 99), (981, 990), (12_340, 13_000)])
def test_a_plan_promises_two_digits(count: float, said: int) -> None:
    assert two_digits(count) == said


@pytest.mark.parametrize("families", [30, 12, 1])
def test_a_curve_says_at_each_k_what_the_single_estimate_says(families: int) -> None:
    rng = np.random.default_rng(families)
    passes = [(8, int(c)) for c in rng.integers(0, 9, 30)]
    clusters = [i % families for i in range(30)]
    ks = range(1, 9)
    for k, found in zip(ks, pass_at_k_curve(passes, ks, clusters), strict=True):
        alone = mean_estimate([pass_at_k(n, c, k) for n, c in passes], clusters)
        assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), abs=1e-6)
        assert found.method == alone.method


def test_a_curve_of_a_model_that_solves_nothing_still_has_a_band() -> None:
    found = pass_at_k_curve([(4, 0)] * 20, [1, 4])
    assert [(e.value, e.method) for e in found] == [(0, "wilson")] * 2 and found[0].high > 0.1
