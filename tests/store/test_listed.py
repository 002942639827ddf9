"""Runs and samples as lists show them: searched, sorted, paged and counted by the database."""

from collections import Counter

import pytest
from seeded import BENCHMARK, PREPARE, SFT, add_cycles, add_samples, make_run

from haloforge.records import Sample, Verdict
from haloforge.store import LIST_ROWS, Report, Store

STATUSES = ["passed", "wrong_answer", "timeout"]


def tally(store: Store, run_id: str) -> Counter[tuple[object, ...]]:
    """What the store counted as it wrote."""
    rows = store.tallies(run_id)
    return Counter({tuple(row[c] for c in ("cycle", "purpose", "status", "kept", "reason")): row["n"] for row in rows})


def counted(store: Store, run_id: str) -> Counter[tuple[object, ...]]:
    """The same, counted one by one."""
    return Counter(
        (s.cycle, s.purpose, s.verdict.status if s.verdict else "", -1 if s.kept is None else int(s.kept), s.reason)
        for s in store.samples(run_id)
    )


def test_samples_are_counted_whatever_is_written_in_whatever_order(store: Store) -> None:
    run = make_run(store)
    store.save_samples(run.id, 1, "train", [Sample("add", i, "", "x") for i in range(6)])
    assert tally(store, run.id) == counted(store, run.id)
    ids = [s.id for s in store.samples(run.id)]
    store.save_verdicts((i, Verdict("unscored")) for i in ids[:4])
    store.save_selections([(ids[0], True, "kept"), (ids[5], False, "failed")])
    assert tally(store, run.id) == counted(store, run.id)
    store.save_verdicts((i, Verdict("passed", 1.0)) for i in ids)
    store.save_selections([(ids[0], False, "duplicate"), (ids[1], True, "kept")])
    store.save_samples(run.id, 1, "train", [Sample("add", i, "", "x") for i in range(8)])
    assert tally(store, run.id) == counted(store, run.id)


def test_a_deleted_run_leaves_no_counts(store: Store) -> None:
    run = make_run(store, status="done")
    add_samples(store, run, ["passed", "timeout"])
    store.delete_run(run.id)
    assert store.rows("select * from tallies") == [] and store.rows("select * from figures") == []


def test_pages_of_samples_go_from_new_to_old_and_back(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, STATUSES * 40)
    newest = store.sample_page(run.id)
    second = store.sample_page(run.id, after=newest.older)
    third = store.sample_page(run.id, after=second.older)
    ids = [s.id for page in (newest, second, third) for s in page.samples]
    assert ids == sorted((s.id for s in store.samples(run.id)), reverse=True) and len(newest.samples) == LIST_ROWS
    assert (newest.newer, third.older) == (None, None)
    assert [s.id for s in store.sample_page(run.id, before=third.newer).samples] == [s.id for s in second.samples]
    assert [s.id for s in store.sample_page(run.id, before=second.newer).samples] == [s.id for s in newest.samples]


@pytest.mark.parametrize(
    "which",
    [
        {"status": "timeout"},
        {"cycle": 2},
        {"cycle": 1, "purpose": "train"},
        {"task_id": "add", "status": "passed"},
        {"kept": True},
        {"kept": False, "cycle": 1},
        {"reason": "failed"},
        {"reward": (0.5, 1.0)},
        {"text": "X = 1"},
        {"text": "nowhere"},
        {"cycle": 9},
    ],
)
def test_a_filter_selects_what_reading_all_would(store: Store, which: dict[str, object]) -> None:
    run, other = make_run(store), make_run(store)
    for cycle in (1, 2):
        add_samples(store, run, STATUSES * 5, cycle=cycle)
        add_samples(store, other, STATUSES * 5, cycle=cycle)
    first = [s.id for s in store.samples(run.id, cycle=1)]
    store.save_selections((i, n % 4 == 0, "kept" if n % 4 == 0 else "failed") for n, i in enumerate(first))
    fits = {
        "status": lambda s: s.verdict.status,
        "cycle": lambda s: s.cycle,
        "purpose": lambda s: s.purpose,
        "task_id": lambda s: s.sample.task_id,
        "kept": lambda s: s.kept,
        "reason": lambda s: s.reason,
        "reward": lambda s: which["reward"] if s.verdict.reward >= 0.5 else None,
        "text": lambda s: which["text"] if str(which["text"]).lower() in s.sample.text else None,
    }
    wanted = {s.id for s in store.samples(run.id) if all(fits[name](s) == value for name, value in which.items())}
    assert {s.id for s in store.sample_page(run.id, **which).samples} == wanted  # type: ignore[arg-type]
    assert store.count_list(run.id, **which) in (len(wanted), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("filters", ["status", "reason", "kept", "problem", "cycle", ""])
def test_no_page_reads_a_whole_table_or_sorts(store: Store, monkeypatch: pytest.MonkeyPatch, filters: str) -> None:
    run = make_run(store)
    which = {
        "status": {"status": "passed"},
        "reason": {"reason": "kept"},
        "kept": {"kept": True},
        "problem": {"task_id": "add"},
        "cycle": {"cycle": 1, "purpose": "train"},
        "": {},
    }[filters]
    plans = []
    read = store.rows
    monkeypatch.setattr(store, "rows", lambda sql, args=(): plans.append((sql, args)) or read(sql, args))
    store.sample_page(run.id, after=5, **which)  # type: ignore[arg-type]
    for sql, args in plans:
        details = [row["detail"] for row in read(f"explain query plan {sql}", args)]
        assert not [d for d in details if d.startswith("SCAN") or "TEMP B-TREE" in d], details


def test_runs_are_found_by_name_tag_note_stage_and_status(store: Store) -> None:
    tuned = make_run(store, SFT, "done", name="First tuning", tags="baseline small", notes="Learning rate too high?")
    make_run(store, SFT, "failed", name="second", tags="basel")
    for which in ({"text": "first rate"}, {"tag": "baseline"}, {"stage": "sft", "status": "done"}, {"text": tuned.id}):
        assert [line.run.id for line in store.run_lines(limit=9, **which)] == [tuned.id]  # type: ignore[arg-type]
        assert store.count_lines(**which) == 1  # type: ignore[arg-type]
    assert store.tags() == ["basel", "baseline", "small"]


def test_runs_are_sorted_by_what_was_asked_for(store: Store) -> None:
    low, none, high = (make_run(store, BENCHMARK, "done", name=name) for name in ("b", "c", "a"))
    for run, score in ((low, 0.2), (high, 0.6)):
        Report(store, run.id).metric("benchmark", 0, {"pass@1": score, "untested_share": 0.0})
    assert [line.run.id for line in store.run_lines(limit=9, order="score")] == [high.id, low.id, none.id]
    assert [line.run.name for line in store.run_lines(limit=9, order="name")] == ["a", "b", "c"]


def test_key_figures_stand_beside_the_run_as_they_are_reported(store: Store) -> None:
    run = make_run(store)
    add_cycles(store, run, [0.2, 0.5, 0.4])
    Report(store, run.id).progress("train", 12, 31, cycle=2)
    line = store.run_line(run.id)
    assert line and (line.figures.score, line.figures.score_before) == (0.5, 0.2)
    assert (line.figures.phase, line.figures.done, line.figures.total, line.figures.cycle) == ("train", 12, 31, 2)
    made = make_run(store, PREPARE, "done")
    Report(store, made.id).artifact("problems", "x.jsonl", rows=12)
    assert store.newest_done(["data-prepare"]).figures.rows == 12  # type: ignore[union-attr]


def test_metrics_are_found_by_name_and_points_one_number_at_a_time(store: Store) -> None:
    run = make_run(store, SFT)
    report = Report(store, run.id)
    for step in range(3):
        report.metric("train", step, {"loss": 2.0 - step, "lr": None})
        report.metric("eval", step, {"loss": 1.0})
    report.log("beside them")
    assert [event.data["step"] for event in store.metrics(run.id, "eval")] == [0, 1, 2]
    points = store.points(run.id, "train", "loss")
    assert [(point.step, point.value) for point in points] == [(0, 2.0), (1, 1.0), (2, 0.0)]
    assert store.points(run.id, "train", "loss", after=points[1].event)[0].step == 2
    assert store.points(run.id, "train", "lr") == []


def test_a_queued_run_moves_up_one_place_at_a_time(store: Store) -> None:
    runs = [make_run(store, SFT, "queued", name=name) for name in "abc"]
    assert store.move_up(runs[2].id) and [run.name for run in store.waiting()] == ["a", "c", "b"]
    assert store.move_up(runs[2].id) and store.next_queued() == store.run(runs[2].id)
    assert not store.move_up(runs[2].id)
