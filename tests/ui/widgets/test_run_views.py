"""The list of runs and one run in detail: functions of the store."""

import html
import json
from dataclasses import replace
from pathlib import Path

import pytest
from seeded import BENCHMARK, PREPARE, RAFT, SFT, add_cycles, add_samples, make_run

from haloforge import jobs
from haloforge.config import BenchmarkConfig
from haloforge.records import RunStatus
from haloforge.stages.shared.costs import Cost
from haloforge.store import Report, Store
from haloforge.ui import lineage
from haloforge.ui.palette import RUNS
from haloforge.ui.widgets import (
    run_alarms,
    run_cycles,
    run_detail,
    run_lineage,
    run_list,
    run_notes,
    run_overview,
    run_strip,
)

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
        ("queued", {"Move up", "Take out of the queue", "Clone"}),
        ("running", {"Stop after this cycle", "Stop now and save", "Kill", "Clone"}),
        ("done", {"Clone", "Run again", "Delete"}),
        ("stopped", {"Resume", "Clone", "Run again", "Delete"}),
        ("interrupted", {"Resume", "Clone", "Run again", "Delete"}),
        ("failed", {"Resume", "Clone", "Run again", "Delete"}),
    ],
)
def test_only_what_fits_the_status_is_offered(store: Store, status: RunStatus, offered: set[str]) -> None:
    actions = run_detail.actions(make_run(store, status=status))
    every = ["Take out of the queue", "Stop after this cycle", "Stop now and save", "Kill", "Resume", "Clone", "Delete"]
    every += ["Move up", "Run again"]
    assert {label for label in every if f">{label}<" in actions} == offered


def test_a_stage_without_cycles_cannot_stop_after_one(store: Store) -> None:
    assert "after this cycle" not in run_detail.actions(make_run(store, SFT, "running"))


def test_the_rung_that_was_reached_is_shown_and_not_offered_again(store: Store) -> None:
    run = make_run(store, status="running", stop="now")
    actions, chip = run_detail.actions(run), run_detail.head(store, run)
    assert actions.count("disabled") == 2 and "stopping and saving" in chip
    assert 'data-value="kill ' in actions


def test_killing_asks_first(store: Store) -> None:
    assert 'data-confirm="Kill ' in run_detail.actions(make_run(store, status="running"))


def test_delete_leads_to_a_question_that_says_what_is_lost_and_what_stays(store: Store, tmp_path: Path) -> None:
    run = make_run(store, RAFT.model_copy(update={"output_dir": str(tmp_path)}), "done")
    add_samples(store, run, ["passed", "timeout"])
    assert "ask=delete" in run_detail.actions(run) and 'data-act="delete"' not in run_detail.render(store, VIEW)
    asked = run_detail.render(store, {**VIEW, "run": run.id, "ask": "delete"})
    assert "with its log and 2 samples?" in asked and str(tmp_path) in asked and 'data-act="delete"' in asked


def test_why_a_run_failed_stands_under_its_name(store: Store) -> None:
    run = make_run(store, status="failed")
    Report(store, run.id).error("the file data/x.jsonl does not exist")
    assert "the file data/x.jsonl does not exist" in run_detail.render(store, VIEW)


def test_progress_is_shown_with_its_share(store: Store) -> None:
    run = make_run(store, status="running")
    Report(store, run.id).progress("sample", 30, 120, cycle=2)
    assert "cycle 2: sample 30/120" in run_list.render(store, VIEW)
    shown = run_detail.render(store, VIEW)
    assert "Cycle 2 of 3" in shown and "<b>30/120</b>" in shown and 'aria-valuenow="25"' in shown


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
    assert "<b>40.0 %</b>" in shown and 'aria-label="Cycles"' in shown


def test_the_key_figure_of_a_run_stands_in_the_list(store: Store) -> None:
    add_cycles(store, make_run(store), [0.3, 0.41])
    assert '30.0 → 41.0 %<div class="muted">pass@1</div>' in run_list.render(store, VIEW)


def test_artifacts_are_listed_once(store: Store) -> None:
    run = make_run(store, status="done")
    for _ in range(2):
        Report(store, run.id).artifact("best", "models/raft/cycle_1/final_model")
    assert run_detail.render(store, VIEW).count("models/raft/cycle_1/final_model") == 1


def test_what_a_run_made_and_is_not_there_any_more_is_said_to_be_gone(store: Store, tmp_path: Path) -> None:
    run = make_run(store, status="done", cwd=str(tmp_path))
    (tmp_path / "kept").mkdir()
    for name in ("kept", "removed"):
        Report(store, run.id).artifact(name, name)
    assert run_detail.render(store, VIEW).count("not there any more") == 1


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("nothing was trained: cycle 1", " error"),
        ("best is cycle 1, better", " good"),
        ("best is cycle 1: no detectable change", ""),
    ],
)
def test_only_a_gain_is_shown_as_a_success(store: Store, said: str, kind: str) -> None:
    run = make_run(store, status="done")
    add_cycles(store, run, [0.5])
    Report(store, run.id).log(said)
    assert f'<p class="note{kind}"' in run_detail.render(store, {**VIEW, "run": run.id})


def test_the_list_is_narrowed_by_words_stage_status_and_tag(store: Store) -> None:
    make_run(store, SFT, "done", name="first tuning", tags="baseline")
    make_run(store, BENCHMARK, "failed", name="second")
    for asked in ({"find": "tuning"}, {"stage": "sft"}, {"was": "done"}, {"tag": "baseline"}):
        shown = run_list.render(store, {**VIEW, **asked})
        assert shown.count("<tr data-row") == 1 and "first tuning" in shown and "Show all" in shown
    assert "No run fits." in run_list.render(store, {**VIEW, "find": "nowhere"})


def test_a_link_of_the_list_keeps_what_the_list_shows(store: Store) -> None:
    make_run(store, SFT, "done", name="first tuning")
    assert "find=tuning" in run_list.render(store, {**VIEW, "find": "tuning", "section": "log"}).split("<table")[1]


def test_the_queue_stands_in_its_order_above_the_list(store: Store) -> None:
    for name in ("one", "two"):
        make_run(store, SFT, "queued", name=name)
    shown = run_list.queue(store, VIEW)
    assert shown.index("one") < shown.index("two") and shown.count('data-act="up"') == 2 and "disabled" in shown
    assert run_list.queue(store, VIEW) != "" and 'aria-label="Queue"' in run_list.render(store, VIEW)


def test_the_strip_counts_what_was_verified_and_kept_in_the_cycle(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed", "timeout", "passed"], cycle=2)
    ids = [s.id for s in store.samples(run.id)]
    store.save_selections([(ids[0], True, "kept"), (ids[1], False, "failed"), (ids[2], False, "duplicate")])
    report = Report(store, run.id)
    report.progress("sample", 3, 3, cycle=2)
    report.progress("train", 0, 31, cycle=2)
    shown = run_strip.render(store, run)
    for name, value in (("Sample", "3/3"), ("Verify", "3/3"), ("Keep", "1"), ("Train", "0/31")):
        assert f"{name}</span><b>{value}</b>" in shown


def test_an_alarm_says_what_to_do(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    report.log("alarm in cycle 2: samples vary less: 0.05 nats a token, 0.14 at first")
    report.metric("alarm", 2, {"entropy": 1.0})
    [shown] = run_alarms.render(store, run)
    text = html.unescape(shown)
    assert "Cycle 2: samples vary less" in text and text.count('raise "Temperature" from 0.7 to 0.9') == 1


def test_an_alarm_of_an_earlier_cycle_is_said_as_past(store: Store) -> None:
    run = make_run(store)
    report = Report(store, run.id)
    report.log("alarm in cycle 1: samples vary less")
    report.metric("alarm", 1, {"entropy": 1.0})
    add_cycles(store, run, [0.3, 0.4, 0.5])
    [shown] = run_alarms.render(store, run)
    assert "Cycle 1, no longer in cycle 2: samples vary less" in shown and "error" not in shown


def test_cycles_are_columns_with_intervals(store: Store) -> None:
    run = make_run(store)
    add_cycles(store, run, [0.3, 0.4])
    table = run_cycles.render(store, run, VIEW, []) or ""
    assert table.count('scope="col"') == 3 and "30.0 to 50.0 %" in table and "cycle 1</a> best" in table


def test_energy_is_a_column_only_where_it_could_be_read() -> None:
    unread = Cost(1, "train", 1.0, 1.0, None, None, None, False)
    assert "Energy" not in (run_overview.cost_table([unread]) or "")
    both = run_overview.cost_table([unread, replace(unread, cpu_j=1234.0)]) or ""
    assert "Energy" in both and "1,234 J CPU" in both and "not readable" in both


def test_a_run_stands_in_the_lineage_between_what_made_it_and_what_reads_it(store: Store) -> None:
    data = make_run(store, PREPARE, "done", name="the data")
    raft = make_run(store, RAFT, "done", name="the loop")
    late = BenchmarkConfig.parse({"model": "models/raft/cycle_2/final_model", "prompts": "data/test.jsonl"})
    make_run(store, late, "done", name="the score")
    make_run(store, BENCHMARK, "done", name="of something else")
    graph = lineage.of(store, raft)
    assert [run.name for run in graph.runs if run.id in {a for a, _ in graph.edges}] != []
    assert {run.name for run in graph.runs} == {"the data", "the loop", "the score"} and len(graph.edges) == 2
    assert (data.id, raft.id) in graph.edges
    assert "<svg" in (run_lineage.render(store, raft, VIEW) or "")


def test_name_tags_and_notes_are_stored_as_words_and_text(store: Store) -> None:
    run = make_run(store, SFT, "done")
    sent = {"value": run.id, "name": " First   tuning ", "tags": "Small, small baseline", "notes": "why?\n"}
    run_notes.describe(store, json.dumps(sent))
    now = store.run(run.id)
    assert (now.name, now.tags, now.notes) == ("First tuning", "small baseline", "why?")
    assert "why?" in run_notes.render(now) and "#small" in run_list.render(store, VIEW)


def test_only_what_was_changed_in_the_form_is_stored(store: Store) -> None:
    """Two browsers may have it open: the name from one does not bring back the notes of before from the other."""
    run = make_run(store, SFT, "done", notes="written meanwhile")
    run_notes.describe(store, json.dumps({"value": run.id, "name": "First tuning"}))
    now = store.run(run.id)
    assert (now.name, now.notes) == ("First tuning", "written meanwhile")
    run_notes.describe(store, json.dumps({"value": run.id, "notes": ""}))
    assert store.run(run.id).notes == ""


@pytest.mark.parametrize(("rung", "words"), [("cycle", "Stopping after this cycle"), ("now", "Stopping now")])
def test_the_stop_that_was_asked_for_is_told(store: Store, rung: str, words: str) -> None:
    assert words in run_detail.render(store, {**VIEW, "run": make_run(store, stop=rung).id})


@pytest.mark.parametrize(
    ("rung", "word"), [("cycle", "stopped after its cycle"), ("now", "stopped and saved"), ("kill", "killed")]
)
def test_the_stop_that_was_reached_is_told(store: Store, rung: str, word: str) -> None:
    assert f">{word}</span>" in run_list.render(store, {**VIEW, "run": make_run(store, status="stopped", stop=rung).id})
