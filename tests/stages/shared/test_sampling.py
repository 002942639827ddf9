"""Everything is sampled in one pool, stored as it is finished, and never sampled again once it is stored."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace

import pytest
from stored_samples import ids_of
from worlds import RIGHT, problems, program

from haloforge.config import BatchedSampling
from haloforge.errors import MachineError, Stopped
from haloforge.generate import SampleRequest, SamplingParams
from haloforge.records import Message, Problem, Sample, Verdict
from haloforge.stages.shared import pending_verdicts, sampling
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.stages.shared.sampling import Work, plan_work, refuse_many_unscored, sample_and_verify, sampling_seconds
from haloforge.store import Report, Store
from haloforge.verify import VerifySettings, open_verifier

SETTINGS = BatchedSampling(batch_size=3, save_every=4)


class ScriptedEngine:
    """An engine that answers every problem with its reference, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, dies_at: int = 10**9, notice: Callable[[], None] = lambda: None) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.requests = 0
        self.dies_at, self.notice = dies_at, notice

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Sample]:
        self.requests += 1
        for problem in request.problems:
            for index in request.indexes(problem):
                seed = request.seed_of(problem, index)
                self.asked.append((problem.task_id, index, seed))
                if len(self.asked) == self.dies_at:
                    self.notice()
                if should_stop():
                    return
                yield Sample(problem.task_id, index, "", problem.solution, seed=seed, completion_tokens=1)

    def stream(
        self, messages: Sequence[Message], params: SamplingParams, seed: int, should_stop: object = None
    ) -> Iterator[str]:
        yield from ()

    def close(self) -> None:
        pass


@pytest.fixture
def report(store: Store) -> Report:
    """A run to sample for."""
    return Report(store, store.create_run("raft", {}).id)


def work(n: int = 2, more: dict[str, int] | None = None) -> Work:
    return plan_work(problems(), n, SETTINGS, cycle=1, purpose="train", seed=5, more_samples=more)


def finish(report: Report, planned: Work, engine: ScriptedEngine) -> None:
    with open_verifier(VerifySettings(workers=1)) as verifier:
        sample_and_verify(report, planned, lambda: engine, verifier)


def test_seeds_depend_on_cycle_purpose_and_group_as_they_did_when_groups_were_batches() -> None:
    ids = [problem.task_id for problem in problems()]
    expected = {task_id: derived_seed(5, 1, "train", place // 3) for place, task_id in enumerate(ids)}
    assert work().request.seeds == expected
    other = plan_work(problems(), 2, SETTINGS, cycle=2, purpose="train", seed=5).request.seeds
    held_out = plan_work(problems(), 2, SETTINGS, cycle=1, purpose="eval", seed=5).request.seeds
    assert len({*expected.values(), *other.values(), *held_out.values()}) == 9


def test_problems_can_be_sampled_more_often_than_others() -> None:
    planned = work(more={"small/inc": 7, "small/one": 7})
    counted = {p.task_id: len(planned.request.indexes(p)) for p in problems()}
    assert counted == {p.task_id: 7 if p.task_id in ("small/inc", "small/one") else 2 for p in problems()}
    assert planned.size == 6 * 2 + 2 * 7
    assert planned.request.seeds["small/inc"] == planned.request.seeds["small/one"] == derived_seed(5, 1, "train", 2)


@pytest.mark.parametrize("save_every", [1, 5, 4096])
def test_the_engine_is_asked_once_for_everything_however_often_samples_are_saved(
    report: Report, save_every: int
) -> None:
    engine, settings = ScriptedEngine(), BatchedSampling(batch_size=1, save_every=save_every)
    finish(report, plan_work(problems(), 2, settings, cycle=1, purpose="train", seed=5), engine)
    assert engine.requests == 1
    assert report.store.count_samples(report.run_id) == len(engine.asked) == 16


class Counted(list[Problem]):
    """Problems that count how often all of them are gone through."""

    passes = 0

    def __iter__(self) -> Iterator[Problem]:
        self.passes += 1
        return super().__iter__()


def test_a_sample_costs_the_same_however_many_problems_there_are(report: Report) -> None:
    few, many = Counted(problems()), Counted(problems())
    for number, (counted, n) in enumerate(((few, 1), (many, 8)), start=1):
        planned = plan_work(counted, n, SETTINGS, cycle=number, purpose="train", seed=5)
        finish(report, planned, ScriptedEngine())
    assert few.passes == many.passes


def test_all_samples_are_stored_and_judged(report: Report) -> None:
    finish(report, work(), ScriptedEngine())
    found = report.store.samples(report.run_id)
    assert Counter(s.sample.task_id for s in found) == {p.task_id: 2 for p in problems()}
    assert all(s.verdict and s.verdict.passed for s in found)
    assert sampling_seconds(report, 1, "train") > 0
    assert sampling_seconds(report, 2, "train") == 0


def test_finished_work_asks_the_engine_for_nothing(report: Report) -> None:
    finish(report, work(), ScriptedEngine())
    again = ScriptedEngine()
    finish(report, work(), again)
    assert again.asked == []


def test_a_stop_keeps_every_finished_sample_and_the_rest_follows_with_the_seeds_it_would_have_had(
    report: Report,
) -> None:
    def stop() -> None:
        report.store.update_run(report.run_id, stop="now")

    first = ScriptedEngine(dies_at=10, notice=stop)
    with pytest.raises(Stopped):
        finish(report, work(), first)
    assert report.store.count_samples(report.run_id) == 9
    report.store.update_run(report.run_id, stop="")
    second, undisturbed = ScriptedEngine(), ScriptedEngine()
    finish(report, work(), second)
    finish(Report(report.store, report.store.create_run("raft", {}).id), work(), undisturbed)
    assert first.asked[:9] + second.asked == undisturbed.asked
    assert report.store.count_samples(report.run_id, status="passed") == 16


def test_samples_are_stored_after_save_every_of_them(report: Report) -> None:
    stored: list[int] = []
    engine = ScriptedEngine(dies_at=12, notice=lambda: stored.append(report.store.count_samples(report.run_id)))
    finish(report, work(), engine)
    assert stored == [8]


class EngineWithIds(ScriptedEngine):
    """A scripted engine that gives token ids, as every engine that training can learn from does."""

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Sample]:
        for sample in super().generate(request, should_stop):
            yield replace(sample, token_ids=(sample.seed % 1000, 2), logprobs=(-0.5, -0.25))


def test_a_large_cycle_keeps_its_token_ids_in_few_files(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Report(report.store, report.store.create_run("raft", {}).id)
    finish(small, work(), EngineWithIds())
    monkeypatch.setattr(sampling, "LARGE", 16)
    monkeypatch.setattr(sampling, "ROWS_OF_A_SHARD", 10)
    finish(report, work(), EngineWithIds())
    assert [len([*(r.folder / "tokens").glob("*.parquet")]) for r in (small, report)] == [0, 2]
    ids = [ids_of(r.store, r.store.samples(r.run_id)) for r in (small, report)]
    assert ids[0] == ids[1]


def test_samples_are_stored_in_time_even_when_few_are_finished(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SAVE_AFTER_S", 0.0)
    stored: list[int] = []
    engine = ScriptedEngine(dies_at=12, notice=lambda: stored.append(report.store.count_samples(report.run_id)))
    finish(report, work(), engine)
    assert stored == [11]


class OneByOne:
    """A verifier that passes everything, one program after the other, while it counts how many wait for it."""

    def __init__(self) -> None:
        self.waiting: list[Future[Verdict]] = []
        self.most_waiting, self.lock = 0, threading.Lock()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.is_done = threading.Event()

    def submit(self, problem: Problem, code: str | None) -> Future[Verdict]:
        with self.lock:
            self.waiting.append(Future())
            self.most_waiting = max(self.most_waiting, len(self.waiting))
            return self.waiting[-1]

    def work(self) -> None:
        while not self.is_done.wait(0.002):
            with self.lock:
                if self.waiting:
                    self.waiting.pop(0).set_result(Verdict("passed", 1.0))


def test_sampling_waits_for_a_verifier_that_is_far_behind(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_verdicts, "MOST_WAITING", 6)
    planned, verifier = work(n=10), OneByOne()
    verifier.thread.start()
    sample_and_verify(report, planned, ScriptedEngine, verifier)  # type: ignore[arg-type]
    verifier.is_done.set()
    assert report.store.count_samples(report.run_id, status="passed") == 80
    assert verifier.most_waiting <= 6 + planned.save_every


def test_an_engine_that_gives_too_little_is_a_bug_and_what_it_gave_is_kept(report: Report) -> None:
    class Lazy(ScriptedEngine):
        """Gives one sample less than asked."""

        def generate(self, *args: object, **more: object) -> Iterator[Sample]:  # type: ignore[override]
            yield from list(super().generate(*args, **more))[1:]  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="15 of 16 samples"):
        finish(report, work(), Lazy())
    assert report.store.count_samples(report.run_id) == 15


def test_what_was_finished_before_an_engine_broke_is_kept(report: Report) -> None:
    def broken() -> None:
        raise MachineError("out of memory")

    with pytest.raises(MachineError, match="out of memory"):
        finish(report, work(), ScriptedEngine(dies_at=8, notice=broken))
    assert report.store.count_samples(report.run_id) == 7


def test_of_a_problem_that_is_half_stored_only_the_rest_is_sampled(report: Report) -> None:
    wrong = Sample("small/inc", 1, "", program("inc", "99"), seed=1)
    report.store.save_samples(report.run_id, 1, "train", [wrong])
    engine = ScriptedEngine()
    finish(report, work(), engine)
    assert len(engine.asked) == 15
    assert [index for task_id, index, _ in engine.asked if task_id == "small/inc"] == [0]
    found = report.store.samples(report.run_id, task_id="small/inc")
    assert [s.verdict.status for s in found if s.verdict] == ["passed", "wrong_answer"]


def test_stored_samples_that_nobody_judged_are_judged_first(report: Report) -> None:
    first = problems()[:3]
    wrong = [Sample(p.task_id, i, "", program(str(p.entry_point), "99"), seed=1) for p in first for i in range(2)]
    report.store.save_samples(report.run_id, 1, "train", wrong)
    finish(report, work(), ScriptedEngine())
    statuses = Counter(s.verdict.status for s in report.store.samples(report.run_id) if s.verdict)
    assert statuses == {"wrong_answer": 6, "passed": 10}


def test_a_long_backlog_is_judged_a_few_at_a_time_beside_new_samples(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_verdicts, "MOST_WAITING", 2)
    last = problems()[-5:]  # read after the new samples of the problems before them are stored
    wrong = [Sample(p.task_id, i, "", program(str(p.entry_point), "99"), seed=1) for p in last for i in range(2)]
    report.store.save_samples(report.run_id, 1, "train", wrong)
    finish(report, work(), ScriptedEngine())
    statuses = Counter(s.verdict.status if s.verdict else "none" for s in report.store.samples(report.run_id))
    assert statuses == {"wrong_answer": 10, "passed": 6}


def leave_unscored(report: Report, count: int) -> None:
    """As if the machine had failed to judge the first samples, and no other."""
    found = report.store.samples(report.run_id)
    failed = Verdict("unscored", detail="no sandbox")
    report.store.save_verdicts((s.id, failed if i < count else Verdict("passed", 1.0)) for i, s in enumerate(found))


def test_what_could_not_be_judged_is_judged_again(report: Report) -> None:
    finish(report, work(), ScriptedEngine())
    leave_unscored(report, 16)
    finish(report, work(), ScriptedEngine())
    assert report.store.count_samples(report.run_id, status="passed") == 16


def test_a_machine_that_can_judge_little_ends_the_run_with_an_error(report: Report) -> None:
    finish(report, work(), ScriptedEngine())
    leave_unscored(report, 4)
    refuse_many_unscored(report, work())
    leave_unscored(report, 5)
    with pytest.raises(MachineError, match=r"5 of 16 samples could not be judged on this machine \(no sandbox\)"):
        refuse_many_unscored(report, work())


def test_the_amount_of_work_is_known_before_the_first_sample(report: Report) -> None:
    seen: list[tuple[int, int]] = []

    def look() -> None:
        seen.extend((e.data["done"], e.data["total"]) for e in report.store.events(report.run_id, kind="progress"))

    engine, work = (
        ScriptedEngine(dies_at=1, notice=look),
        plan_work(problems(), 2, SETTINGS, cycle=1, purpose="train", seed=7),
    )
    with open_verifier(VerifySettings(workers=1)) as verifier:
        sample_and_verify(report, work, lambda: engine, verifier)
    assert seen == [(0, 2 * len(RIGHT))]
