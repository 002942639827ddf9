"""When a run is over, what it says of its cycles, and which one it names as the best."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded_cycles import SPLIT, config, record

from haloforge.cli.terminal import Lines
from haloforge.config import RaftConfig
from haloforge.errors import ConfigError, Stopped
from haloforge.records import Tests
from haloforge.stages.raft.cycles import name_best_cycle
from haloforge.stages.raft.evaluation import evaluations
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
    assert "no better held-out score in the last cycle, so the run ends here (raft.patience)" in said(report)


def test_a_run_ends_after_one_cycle_that_is_no_better_unless_told_otherwise(store: Store) -> None:
    report = run_of(store, 0.25, 0.75, 0.5)
    assert goes_on(report, 1)
    assert not goes_on(report, 2)


def test_without_patience_all_cycles_run(store: Store) -> None:
    assert goes_on(run_of(store, 0.25, 0.75, 0.5), 2, patience=0)


def test_a_cycle_that_trained_nothing_wears_no_patience_down(store: Store) -> None:
    report = run_of(store, 0.25, 0.75)
    assert goes_on(report, 2, too_little="go_on", patience=1)


def test_a_rollback_needs_the_patience_for_another_try() -> None:
    with pytest.raises(ConfigError, match=r"raft\.rollback tries again .* needs raft\.patience 0 or at least 2"):
        config(rollback=True)


def test_a_stop_at_the_end_of_the_cycle_is_heard_there_but_not_after_the_last(store: Store) -> None:
    report = run_of(store, 0.25, 0.75, 0.5, 0.5)
    store.update_run(report.run_id, stop="cycle")
    with pytest.raises(Stopped):
        goes_on(report, 2, patience=0)
    assert goes_on(report, 3, patience=0)


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
    assert any(text.startswith("cycle 2 against cycle 1: -25.0 points") for text in said(report))


def concluded(report: Report, output: Path, split: Any = SPLIT, **loop: Any) -> dict[str, Any]:
    data = {"prompts": "p", "sft_checkpoint": "smollm2-135m", "output_dir": str(output), "raft": loop}
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
    assert said(report)[-1].startswith("no cycle is better; held-out pass@1 of the starting model: 75.0 %")


def test_without_tests_no_cycle_is_called_better_and_no_score_pass_at_1(store: Store, tmp_path: Path) -> None:
    untested = SPLIT._replace(held_out=[replace(problem, tests=Tests()) for problem in SPLIT.held_out])
    report = run_of(store, 0.25, 0.75)
    best = concluded(report, tmp_path, untested)
    assert said(report)[-1].startswith("cycle 1 has the highest compile rate; held-out compile rate of cycle 1: 75.0 %")
    assert (best["compile_rate"]["value"], best["base_compile_rate"]["value"]) == (0.75, 0.25)
    assert "pass@1" not in json.dumps(best)
    out = io.StringIO()
    for event in store.events(report.run_id):
        Lines(out).show(event)
    assert "compile rate 0.75" in out.getvalue() and "pass@" not in out.getvalue()


def test_many_cycles_make_a_claim_harder(store: Store, tmp_path: Path) -> None:
    one = concluded(run_of(store, 0.25, 0.75), tmp_path / "one", num_cycles=1)
    five = concluded(run_of(store, 0.25, 0.75, 0.5, 0.5, 0.5, 0.5), tmp_path / "five", num_cycles=5)
    assert five["p_value"] == pytest.approx(min(1, 5 * one["p_value"]))


def test_a_run_that_ends_early_claims_as_if_all_its_cycles_had_been_compared(store: Store, tmp_path: Path) -> None:
    one = concluded(run_of(store, 0.25, 0.75), tmp_path / "one", num_cycles=1)
    early = concluded(run_of(store, 0.25, 0.75), tmp_path / "early", num_cycles=5)
    assert early["p_value"] == pytest.approx(min(1, 5 * one["p_value"]))


def test_no_cycle_is_claimed_with_a_weaker_correction_than_at_the_end(store: Store, tmp_path: Path) -> None:
    report = run_of(store, 0.25, 0.5, 0.75, 0.75)
    for cycle in (1, 2, 3):
        goes_on(report, cycle)
    first, best, *_ = [text for text in said(report) if text.startswith("held-out pass@1 of cycle")]
    once = paired_p(run_of(store, 0.25, 0.5))
    assert f"p = {min(1, 3 * once):.2g}:" in first
    assert concluded(report, tmp_path)["sentence"] == best
    assert all(text.endswith(best) for text in said(report)[-1:])


def paired_p(report: Report) -> float:
    """The p-value of cycle 1 against cycle 0, as if it were the only comparison."""
    (_, cycle) = evaluations(report, SPLIT.held_out, 1, config(num_cycles=1))
    assert cycle.gain
    return cycle.gain.p_value


def test_a_cycle_that_trained_nothing_is_named_at_the_end(store: Store, tmp_path: Path) -> None:
    report = run_of(store, 0.25, 0.75)
    record_untrained(report, 2)
    best = concluded(report, tmp_path)
    assert (best["trained_cycles"], best["untrained_cycles"], best["planned_cycles"]) == ([1], [2], 3)
    assert said(report)[-1].endswith("; cycle 2 kept too little to train on, so there is no cycle_2")


def test_a_run_that_trained_nothing_at_all_says_so_first(store: Store, tmp_path: Path) -> None:
    report = run_of(store, 0.25)
    record_untrained(report, 1)
    assert concluded(report, tmp_path)["trained_cycles"] == []
    assert said(report)[-1].startswith(
        "nothing was trained: cycle 1 kept too little to train on, so there is no cycle_1;"
    )


def record_untrained(report: Report, cycle: int) -> None:
    """A cycle that selected, and kept too little."""
    report.store.begin_phase(report.run_id, cycle, "select")
    report.store.end_phase(report.run_id, cycle, "select")


def test_without_held_out_problems_nothing_is_claimed(store: Store, tmp_path: Path) -> None:
    report = Report(store, store.create_run("raft", {}).id)
    record(report, 1, "train", {"a": [True]})
    best = concluded(report, tmp_path, SPLIT._replace(held_out=[]))
    assert (best["cycle"], best["verdict"], best["sentence"]) == (1, None, "nothing was held out to judge by")
