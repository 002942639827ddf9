"""Samples that wait for their verdict, while more are sampled."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from itertools import islice

from haloforge.records import Problem, Purpose, Sample, Verdict
from haloforge.store import Report, SampleFilter
from haloforge.verify import Verifier

MOST_WAITING = 10_000
"""Stored samples without a verdict yet: with so many, sampling waits for the verifier. At most half of them are
programs of an earlier process, so that these leave room for new ones."""

_SAVE_EVERY_S = 1.0
_RETRY_TOGETHER = 500

Key = tuple[str, int]
"""Task id and index of a sample."""


class PendingVerdicts:
    """Samples of one cycle and purpose that wait for a verdict. A verdict is saved once it is there and its sample is
    stored.

    What an earlier process stored and did not live to verify is read from the store little by little, so that never
    more than MOST_WAITING programs are in memory, whosever they are.
    """

    def __init__(
        self, report: Report, verifier: Verifier, problems: Sequence[Problem], cycle: int, purpose: Purpose
    ) -> None:
        self.report, self.verifier = report, verifier
        self._which = SampleFilter(cycle=cycle, purpose=purpose)
        self._problems = {problem.task_id: problem for problem in problems}
        self._futures: dict[Key, Future[Verdict]] = {}
        self._stored_ids: dict[Key, int] = {}
        """The verdict that is coming, and the row id of the sample once it is stored."""
        self.stored_before = report.store.sample_keys(report.run_id, **self._which)
        """What an earlier process stored. The backlog passes over what is not in it, for that is of this process."""
        unverified = SampleFilter(**self._which) | {"verified": False}
        self._backlog_size = report.store.count_samples(report.run_id, **unverified)
        self._backlog = report.store.programs(report.run_id, **unverified)

    def submit(self, sample: Sample) -> None:
        """Have a new sample judged, before it is stored."""
        verdict = self.verifier.submit(self._problems[sample.task_id], sample.code)
        self._futures[sample.task_id, sample.index] = verdict

    def note_stored(self, samples: Iterable[Sample]) -> None:
        """Look up the row ids of samples that were just stored: their verdicts can be saved from now on."""
        keys = [(sample.task_id, sample.index) for sample in samples]
        task_ids = dict.fromkeys(task_id for task_id, _ in keys)
        ids = self.report.store.unverified_ids(self.report.run_id, task_ids, **self._which)
        self._stored_ids |= {key: ids[key] for key in keys}

    def retry_unscored(self) -> None:
        """Judge again what an earlier process could not."""
        store, unscored = self.report.store, SampleFilter(**self._which) | {"status": "unscored"}
        failed = store.programs(self.report.run_id, **unscored)
        while page := list(islice(failed, _RETRY_TOGETHER)):
            codes = ((self._problems[program.sample.task_id], program.code) for program in page)
            verdicts = list(self.verifier.verify_many(codes))
            store.save_verdicts((program.sample.id, v) for program, v in zip(page, verdicts, strict=True))

    def save_done(self) -> int:
        """Save the verdicts that are there and submit more of the backlog; returns how many stored samples wait."""
        done = [key for key in self._stored_ids if self._futures[key].done()]
        self.report.store.save_verdicts((self._stored_ids.pop(key), self._futures.pop(key).result()) for key in done)
        self._submit_backlog()
        return len(self._stored_ids) + self._backlog_size

    def wait(self) -> None:
        """Until all that is stored is judged, but not for long: verdicts are saved in groups."""
        wait([self._futures[key] for key in self._stored_ids], timeout=_SAVE_EVERY_S)

    def wait_for_room(self, should_stop: Callable[[], bool]) -> None:
        """While MOST_WAITING stored samples wait for their verdicts."""
        while len(self._stored_ids) >= MOST_WAITING and not should_stop():
            self.wait()
            self.save_done()

    def _submit_backlog(self) -> None:
        while self._backlog_size and len(self._stored_ids) < max(1, MOST_WAITING // 2):
            program = next(self._backlog, None)
            if program is None:
                self._backlog_size = 0
                return
            key = program.sample.task_id, program.sample.index
            if key in self.stored_before:
                self._futures[key] = self.verifier.submit(self._problems[key[0]], program.code)
                self._stored_ids[key] = program.sample.id
                self._backlog_size -= 1
