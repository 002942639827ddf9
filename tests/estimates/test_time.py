"""The seconds of a plan are sums over its own batches, steps and rows, at given rates."""

import random

import pytest
from known_rates import SAMPLING, TRAINING

from haloforge.config import RaftTraining
from haloforge.estimates import (
    PhaseTime,
    Row,
    TrainRow,
    sampling_seconds,
    time_text,
    training_seconds,
    verified_seconds,
)
from haloforge.estimates.pool import pool_steps
from haloforge.estimates.rates import between


def rows_of(problems: int, samples: int) -> list[Row]:
    drawn = random.Random(0)
    return [Row(60, drawn.randint(1, 200)) for _ in range(problems * samples)]


def test_sampling_takes_longer_with_the_problems_and_with_the_samples() -> None:
    def seconds(problems: int, samples: int) -> float:
        return sampling_seconds(SAMPLING, rows_of(problems, samples), 64, 60 * problems)

    assert seconds(400, 8) == pytest.approx(2 * seconds(200, 8), rel=0.1)
    assert seconds(200, 16) == pytest.approx(2 * seconds(200, 8), rel=0.1)


def test_the_pool_of_the_estimate_makes_as_many_tokens_as_the_rows_have() -> None:
    rows = rows_of(100, 8)
    steps = pool_steps(rows, 64)
    assert sum(step.times * step.rows for step in steps) == pytest.approx(sum(row.tokens - 1 for row in rows), rel=0.02)
    assert max(step.rows for step in steps) == 64
    assert sum(step.times for step in steps) >= sum(row.tokens - 1 for row in rows) / 64


def test_rows_that_all_fit_at_once_take_as_many_steps_as_the_longest() -> None:
    steps = pool_steps([Row(10, 5), Row(10, 31)], 64)
    assert sum(step.times for step in steps) == pytest.approx(30)
    assert steps[-1].reach == pytest.approx(40, abs=1.5)


def test_nothing_to_sample_takes_no_time() -> None:
    assert pool_steps([], 64) == []
    assert sampling_seconds(SAMPLING, [], 64, 0) < 0.2


def test_training_takes_longer_with_the_rows_and_the_epochs() -> None:
    rows = [TrainRow(100 + place % 7, 40) for place in range(64)]

    def seconds(count: int, epochs: float) -> float:
        return training_seconds(TRAINING, rows, count, RaftTraining(epochs=epochs), on_cpu=True)

    assert seconds(640, 1) == pytest.approx(10 * seconds(64, 1), rel=0.05)
    assert seconds(64, 3) == pytest.approx(3 * seconds(64, 1), rel=0.05)


def test_a_batch_on_a_cpu_costs_its_parts_and_not_its_padding() -> None:
    rows = [TrainRow(250, 10), TrainRow(30, 10)]
    settings = RaftTraining(batch_size=2, gradient_accumulation_steps=1)
    here, on_gpu = (training_seconds(TRAINING, rows, 2, settings, on_cpu=on_cpu) for on_cpu in (True, False))
    assert here == pytest.approx(TRAINING.part(250, 10) + TRAINING.part(30, 10) + TRAINING.step)
    assert on_gpu == pytest.approx(TRAINING.part(500, 20) + TRAINING.step)


def test_verification_beside_a_gpu_costs_what_outlasts_sampling() -> None:
    assert verified_seconds(100, 80, 2, on_cpu=False) == {"sampling": 100, "verification": 0}
    assert verified_seconds(100, 300, 2, on_cpu=False) == {"sampling": 100, "verification": 50}
    assert verified_seconds(100, 80, 2, on_cpu=True) == {"sampling": 100, "verification": 40}


def test_seconds_of_a_size_lie_between_the_measured_ones_and_go_on_beyond() -> None:
    points = ((1, 1.0), (16, 4.0), (64, 10.0))
    assert [between(points, size) for size in (0, 1, 16, 40, 64, 112)] == [1.0, 1.0, 4.0, 7.0, 10.0, 16.0]


def test_a_time_is_told_with_what_it_is_made_of() -> None:
    phases = [
        PhaseTime("sample", 1, {"sampling": 420, "verification": 60}),
        PhaseTime("train", 1, {"training": 180}),
        PhaseTime("evaluate", 1, {"evaluation": 60, "verification": 0.2}),
    ]
    assert time_text(phases) == "about 12 min (sampling 7, verification 1, training 3, evaluation 1)"
    assert time_text(phases[2:]) == "about 60 s (evaluation 60, verification 0.2)"
