"""The store keeps what it is given, and only that, whoever writes."""

import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from haloforge.errors import RunError
from haloforge.records import Problem, Sample, Tests, Verdict
from haloforge.store import Report, Store

SAMPLE = Sample("a", 0, "text", "code", "stop", 7, (1, 2), (3, 4), (-0.5, -1.25), 0.5)


def test_a_sample_comes_back_as_it_was_saved(store: Store) -> None:
    run = store.create_run("raft", {})
    store.save_samples(run.id, 1, "train", [SAMPLE])
    (judged,) = store.samples(run.id)
    (tokens,) = store.tokens([judged.id])
    held = {"prompt_ids": tokens.prompt_ids, "token_ids": tokens.token_ids, "logprobs": tokens.logprobs}
    assert replace(judged.sample, **{name: tuple(ids) for name, ids in held.items()}) == replace(
        SAMPLE, prompt_tokens=2, completion_tokens=2
    )
    assert judged.verdict is None


def test_saving_the_same_sample_twice_keeps_one(store: Store) -> None:
    run = store.create_run("raft", {})
    store.save_samples(run.id, 1, "train", [SAMPLE])
    store.save_samples(run.id, 1, "train", [SAMPLE])
    assert store.count_samples(run.id) == 1


def test_a_verdict_comes_back_with_its_tests(store: Store) -> None:
    run = store.create_run("raft", {})
    store.save_samples(run.id, 1, "train", [SAMPLE])
    verdict = Verdict("wrong_answer", 0.7, 1, 2, "assert 2", "", 0.1, 12.0, "ns", True, ("passed", "wrong_answer"))
    store.save_verdicts([(store.samples(run.id)[0].id, verdict)])
    assert store.samples(run.id, status="wrong_answer")[0].verdict == verdict
    assert store.samples(run.id, verified=False) == []


def test_a_problem_comes_back_as_it_was_saved(store: Store) -> None:
    run = store.create_run("raft", {})
    problem = Problem("a", "Write f.", tests=Tests("asserts", code=("assert f(1) == 2",), hidden=("assert f(2) == 3",)))
    store.save_problems(run.id, [problem], held_out=True)
    assert store.problems(run.id, held_out=True) == [problem]
    assert store.problems(run.id, held_out=False) == []


def test_only_one_worker_can_claim_a_run(store: Store) -> None:
    run = store.create_run("sft", {})
    won = []

    def claim() -> None:
        with Store(store.root) as mine:
            won.append(mine.claim(run.id, 1))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_running_run_can_neither_be_resumed_nor_deleted(store: Store) -> None:
    run = store.create_run("sft", {})
    store.claim(run.id, 1)
    with pytest.raises(RunError, match="only a stopped"):
        store.requeue(run.id)
    with pytest.raises(RunError, match="stop it"):
        store.delete_run(run.id)


def test_deleting_a_run_deletes_its_samples_and_events(store: Store) -> None:
    run = store.create_run("raft", {})
    store.save_samples(run.id, 1, "train", [SAMPLE])
    Report(store, run.id).log("hello")
    store.finish(run.id, "done")
    store.delete_run(run.id)
    assert store.count_samples(run.id) == 0
    assert store.events(run.id) == []


def test_a_metric_that_is_not_finite_is_a_gap(store: Store) -> None:
    run = store.create_run("sft", {})
    for step, loss in enumerate((0.5, math.nan, math.inf, None, np.float32(0.25))):
        Report(store, run.id).metric("train", step, {"loss": loss})
    assert [(point.step, point.value) for point in store.points(run.id, "train", "loss")] == [(0, 0.5), (4, 0.25)]


@pytest.mark.parametrize(("step", "value"), [(1, "0.5"), (1, [0.5]), ("1", 0.5), (math.nan, 0.5)])
def test_a_metric_that_is_no_number_is_refused(store: Store, step: Any, value: Any) -> None:
    run = store.create_run("sft", {})
    with pytest.raises(TypeError, match="metric 'train': (step|loss) is"):
        Report(store, run.id).metric("train", step, {"loss": value})
    assert store.events(run.id) == []


def test_what_another_version_wrote_and_is_no_number_is_a_gap(store: Store) -> None:
    run = store.create_run("raft", {})
    for step, value in ((0, "high"), (1, 0.5), ("two", 0.5), (3, True)):
        store.emit(run.id, "metric", {"name": "other", "step": step, "values": {"score": value}})
    assert [e.data["values"]["score"] for e in store.metrics(run.id, "other")] == [None, 0.5, True]
    assert [point.value for point in store.points(run.id, "other", "score")] == [0.5, 1]


def test_a_phase_that_has_begun_is_not_begun_again(store: Store) -> None:
    run = store.create_run("raft", {})
    store.begin_phase(run.id, 1, "sample", {"plan": 1})
    store.begin_phase(run.id, 1, "sample", {"plan": 2})
    found = store.phase(run.id, 1, "sample")
    assert found is not None and found["data"] == {"plan": 1} and found["status"] == "running"
    store.end_phase(run.id, 1, "sample", {"n": 3})
    found = store.phase(run.id, 1, "sample")
    assert found is not None and found["data"] == {"n": 3} and found["status"] == "done"


def test_events_after_a_cursor_are_only_the_new_ones(store: Store) -> None:
    run = store.create_run("raft", {})
    report = Report(store, run.id)
    report.log("one")
    cursor = store.events(run.id)[-1].id
    report.log("two")
    assert [e.data["text"] for e in store.events(run.id, after=cursor)] == ["two"]


def test_progress_is_throttled_but_the_last_step_is_always_stored(store: Store) -> None:
    run = store.create_run("raft", {})
    report = Report(store, run.id)
    for i in range(1, 101):
        report.progress("sample", i, 100)
    events = store.events(run.id, kind="progress")
    assert len(events) < 20
    assert events[-1].data["done"] == 100


def test_an_unknown_run_is_named_in_the_error(store: Store) -> None:
    with pytest.raises(RunError, match="nosuch"):
        store.run("nosuch")


def test_another_connections_write_changes_the_data_version(store: Store) -> None:
    before = store.data_version()
    assert store.data_version() == before
    with Store(store.root) as other:
        other.create_run("sft", {})
    assert store.data_version() != before


def test_half_a_surrogate_pair_is_stored_as_an_escape(store: Store) -> None:
    run = store.create_run("raft", {}).id
    store.save_problems(run, [Problem("t", "Print \ud800.")])
    store.save_samples(run, 1, "train", [Sample("t", 0, "it is \udcff", "x = '\ud800'")])
    store.save_verdicts([(1, Verdict("runtime_error", 0.5, detail="ValueError: \ud800"))])
    Report(store, run).log("tried \udfff")
    (judged,) = store.samples(run)
    assert judged.verdict is not None
    assert (judged.sample.text, judged.sample.code) == ("it is \\udcff", "x = '\\ud800'")
    assert judged.verdict.detail == "ValueError: \\ud800"
    assert store.problems(run)[0].prompt == "Print \ud800."
    assert store.events(run)[0].data["text"] == "tried \udfff"


def test_the_first_progress_of_a_phase_is_stored_however_soon_it_comes(store: Store) -> None:
    report = Report(store, store.create_run("raft", {}).id)
    for done, total in ((8, 8), (0, 36), (1, 36), (36, 36)):
        report.progress("sample", done, total)
    assert [e.data["done"] for e in store.events(report.run_id, kind="progress")] == [8, 0, 36]


def test_two_runs_never_share_an_id_even_when_chance_would_have_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([b"aa", b"aa", b"bb"])
    monkeypatch.setattr("os.urandom", lambda size: next(drawn))
    monkeypatch.setattr("time.strftime", lambda form: "20260101-000000")
    assert store.create_run("raft", {}).id != store.create_run("raft", {}).id


def test_records_of_a_newer_version_are_refused_in_a_sentence_and_stay_as_they_are(store: Store) -> None:
    sql = "insert into _sqlite_migrations (migration_set, name, applied_at) values ('haloforge', 'm999_future', '2030')"
    store.write([(sql, ())])
    with pytest.raises(RunError, match=r"haloforge\.db was written by a newer version of halo-forge: upgrade"):
        Store(store.root)
