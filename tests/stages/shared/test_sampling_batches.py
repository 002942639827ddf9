"""Batches are stored whole or not at all, and what is stored is never sampled again."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from worlds import RIGHT, problems, program

from haloforge.config import BatchedSampling
from haloforge.errors import MachineError, Stopped
from haloforge.generate import SampleRequest, SamplingParams
from haloforge.records import Message, Sample, Verdict
from haloforge.stages.shared import sampling
from haloforge.stages.shared.sampling import Work, plan_work, refuse_many_unscored, sample_and_verify, sampling_seconds
from haloforge.store import Report, Store
from haloforge.verify import VerifySettings, open_verifier

SETTINGS = BatchedSampling(batch_size=3)


class ScriptedEngine:
    """An engine that answers every problem with its reference, and remembers what it was asked."""

    name = "scripted"

    def __init__(self, dies_at: int = 10**9, notice: Callable[[], None] = lambda: None) -> None:
        self.asked: list[tuple[str, int, int]] = []
        self.dies_at, self.notice = dies_at, notice

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Sample]:
        for problem in request.problems:
            for index in range(request.n):
                self.asked.append((problem.task_id, index, request.seed))
                if len(self.asked) == self.dies_at:
                    self.notice()
                if should_stop():
                    return
                yield Sample(problem.task_id, index, "", problem.solution, seed=request.seed, completion_tokens=1)

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


def test_every_batch_has_a_seed_of_its_own_that_depends_on_cycle_and_purpose() -> None:
    seeds = [batch.seed for batch in work().batches]
    other = plan_work(problems(), 2, SETTINGS, cycle=2, purpose="train", seed=5)
    held_out = plan_work(problems(), 2, SETTINGS, cycle=1, purpose="eval", seed=5)
    assert len({*seeds, *(b.seed for b in other.batches), *(b.seed for b in held_out.batches)}) == 9
    assert seeds == [batch.seed for batch in work().batches]


def test_problems_can_be_sampled_more_often_than_others() -> None:
    planned = work(more={"small/inc": 7, "small/one": 7})
    counted = {p.task_id: batch.n for batch in planned.batches for p in batch.problems}
    assert counted == {p.task_id: 7 if p.task_id in ("small/inc", "small/one") else 2 for p in problems()}
    assert planned.size == 6 * 2 + 2 * 7


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


def test_a_stop_in_the_middle_of_a_batch_keeps_the_whole_batches_and_the_rest_follows_with_the_same_seeds(
    report: Report,
) -> None:
    def stop() -> None:
        report.store.update_run(report.run_id, stop="now")

    first = ScriptedEngine(dies_at=9, notice=stop)
    with pytest.raises(Stopped):
        finish(report, work(), first)
    assert report.store.count_samples(report.run_id) == 6
    report.store.update_run(report.run_id, stop="")
    second = ScriptedEngine()
    finish(report, work(), second)
    assert second.asked[:3] == first.asked[6:9]
    assert report.store.count_samples(report.run_id) == 16


def test_an_engine_that_gives_too_little_is_a_bug_and_stores_nothing(report: Report) -> None:
    class Lazy(ScriptedEngine):
        """Gives one sample less than asked."""

        def generate(self, *args: object, **more: object) -> Iterator[Sample]:  # type: ignore[override]
            yield from list(super().generate(*args, **more))[1:]  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="5 of 6 samples"):
        finish(report, work(), Lazy())
    assert report.store.count_samples(report.run_id) == 0


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
    monkeypatch.setattr(sampling, "MOST_WAITING", 2)
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
