"""From a run's events to the numbers of charts."""

import pytest
from seeded import add_cycles, make_run

from haloforge.store import Report, Store
from haloforge.ui import curves, metrics


def test_a_step_that_was_reported_again_counts_once(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    for loss in (2.0, 1.5):
        report.metric("train", 3, {"loss": loss})
    assert curves.losses(store, run.id) == {"training": [(3.0, 1.5)]}


def test_every_cycle_has_a_loss_curve_of_its_own(store: Store) -> None:
    run = make_run(store)
    for cycle in (1, 2):
        Report(store, run.id).metric("train", 1, {"loss": 1.0 / cycle, "cycle": cycle})
    assert list(curves.losses(store, run.id)) == ["cycle 1", "cycle 2"]


def test_without_tests_the_held_out_score_is_a_compile_rate(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    report.metric("cycle", 0, {"eval_pass@1": 0.5, "eval_low": 0.4, "eval_high": 0.6, "untested_share": 1.0})
    line = store.run_line(run.id)
    assert line and metrics.figure(run.stage, line.figures).text == "50.0 % compile rate"
    assert list(metrics.cycle_rates(store.events(run.id, kind="metric"))) == ["held-out compile rate, 95 % interval"]


def test_pass_rates_carry_their_intervals(store: Store) -> None:
    run = make_run(store)
    add_cycles(store, run, [0.5])
    [(cycle, rate, low, high)] = metrics.held_out_rates(store.events(run.id, kind="metric"))
    assert (cycle, rate, low, high) == (0.0, 0.5, pytest.approx(0.4), pytest.approx(0.6))


def test_a_resumed_run_overwrites_the_steps_that_it_takes_again(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    for step, loss in ((1, 2.0), (2, 1.0), (3, 0.5)):
        report.metric("train", step, {"loss": loss})
    assert len(curves.losses(store, run.id)["training"]) == 3
    report.metric("train", 2, {"loss": 0.9})
    assert curves.losses(store, run.id) == {"training": [(1.0, 2.0), (2.0, 0.9)]}


def test_a_curve_of_many_points_is_thinned_and_keeps_its_spikes(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    for step in range(2 * curves.MOST_POINTS):
        report.metric("train", step, {"loss": 50.0 if step == 777 else 1.0})
    points = curves.losses(store, run.id)["training"]
    assert len(points) <= curves.MOST_POINTS + 2 and (777.0, 50.0) in points
