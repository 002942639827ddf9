"""pass@k, intervals and paired tests. Pure functions of plain numbers; the independent unit is the problem.

Averages run over problems, never over pooled samples. Problems that are variants of one another (a `family`) are not
independent either: where clusters are given, whole clusters are resampled and whole clusters change sign.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from haloforge.markup.numbers import change, share

DRAWS = 10_000
"""Random draws of a bootstrap or of a sign-flip test."""

CONFIDENCE = 0.95
"""Coverage of every interval; 1 - CONFIDENCE is the level of every test."""

POWER = 0.8
"""How often a gain of the smallest detectable size is found."""

Verdict = Literal["better", "worse", "no detectable change"]
Floats = NDArray[np.float64]

_NO_GAIN = 0.001
"""Nobody would gather the millions of problems that show less."""

_Z = NormalDist().inv_cdf
_MOST_VALUES_AT_ONCE = 4_000_000  # resampled values in memory, 8 bytes each


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval, and how the interval was made."""

    value: float
    low: float
    high: float
    method: str

    def __str__(self) -> str:
        return share(self.value, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same problems before and after: the mean difference, its p-value, a verdict.

    `detectable` is the smallest true gain that a comparison of this size finds with power 0.8.
    """

    difference: Estimate
    p_value: float
    test: str
    detectable: float
    problems: int

    @property
    def verdict(self) -> Verdict:
        """`better` or `worse` only where interval and test agree."""
        return verdict(self.difference, self.p_value)

    def sentence(self) -> str:
        """The difference and the verdict in words."""
        return f"{self.numbers()}: {self.verdict}{self.reach()}"

    def numbers(self) -> str:
        """The difference, its interval and the p-value, without a verdict."""
        d = self.difference
        return f"{change(d.value, d.low, d.high)}, p = {self.p_value:.2g}"

    def reach(self) -> str:
        """What a comparison without a detectable change could have found; empty for any other."""
        if self.verdict != "no detectable change":
            return ""
        if self.detectable >= 1:
            return " (too few problems for any)"
        enough = self.problems_for(self.difference.value)
        gain = f"{100 * abs(self.difference.value):.1f}"
        settled = f"; to show one of {gain} use about {enough:,} problems" if enough else ""
        return f" (smallest detectable gain {100 * self.detectable:.1f} points{settled})"

    def problems_for(self, gain: float) -> int | None:
        """About how many problems that vary as these do would show it; None where these do, or there is hardly any."""
        if not _NO_GAIN <= abs(gain) < self.detectable:
            return None
        return two_digits(self.problems * (self.detectable / abs(gain)) ** 2)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that at least one of k samples passes, from c passes among n: unbiased (Chen et al. 2021).

    Raises ValueError for k > n, which no number of draws can estimate.
    """
    if not 0 <= c <= n or k < 1:
        raise ValueError(f"pass@{k} of {c} passes among {n} samples makes no sense")
    if k > n:
        raise ValueError(f"pass@{k} cannot be estimated from {n} samples")
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def mean_estimate(
    scores: Sequence[float] | Floats, clusters: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Estimate:
    """Mean score over problems: Wilson where every score is 0 or 1 and problems are independent, else bootstrap.

    Raises ValueError when there is no score.
    """
    values = _checked(scores)
    groups = _groups(len(values), clusters)
    independent = groups.max() + 1 == len(values)
    if np.all(values == 0) or np.all(values == 1):  # nothing varies, so there is nothing to resample
        units = int(groups.max()) + 1
        return wilson(units if values[0] else 0, units)
    if independent and np.all((values == 0) | (values == 1)):
        return wilson(int(values.sum()), len(values))
    if groups.max() == 0:
        return Estimate(float(values.mean()), 0.0, 1.0, "one cluster")
    return bootstrap(values, clusters, seed=seed)


def wilson(successes: int, total: int) -> Estimate:
    """The score interval of a proportion (Wilson 1927): holds at 0 and at 1, where others collapse to a point."""
    z = _Z((1 + CONFIDENCE) / 2)
    p, spread = successes / total, z * z / total
    centre = (p + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(p * (1 - p) / total + spread / (4 * total))
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), "wilson")


def bootstrap(
    values: Sequence[float] | Floats, clusters: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Estimate:
    """Mean with a percentile bootstrap interval over problems (or clusters of them), widened for small numbers.

    `values` lie in [-1, 1], as scores and their differences do; with one cluster that is the whole interval.

    The percentiles are those that make the interval as wide as Student's t would (Hesterberg 2015, "expanded
    percentile"); plain percentiles cover too little below about 100 problems.
    """
    data = _checked(values)
    sums, counts = _cluster_sums(data, _groups(len(data), clusters))
    if len(sums) == 1:
        return Estimate(float(data.mean()), -1.0, 1.0, "one cluster")
    tail = _tail(len(sums))
    low, high = np.quantile(_resampled_means(sums, counts, seed), [tail, 1 - tail])
    return Estimate(float(data.mean()), float(low), float(high), "bootstrap")


def pass_at_k_curve(
    passes: Sequence[tuple[int, int]], ks: Sequence[int], clusters: Sequence[Hashable] | None = None, *, seed: int = 0
) -> list[Estimate]:
    """pass@k over the same problems for each k, from (samples, passes) of each: what `mean_estimate` gives for each k.

    All k share one set of draws, so that a curve of 20 points takes the time of two. The band holds at each k alone,
    not for all k at once. Raises ValueError for a k that some problem has too few samples for.
    """
    known = {(n, c, k): pass_at_k(n, c, k) for n, c in set(passes) for k in ks}
    columns = [_checked([known[n, c, k] for n, c in passes]) for k in ks]
    groups = _groups(len(passes), clusters)
    units, varying = int(groups.max()) + 1, [i for i, column in enumerate(columns) if len(set(column.tolist())) > 1]
    independent = units == len(passes)
    drawn = [i for i in varying if not (independent and set(columns[i].tolist()) <= {0.0, 1.0})]
    if units == 1 or not drawn:
        return [mean_estimate(column, clusters, seed=seed) for column in columns]
    sums = np.stack([_cluster_sums(columns[i], groups)[0] for i in drawn], axis=1)
    tail = _tail(units)
    lows, highs = np.quantile(_resampled_rows(sums, _cluster_sums(columns[0], groups)[1], seed), [tail, 1 - tail], 0)
    bands = {
        i: Estimate(float(columns[i].mean()), float(lows[j]), float(highs[j]), "bootstrap") for j, i in enumerate(drawn)
    }
    return [bands.get(i) or mean_estimate(column, clusters, seed=seed) for i, column in enumerate(columns)]


def compare(
    before: Sequence[float], after: Sequence[float], clusters: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Comparison:
    """Scores of the same problems, in the same order, before and after. Raises ValueError when they do not pair up."""
    if len(before) != len(after):
        raise ValueError(f"{len(before)} scores cannot be paired with {len(after)}")
    differences = _checked(after) - _checked(before)
    groups = _groups(len(differences), clusters)
    units = int(groups.max()) + 1
    changes_by_one = units == len(differences) and np.all(np.isin(differences, (-1, 0, 1)))
    if changes_by_one:
        p_value, test = mcnemar(int(np.sum(differences > 0)), int(np.sum(differences < 0))), "mcnemar"
    else:
        p_value, test = sign_flip(differences, clusters, seed=seed), "sign-flip"
    return Comparison(
        difference=bootstrap(differences, clusters, seed=seed),
        p_value=p_value,
        test=test,
        detectable=smallest_detectable_gain(differences, clusters),
        problems=len(differences),
    )


def mcnemar(gained: int, lost: int) -> float:
    """Exact two-sided p-value: under no change a changed problem is as likely gained as lost."""
    changed = gained + lost
    tail = sum(math.comb(changed, i) for i in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / (1 << changed))


def sign_flip(values: Sequence[float] | Floats, clusters: Sequence[Hashable] | None = None, *, seed: int = 0) -> float:
    """Two-sided p-value of a mean difference: how often random signs (one per cluster) reach it. Never exactly 0."""
    data = _checked(values)
    sums, _ = _cluster_sums(data, _groups(len(data), clusters))
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    rng, reached = np.random.default_rng(seed), 0
    for draws in _chunks(len(sums)):
        signs = rng.integers(0, 2, size=(draws, len(sums)), dtype=np.int8) * 2 - 1
        reached += int(np.sum(np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9))
    return (reached + 1) / (DRAWS + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of even one false claim among them stays at the level (Holm 1979)."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def smallest_detectable_gain(
    differences: Sequence[float] | Floats, clusters: Sequence[Hashable] | None = None
) -> float:
    """The true mean difference that is found with power 0.8 at the two-sided 5 % level, given how much these vary.

    1 or more means that there are too few problems to find any gain.
    """
    data = _checked(differences)
    sums, counts = _cluster_sums(data, _groups(len(data), clusters))
    units = len(sums)
    if units == 1:
        return 1.0
    if np.all(data == data[0]):
        return 3 / units  # rule of three: a change seen in no problem may still happen in this share
    residuals = sums - data.mean() * counts
    error = math.sqrt(float(np.sum(residuals**2)) * units / (units - 1)) / len(data)
    return (_student_quantile((1 + CONFIDENCE) / 2, units - 1) + _Z(POWER)) * error


def planned_gain(problems: int, samples: int, change: float, rate: float = 0.4) -> float:
    """The gain in pass@1 that a paired benchmark of this size will detect with power 0.8 at the 5 % level.

    Assumes pass rates over problems as Beta(rate, 1 - rate), which real models are close to, and a true gain that
    varies from problem to problem by `change` on the logit scale (0.5 little, 1.0 much).
    """
    mixed = rate * (1 - rate)
    sampling = 2 * (mixed / 2) / samples
    varying = change**2 * mixed * (1 + rate) * (2 - rate) / 24  # change^2 E[(p (1 - p))^2]
    return (_Z((1 + CONFIDENCE) / 2) + _Z(POWER)) * math.sqrt((sampling + varying) / problems)


def planned_problems(gain: float, samples: int, change: float) -> int:
    """About how many problems a paired benchmark needs to detect a gain in pass@1; two digits are meant seriously."""
    return two_digits(planned_gain(1, samples, change) ** 2 / gain**2)


def two_digits(count: float) -> int:
    """A number of problems rounded up to two digits: what a plan can promise."""
    step: int = 10 ** max(0, int(math.log10(max(count, 1))) - 1)
    return math.ceil(count / step) * step


def verdict(difference: Estimate, p_value: float) -> Verdict:
    """`better` or `worse` where the interval excludes 0 and the test agrees, else `no detectable change`."""
    if p_value > 1 - CONFIDENCE or difference.low <= 0 <= difference.high:
        return "no detectable change"
    return "better" if difference.low > 0 else "worse"


def _checked(values: Sequence[float] | Floats) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise ValueError("there is no problem to average over")
    return data


def _groups(size: int, clusters: Sequence[Hashable] | None) -> NDArray[np.int64]:
    """The cluster number of every problem, numbered from 0 in order of appearance."""
    if clusters is None:
        return np.arange(size)
    if len(clusters) != size:
        raise ValueError(f"{size} problems cannot have {len(clusters)} clusters")
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in clusters])


def _cluster_sums(data: Floats, groups: NDArray[np.int64]) -> tuple[Floats, Floats]:
    return np.bincount(groups, weights=data).astype(np.float64), np.bincount(groups).astype(np.float64)


def _resampled_means(sums: Floats, counts: Floats, seed: int) -> Floats:
    rng, means = np.random.default_rng(seed), []
    for draws in _chunks(len(sums)):
        picked = rng.integers(0, len(sums), size=(draws, len(sums)), dtype=np.int32)
        means.append(sums[picked].sum(axis=1) / counts[picked].sum(axis=1))
    return np.concatenate(means)


def _resampled_rows(sums: Floats, counts: Floats, seed: int) -> Floats:
    """The same draws as `_resampled_means` for several columns at once, to six digits; (draws, columns)."""
    rng, means, units = np.random.default_rng(seed), [], len(sums)
    narrow = np.column_stack([sums, counts]).astype(np.float32)
    for draws in _chunks(units):
        picked = rng.integers(0, units, size=(draws, units), dtype=np.int32)
        places = picked + np.arange(draws, dtype=np.int32)[:, None] * np.int32(units)
        times = np.bincount(places.ravel(), minlength=draws * units).reshape(draws, units).astype(np.float32)
        means.append((times @ narrow[:, :-1]) / (times @ narrow[:, -1])[:, None])
    return np.concatenate(means)


def _tail(units: int) -> float:
    """The share that an expanded percentile interval of so many units cuts off at either end."""
    return NormalDist().cdf(-math.sqrt(units / (units - 1)) * _student_quantile((1 + CONFIDENCE) / 2, units - 1))


def _chunks(units: int) -> list[int]:
    """Draw counts that add up to DRAWS, each small enough for memory."""
    step = max(1, min(DRAWS, _MOST_VALUES_AT_ONCE // units))
    return [min(step, DRAWS - done) for done in range(0, DRAWS, step)]


def _student_quantile(probability: float, freedom: int) -> float:
    """Quantile of Student's t by its expansion around the normal (Abramowitz and Stegun 26.7.5); exact for 1 and 2."""
    if freedom == 1:
        return math.tan(math.pi * (probability - 0.5))
    if freedom == 2:
        return (2 * probability - 1) * math.sqrt(2 / (4 * probability * (1 - probability)))
    z = _Z(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term * float(freedom) ** -power for power, term in enumerate(terms, start=1))
