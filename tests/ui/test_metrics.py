"""From a run's events to the numbers of charts."""

import pytest
from seeded import add_cycles, make_run

from haloforge.store import Report, Store
from haloforge.ui import metrics


def test_a_step_that_was_reported_again_counts_once(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    for loss in (2.0, 1.5):
        report.metric("train", 3, {"loss": loss})
    assert metrics.losses(store.events(run.id, kind="metric")) == {"training": [(3.0, 1.5)]}


def test_every_cycle_has_a_loss_curve_of_its_own(store: Store) -> None:
    run = make_run(store)
    for cycle in (1, 2):
        Report(store, run.id).metric("train", 1, {"loss": 1.0 / cycle, "cycle": cycle})
    assert set(metrics.losses(store.events(run.id, kind="metric"))) == {"cycle 1", "cycle 2"}


def test_pass_rates_carry_their_intervals(store: Store) -> None:
    run = make_run(store)
    add_cycles(store, run, [0.5])
    [(cycle, rate, low, high)] = metrics.cycle_rates(store.events(run.id, kind="metric"))[metrics.HELD_OUT]
    assert (cycle, rate, low, high) == (0.0, 0.5, pytest.approx(0.4), pytest.approx(0.6))
