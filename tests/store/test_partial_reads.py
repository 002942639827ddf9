"""What is read of samples is what was asked for, whole however many pages it takes, and never the heavy columns."""

from collections.abc import Callable
from typing import Any

import pytest

from haloforge.records import Purpose, Sample, Verdict
from haloforge.store import Store, sample_pages

TASKS = ("b", "a", "c")


@pytest.fixture
def run_id(store: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run with 27 samples in two cycles and two purposes, every third one verified, read four a page."""
    monkeypatch.setattr(sample_pages, "PAGE_ROWS", 4)
    run = store.create_run("raft", {}).id
    which: tuple[tuple[int, Purpose], ...] = ((1, "train"), (1, "eval"), (2, "train"))
    for cycle, purpose in which:
        samples = [
            Sample(task, i, f"text {i}", f"x = {i}", "stop", 1, (1, 2), (3, 4, 5), (-0.5, -0.25, 0.0))
            for task in TASKS
            for i in range(3)
        ]
        store.save_samples(run, cycle, purpose, samples)
    verified = [s for s in store.samples(run) if s.sample.index == 1]
    store.save_verdicts((s.id, Verdict("timeout", 0.5, detail=s.sample.task_id, isolation="ns")) for s in verified)
    store.save_selections((s.id, s.cycle == 1, "kept" if s.cycle == 1 else "failed") for s in verified)
    return run


@pytest.mark.parametrize(
    "which",
    [{}, {"cycle": 1}, {"purpose": "train"}, {"cycle": 1, "purpose": "train"}, {"verified": False}, {"kept": True}],
)
def test_pages_give_the_same_samples_in_the_same_order_as_one_read(
    store: Store, run_id: str, which: dict[str, Any]
) -> None:
    whole = store.samples(run_id, **which)
    assert len(whole) > 4
    assert list(store.whole_samples(run_id, **which)) == whole
    assert [s.id for s in store.summaries(run_id, **which)] == [s.id for s in whole]
    assert [(p.sample.id, p.code) for p in store.programs(run_id, **which)] == [(s.id, s.sample.code) for s in whole]


def test_a_summary_says_of_a_sample_what_the_whole_row_does(store: Store, run_id: str) -> None:
    for summary, whole in zip(store.summaries(run_id), store.samples(run_id), strict=True):
        sample, verdict = whole.sample, whole.verdict
        assert (summary.task_id, summary.index, summary.cycle) == (sample.task_id, sample.index, whole.cycle)
        assert (summary.prompt_tokens, summary.completion_tokens) == (2, 3)
        assert (summary.kept, summary.reason) == (whole.kept, whole.reason)
        assert (summary.verdict and summary.verdict.status) == (verdict and verdict.status)


def test_verdicts_come_back_whole(store: Store, run_id: str) -> None:
    assert list(store.verdicts(run_id)) == [s.verdict for s in store.samples(run_id) if s.verdict]


def test_token_ids_are_read_for_the_samples_asked_for_only(store: Store, run_id: str) -> None:
    samples = sorted(store.samples(run_id), key=lambda s: (s.cycle, s.sample.task_id, s.sample.index))
    ids = [s.id for s in samples][::2]
    tokens = list(store.tokens(reversed(ids)))
    assert [t.id for t in tokens] == ids
    assert all(
        (list(t.prompt_ids), list(t.token_ids), list(t.logprobs)) == ([1, 2], [3, 4, 5], [-0.5, -0.25, 0.0])
        for t in tokens
    )


def test_nats_are_minus_the_sum_of_all_log_probs(store: Store, run_id: str) -> None:
    assert store.nats(run_id, cycle=1) == 18 * 0.75
    assert store.nats(run_id, cycle=9) == 0


def test_samples_without_a_verdict_are_found_by_problem(store: Store, run_id: str) -> None:
    ids = store.unverified_ids(run_id, ["a", "c"], cycle=1, purpose="train")
    assert set(ids) == {("a", 0), ("a", 2), ("c", 0), ("c", 2)}
    assert {ids["a", 0]} <= {s.id for s in store.samples(run_id, cycle=1, purpose="train", task_id="a")}


@pytest.mark.parametrize(
    "read",
    [
        lambda store, run: list(store.summaries(run, cycle=1, purpose="train")),
        lambda store, run: list(store.programs(run, cycle=1, purpose="train")),
        lambda store, run: store.unverified_ids(run, TASKS, cycle=1, purpose="train"),
    ],
)
def test_light_reads_name_no_heavy_column_and_skip_no_rows(
    store: Store, run_id: str, read: Callable[[Store, str], object]
) -> None:
    queries: list[str] = []
    store.db.conn.set_trace_callback(queries.append)
    read(store, run_id)
    store.db.conn.set_trace_callback(None)
    assert queries
    for query in queries:
        assert not any(name in query for name in ("s.*", "s.text", "prompt_ids", "token_ids", "logprobs", "offset"))


def test_a_page_is_found_on_the_index(store: Store, run_id: str) -> None:
    queries: list[str] = []
    store.db.conn.set_trace_callback(queries.append)
    list(store.summaries(run_id, cycle=1, purpose="train"))
    store.db.conn.set_trace_callback(None)
    plan = " ".join(row["detail"] for row in store.rows(f"explain query plan {queries[1]}"))
    assert "run=? AND cycle=? AND purpose=? AND (task_id,idx)>(?,?)" in plan and "TEMP B-TREE" not in plan


def test_a_run_is_found_by_its_whole_id_only(store: Store) -> None:
    run = store.create_run("sft", {})
    assert store.find_run(run.id) == run
    assert store.find_run(run.id[:-1]) is None and store.find_run("") is None


def test_runs_are_counted_and_paged_newest_first(store: Store) -> None:
    for number in range(5):
        store.create_run("sft", {"number": number})
    every = store.runs()
    assert store.runs(limit=2, offset=2) == every[2:4]
    store.claim(every[0].id, 1)
    assert (store.count_runs(), store.count_runs(status="queued"), store.count_runs(status="done")) == (5, 4, 0)


def test_children_are_the_runs_that_name_a_parent(store: Store) -> None:
    parent = store.create_run("raft", {})
    first, second = (store.create_run("raft", {}, parent=parent.id, name=name) for name in "ab")
    assert {run.id for run in store.children(parent.id)} == {first.id, second.id}
    assert store.children(first.id) == []


def test_the_next_queued_run_is_the_oldest_whose_parent_is_done(store: Store) -> None:
    parent = store.create_run("data", {})
    child, orphan = store.create_run("sft", {}, parent=parent.id), store.create_run("sft", {}, parent="gone")
    assert store.next_queued() == parent
    store.claim(parent.id, 1)
    assert store.next_queued() == orphan
    store.finish(parent.id, "done")
    assert store.next_queued() == child


def test_only_runs_that_sampled_are_asked_for_their_speed(store: Store, run_id: str) -> None:
    store.create_run("sft", {})
    assert [run.id for run in store.runs_with_samples()] == [run_id]


def test_one_phase_is_read_alone(store: Store, run_id: str) -> None:
    store.begin_phase(run_id, 1, "sample")
    store.begin_phase(run_id, 2, "sample", {"n": 2})
    phase = store.phase(run_id, 2, "sample")
    assert phase is not None and phase["data"] == {"n": 2} and store.phase(run_id, 3, "sample") is None
