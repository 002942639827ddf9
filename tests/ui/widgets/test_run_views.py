"""The list of runs and one run in detail: functions of the store."""

import pytest
from seeded import BENCHMARK, PREPARE, SFT, add_cycles, add_samples, make_run

from haloforge import jobs
from haloforge.records import RunStatus
from haloforge.store import Report, Store
from haloforge.ui.palette import RUNS
from haloforge.ui.widgets import run_detail, run_list

VIEW = {"tab": "runs"}


def test_an_empty_store_says_what_to_do_first(store: Store) -> None:
    assert "No runs yet" in run_list.render(store, VIEW) and "?tab=data" in run_list.render(store, VIEW)
    assert run_detail.render(store, VIEW) == ""


@pytest.mark.parametrize("status", RUNS)
def test_every_status_is_shown_as_its_chip(store: Store, status: RunStatus) -> None:
    make_run(store, status=status)
    chip = f'<span class="chip {status}">{RUNS[status].word}</span>'
    assert chip in run_list.render(store, VIEW) and chip in run_detail.render(store, VIEW)


def test_the_run_at_work_is_the_one_on_show(store: Store) -> None:
    working = make_run(store, status="running", name="at work")
    make_run(store, status="queued", name="later")
    assert run_list.chosen_run(store, VIEW) == store.run(working.id)
    assert "<h2>at work</h2>" in run_detail.render(store, VIEW)


def test_the_run_in_the_address_wins(store: Store) -> None:
    chosen = make_run(store, status="done", name="chosen")
    make_run(store, status="running")
    assert "<h2>chosen</h2>" in run_detail.render(store, {**VIEW, "run": chosen.id})


def test_a_run_that_is_gone_is_said_to_be_gone(store: Store) -> None:
    make_run(store)
    assert "There is no run &#x27;gone&#x27; any more" in run_detail.render(store, {**VIEW, "run": "gone"})


def test_long_lists_come_in_pages_of_fifty(store: Store) -> None:
    for _ in range(53):
        make_run(store, PREPARE, "done")
    first, second = (run_list.render(store, {**VIEW, "runs": page}) for page in ("0", "1"))
    assert (first.count("<tr data-row"), second.count("<tr data-row")) == (50, 3)
    assert "1 to 50 of 53" in first and "51 to 53 of 53" in second


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("queued", {"Take out of the queue", "Clone"}),
        ("running", {"Stop after this cycle", "Stop now and save", "Kill", "Clone"}),
        ("done", {"Clone", "Delete"}),
        ("stopped", {"Resume", "Clone", "Delete"}),
        ("interrupted", {"Resume", "Clone", "Delete"}),
        ("failed", {"Resume", "Clone", "Delete"}),
    ],
)
def test_only_what_fits_the_status_is_offered(store: Store, status: RunStatus, offered: set[str]) -> None:
    actions = run_detail.actions(make_run(store, status=status))
    every = ("Take out of the queue", "Stop after this cycle", "Stop now and save", "Kill", "Resume", "Clone", "Delete")
    assert {label for label in every if f">{label}<" in actions} == offered


def test_a_stage_without_cycles_cannot_stop_after_one(store: Store) -> None:
    assert "after this cycle" not in run_detail.actions(make_run(store, SFT, "running"))


def test_the_rung_that_was_reached_is_shown_and_not_offered_again(store: Store) -> None:
    run = make_run(store, status="running", stop="now")
    actions, chip = run_detail.actions(run), run_detail.head(store, run)
    assert actions.count("disabled") == 2 and "stopping and saving" in chip
    assert 'data-value="kill ' in actions


def test_killing_and_deleting_ask_first(store: Store) -> None:
    for status, label in (("running", "Kill"), ("done", "Delete")):
        assert f'data-confirm="{label} ' in run_detail.actions(make_run(store, status=status))


def test_why_a_run_failed_stands_under_its_name(store: Store) -> None:
    run = make_run(store, status="failed")
    Report(store, run.id).error("the file data/x.jsonl does not exist")
    assert "the file data/x.jsonl does not exist" in run_detail.render(store, VIEW)


def test_progress_is_shown_with_its_share(store: Store) -> None:
    run = make_run(store, status="running")
    Report(store, run.id).progress("sample", 30, 120, cycle=2)
    for markup in (run_list.render(store, VIEW), run_detail.render(store, VIEW)):
        assert "cycle 2: sample 30/120" in markup and 'aria-valuenow="25"' in markup


def test_the_log_is_escaped_and_cut_to_its_end(store: Store) -> None:
    run = make_run(store)
    jobs.log_path(store, run.id).write_text("first line\n" + "x" * run_detail.LOG_BYTES + "<script>")
    shown = run_detail.render(store, {**VIEW, "section": "log"})
    assert "&lt;script&gt;" in shown and "<script>" not in shown and "first line" not in shown


def test_the_config_is_shown_as_a_command_and_as_yaml(store: Store) -> None:
    make_run(store, BENCHMARK, "done")
    shown = run_detail.render(store, {**VIEW, "section": "config"})
    assert "halo-forge benchmark run --model smollm2-135m --prompts data/test.jsonl" in shown
    assert "prompts: data/test.jsonl" in shown and "data-copy=" in shown


def test_a_config_of_another_version_is_still_shown(store: Store) -> None:
    run = store.create_run("raft", {"prompts": "x", "knob_of_old": 3})
    assert "knob_of_old: 3" in run_detail.render(store, {**VIEW, "run": run.id, "section": "config"})


def test_the_overview_charts_pass_rates_and_verdicts(store: Store) -> None:
    run = make_run(store, status="running")
    add_cycles(store, run, [0.3, 0.4])
    add_samples(store, run, ["passed", "timeout"])
    shown = run_detail.render(store, VIEW)
    assert f'id="rates-{run.id}"' in shown and f'id="verdicts-train-{run.id}"' in shown
    assert "<b>40.0 %</b>" in shown


def test_the_key_figure_of_a_run_stands_in_the_list(store: Store) -> None:
    add_cycles(store, make_run(store), [0.3, 0.41])
    assert "pass@1 41.0 %" in run_list.render(store, VIEW)


def test_artifacts_are_listed_once(store: Store) -> None:
    run = make_run(store, status="done")
    for _ in range(2):
        Report(store, run.id).artifact("best", "models/raft/cycle_1/final_model")
    assert run_detail.render(store, VIEW).count("models/raft/cycle_1/final_model") == 1


@pytest.mark.parametrize(("said", "kind"), [("nothing was trained: cycle 1", "error"), ("best is cycle 1", "good")])
def test_a_run_that_trained_nothing_is_not_shown_as_a_success(store: Store, said: str, kind: str) -> None:
    run = make_run(store, status="done")
    add_cycles(store, run, [0.5])
    Report(store, run.id).log(said)
    assert f'<p class="note {kind}"' in run_detail.render(store, {**VIEW, "run": run.id})
