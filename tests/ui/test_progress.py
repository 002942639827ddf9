"""Phases, shares and time left, from a run's events alone."""

from seeded import RAFT, make_run

from haloforge.records import Event
from haloforge.stages.shared.phases import PhaseCost, PhaseRecord
from haloforge.store import Report, Store
from haloforge.ui import progress


def events(*rows: tuple[float, str, int, int, int]) -> list[Event]:
    """Progress events (time, phase, done, total, cycle)."""
    return [
        Event(i, "run", time, "progress", {"phase": phase, "done": done, "total": total, "cycle": cycle})
        for i, (time, phase, done, total, cycle) in enumerate(rows)
    ]


def test_time_left_is_what_remains_at_the_measured_rate() -> None:
    [phase] = progress.in_work(events((0, "sample", 10, 100, 1), (20, "sample", 30, 100, 1)))
    assert (phase.share, phase.left_s) == (0.3, 70.0)


def test_a_slow_start_is_forgotten() -> None:
    slow_start = events((0, "sample", 0, 100, 1), (100, "sample", 10, 100, 1), (150, "sample", 60, 100, 1))
    assert progress.in_work(slow_start)[0].left_s == 40.0


def test_the_time_that_a_stopped_run_lay_idle_is_not_its_speed() -> None:
    resumed = events((0, "sample", 10, 100, 1), (9000, "sample", 12, 100, 1), (9010, "sample", 22, 100, 1))
    assert progress.in_work(resumed)[0].left_s == 78.0
    assert progress.in_work(resumed[:2])[0].left_s is None


def test_one_event_gives_no_rate() -> None:
    assert progress.in_work(events((0, "sample", 10, 100, 1)))[0].left_s is None


def test_phases_that_go_on_together_are_told_apart() -> None:
    phases = progress.in_work(events((0, "sample", 10, 100, 1), (1, "verify", 4, 100, 1), (2, "sample", 20, 100, 1)))
    assert [(p.name, p.done) for p in phases] == [("sample", 20), ("verify", 4)]


def test_only_the_newest_cycle_counts() -> None:
    phases = progress.in_work(events((0, "sample", 100, 100, 1), (9, "sample", 5, 100, 2)))
    assert [(p.cycle, p.done) for p in phases] == [(2, 5)]


def test_a_resumed_phase_that_counts_from_less_has_no_negative_rate() -> None:
    [phase] = progress.in_work(events((0, "sample", 50, 100, 1), (5, "sample", 40, 100, 1)))
    assert phase.left_s is None


def test_a_finished_phase_has_nothing_left(store: Store) -> None:
    run = make_run(store)
    Report(store, run.id).progress("train", 10, 10)
    phase = progress.current(store, run)
    assert phase and (phase.share, phase.left_s) == (1.0, 0.0)


def test_a_run_that_reported_nothing_has_no_phase(store: Store) -> None:
    assert progress.current(store, make_run(store)) is None


def test_what_is_left_of_the_run_follows_from_the_cycles_that_are_done(store: Store) -> None:
    run = make_run(store, RAFT.model_copy(update={"raft": RAFT.raft.model_copy(update={"num_cycles": 3})}))
    for cycle, phase, seconds in ((0, "evaluate", 10), (1, "sample", 100), (1, "train", 50), (1, "evaluate", 20)):
        store.begin_phase(run.id, cycle, phase)
        store.end_phase(run.id, cycle, phase, PhaseRecord({}, PhaseCost(seconds)).to_json())
    Report(store, run.id).progress("sample", 0, 80, cycle=2)
    seen = progress.outlook(store, run)
    assert (seen.cycle, seen.cycles) == (2, 3)
    assert (seen.cycle_left_s, seen.run_left_s) == (100 + 50 + 15, 2 * (100 + 50 + 15))


def test_before_anything_is_done_the_forecast_says_what_is_left(store: Store) -> None:
    run = make_run(store, RAFT.model_copy(update={"raft": RAFT.raft.model_copy(update={"num_cycles": 1})}))
    report = Report(store, run.id)
    report.progress("evaluate", 0, 80, cycle=0)
    assert progress.outlook(store, run).run_left_s is None
    report.metric("forecast", 0, {"evaluate": 10.0})
    for phase, seconds in (("sample", 100.0), ("train", 50.0), ("evaluate", 20.0)):
        report.metric("forecast", 1, {phase: seconds})
    assert progress.outlook(store, run).run_left_s == 180.0
