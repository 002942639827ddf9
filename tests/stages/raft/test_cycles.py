"""When a run is over, what it says of its cycles, and which one it names as the best."""

import json
from pathlib import Path
from typing import Any

import pytest
from recorded_cycles import SPLIT, config, record

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.stages.raft.cycles import name_best_cycle
from haloforge.stages.raft.run import decide
from haloforge.stages.raft.steps import open_setup
from haloforge.store import Report, Store

HELD_OUT = [p.task_id for p in SPLIT.held_out]


def run_of(store: Store, *held_out_rates: float) -> Report:
    """A run whose cycles 0, 1, ... pass these shares of four samples of each of the four held-out problems."""
    report = Report(store, store.create_run("raft", {}).id)
    for cycle, rate in enumerate(held_out_rates):
        record(report, cycle, "eval", {name: [i < 4 * rate for i in range(4)] for name in HELD_OUT})
        if cycle:
            record(report, cycle, "train", {"a": [True, False], "b": [False, False]})
    return report


def goes_on(report: Report, cycle: int, **loop: Any) -> bool:
    with open_setup(config(**loop), report, SPLIT) as setup:
        return decide(setup, cycle)


def said(report: Report) -> list[str]:
    return [event.data["text"] for event in report.store.events(report.run_id, kind="log")]


def test_patience_ends_a_run_that_gets_no_better(store: Store) -> None:
    report = run_of(store, 0.25, 0.75, 0.5)
    assert goes_on(report, 1, patience=1)
    assert not goes_on(report, 2, patience=1)
    assert "no better held-out pass@1 for 1 cycles, so the run ends here (patience)" in said(report)


def test_without_patience_all_cycles_run(store: Store) -> None:
    assert goes_on(run_of(store, 0.25, 0.75, 0.5), 2)


def test_a_stop_at_the_end_of_the_cycle_is_heard_there_but_not_after_the_last(store: Store) -> None:
    report = run_of(store, 0.25, 0.75, 0.5, 0.5)
    store.update_run(report.run_id, stop="cycle")
    with pytest.raises(Stopped):
        goes_on(report, 2)
    assert goes_on(report, 3)


def test_a_cycle_says_what_it_gained_and_lost(store: Store) -> None:
    report = Report(store, store.create_run("raft", {}).id)
    record(report, 0, "eval", {"h0": [True], "h1": [False], "h2": [True], "h3": [False]})
    record(report, 1, "eval", {"h0": [False], "h1": [True], "h2": [True], "h3": [True]})
    record(report, 1, "train", {"a": [True, False]})
    goes_on(report, 1)
    assert "held-out problems gained 2: h1, h3; lost 1: h0" in said(report)


def test_a_cycle_is_compared_with_the_best_before_it_too(store: Store) -> None:
    report = run_of(store, 0.25, 0.75, 0.5)
    goes_on(report, 2)
    assert any(text.startswith("cycle 2 against cycle 1: -0.250") for text in said(report))


def concluded(report: Report, output: Path, split: Any = SPLIT) -> dict[str, Any]:
    data = {"prompts": "p", "sft_checkpoint": "smollm2-135m", "output_dir": str(output)}
    name_best_cycle(report, RaftConfig.parse(data), split)
    content: dict[str, Any] = json.loads((output / "best.json").read_text())
    return content


def test_the_best_cycle_is_the_first_of_equals(store: Store, tmp_path: Path) -> None:
    best = concluded(run_of(store, 0.25, 0.75, 0.75), tmp_path)
    assert (best["cycle"], best["path"]) == (1, str(tmp_path / "cycle_1" / "final_model"))


def test_where_no_cycle_is_better_the_starting_model_is_named(store: Store, tmp_path: Path) -> None:
    report = run_of(store, 0.75, 0.5)
    best = concluded(report, tmp_path)
    assert (best["cycle"], best["path"], best["verdict"]) == (0, "smollm2-135m", "no detectable change")
    assert said(report)[-1].startswith("no cycle is better; held-out pass@1 of the starting model: 0.750")


def test_many_cycles_make_a_claim_harder(store: Store, tmp_path: Path) -> None:
    one = concluded(run_of(store, 0.25, 0.75), tmp_path / "one")
    five = concluded(run_of(store, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5), tmp_path / "five")
    assert five["p_value"] == pytest.approx(min(1, 5 * one["p_value"]))


def test_without_held_out_problems_nothing_is_claimed(store: Store, tmp_path: Path) -> None:
    report = Report(store, store.create_run("raft", {}).id)
    record(report, 1, "train", {"a": [True]})
    best = concluded(report, tmp_path, SPLIT._replace(held_out=[]))
    assert (best["cycle"], best["verdict"], best["sentence"]) == (1, None, "nothing was held out to judge by")
