"""Cycle metrics are read once, and what comes later is added."""

from typing import Any

import pytest
from seeded import add_cycles, make_run

from haloforge.store import Report, Store
from haloforge.ui.cycle_metrics import CycleMetrics


def steps(found: Any, run_id: str) -> list[float]:
    return [event.data["step"] for event in found[run_id]]


def test_only_the_metrics_of_cycles_are_read(store: Store) -> None:
    run = make_run(store)
    Report(store, run.id).metric("train", 1, {"loss": 1.0})
    add_cycles(store, run, [0.1, 0.2])
    assert steps(CycleMetrics().of(store, [run.id]), run.id) == [0, 1]


def test_what_comes_later_is_added_whichever_run_was_looked_at_first(store: Store) -> None:
    read, runs = CycleMetrics(), [make_run(store) for _ in range(2)]
    add_cycles(store, runs[0], [0.1])
    assert steps(read.of(store, [runs[0].id]), runs[0].id) == [0]
    add_cycles(store, runs[1], [0.1, 0.2])
    Report(store, runs[0].id).metric("cycle", 1, {"eval_pass@1": 0.5})
    both = read.of(store, [run.id for run in runs])
    assert [steps(both, run.id) for run in runs] == [[0, 1], [0, 1]]


def test_a_run_that_was_left_out_for_a_while_misses_nothing(store: Store) -> None:
    read, runs = CycleMetrics(), [make_run(store) for _ in range(2)]
    add_cycles(store, runs[0], [0.1])
    read.of(store, [runs[0].id])
    Report(store, runs[0].id).metric("cycle", 1, {})
    read.of(store, [runs[1].id])
    assert steps(read.of(store, [runs[0].id]), runs[0].id) == [0, 1]


def test_a_look_without_news_reads_no_event(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read, run = CycleMetrics(), make_run(store)
    add_cycles(store, run, [0.1])
    first = read.of(store, [run.id])
    monkeypatch.setattr(Store, "metrics_named", None)  # a call would fail
    assert read.of(store, [run.id]) == first
