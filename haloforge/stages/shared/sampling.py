"""Sample a list of problems in batches that survive a kill, and verify while sampling goes on.

A batch is stored in one transaction when it is complete, and its seed depends on nothing but its place in the plan.
So a run that was killed anywhere samples the torn batch again, to the same tokens, and no sample is there twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from itertools import islice

from haloforge.config import BatchedSampling, SamplingSection
from haloforge.errors import MachineError, Stopped
from haloforge.generate import Engine, SampleRequest, SamplingParams
from haloforge.records import Problem, Purpose, Sample, Verdict
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import Report, SampleFilter
from haloforge.verify import Verifier

MOST_UNSCORED = 0.25
"""Above this share of samples that could not be judged a run ends with an error, and goes on when it is resumed."""

MOST_WAITING = 10_000
"""Programs of an earlier process that are read and handed to the verifier ahead of their turn."""

_SAVE_EVERY_S = 1.0
_RETRY_TOGETHER = 500
_PHASES: Mapping[Purpose, str] = {"train": "sample", "eval": "evaluate", "benchmark": "sample", "data": "sample"}
"""What progress calls the work."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Problems that are sampled together, `n` completions each."""

    problems: tuple[Problem, ...]
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class Work:
    """What to sample: the batches of one cycle and purpose, and how."""

    cycle: int
    purpose: Purpose
    batches: tuple[Batch, ...]
    params: SamplingParams

    @property
    def size(self) -> int:
        """How many samples that makes."""
        return sum(len(batch.problems) * batch.n for batch in self.batches)


def plan_work(
    problems: Sequence[Problem],
    n: int,
    settings: BatchedSampling,
    *,
    cycle: int,
    purpose: Purpose,
    seed: int,
    more_samples: Mapping[str, int] | None = None,
) -> Work:
    """Batches of `settings.batch_size` problems in the order given, each with a seed of its own.

    `more_samples` (task id -> samples) names the problems that are sampled more than `n` times; they come last.
    """
    counts = {problem.task_id: (more_samples or {}).get(problem.task_id, n) for problem in problems}
    problem_groups = [[p for p in problems if counts[p.task_id] == count] for count in sorted(set(counts.values()))]
    size = settings.batch_size
    chunks = [group[start : start + size] for group in problem_groups for start in range(0, len(group), size)]
    batches = [
        Batch(tuple(chunk), counts[chunk[0].task_id], derived_seed(seed, cycle, purpose, number))
        for number, chunk in enumerate(chunks)
    ]
    return Work(cycle, purpose, tuple(batches), sampling_params(settings))


def sampling_params(settings: SamplingSection) -> SamplingParams:
    """A sampling section as the engine takes it."""
    return SamplingParams(
        max_new_tokens=settings.max_new_tokens, temperature=settings.temperature, top_p=settings.top_p
    )


def sample_and_verify(report: Report, work: Work, engine: Callable[[], Engine], verifier: Verifier) -> None:
    """Leave every sample of the work in the store with its verdict; what is there already stays.

    `engine` is called only when there is something to sample. Raises Stopped, with all whole batches and all verdicts
    so far saved, when the user asked for it; MachineError when too many samples could not be judged here.
    """
    pending = PendingVerdicts(report, work, verifier)
    pending.retry_unscored()
    pending.save_done()
    done = 0
    pending.progress(_PHASES[work.purpose], done)
    for batch in work.batches:
        if not _is_stored(report, work, batch):
            _stop_if_asked(pending)
            _sample_batch(pending, batch, engine(), done)
            pending.save_done()
        done += len(batch.problems) * batch.n
        pending.progress(_PHASES[work.purpose], done)
    while left := pending.save_done():
        pending.progress("verify", work.size - left)
        _stop_if_asked(pending)
        pending.wait()
    pending.progress("verify", work.size)
    refuse_many_unscored(report, work)


def sampling_seconds(report: Report, cycle: int, purpose: Purpose) -> float:
    """Wall time of all batches of a cycle and purpose, over every process that worked on them."""
    metrics = (event.data for event in report.store.events(report.run_id, kind="metric"))
    batches = (metric["values"] for metric in metrics if metric["name"] == f"batch_{purpose}")
    return float(sum(batch["seconds"] for batch in batches if batch["cycle"] == cycle))


def _sample_batch(pending: "PendingVerdicts", batch: Batch, engine: Engine, done: int) -> None:
    """Sample a batch, store it whole, and say how long it took."""
    report, work, started = pending.report, pending.work, time.monotonic()
    samples = _generate(pending, batch, engine, done)
    report.store.save_samples(report.run_id, work.cycle, work.purpose, samples)
    pending.note_stored(batch)
    spent = {"seconds": time.monotonic() - started, "tokens": sum(s.completion_tokens for s in samples)}
    values = {"cycle": work.cycle, "samples": len(samples), **spent}
    report.metric(f"batch_{work.purpose}", work.batches.index(batch), values)


def _generate(pending: "PendingVerdicts", batch: Batch, engine: Engine, done: int) -> list[Sample]:
    """All samples of a batch, each handed to the verifier as it comes; `done` came before them."""
    samples: list[Sample] = []
    by_id = {problem.task_id: problem for problem in batch.problems}
    params, should_stop = pending.work.params, pending.report.stop_asked
    for sample in engine.generate(SampleRequest(batch.problems, batch.n, params, batch.seed), should_stop):
        pending.submit(by_id[sample.task_id], sample)
        samples.append(sample)
        pending.progress(_PHASES[pending.work.purpose], done + len(samples))
    if len(samples) < len(batch.problems) * batch.n:
        _stop_if_asked(pending)
        raise RuntimeError(f"the engine gave {len(samples)} of {len(batch.problems) * batch.n} samples")
    return samples


def _is_stored(report: Report, work: Work, batch: Batch) -> bool:
    """Looks for one of its problems only, since a batch is stored whole."""
    task_id = batch.problems[0].task_id
    return report.store.count_samples(report.run_id, cycle=work.cycle, purpose=work.purpose, task_id=task_id) > 0


def refuse_many_unscored(report: Report, work: Work) -> None:
    """Raises MachineError when more than MOST_UNSCORED of the samples are unscored: then no score means anything."""
    store, run_id = report.store, report.run_id
    unscored = store.count_samples(run_id, cycle=work.cycle, purpose=work.purpose, status="unscored")
    if unscored > MOST_UNSCORED * work.size:
        verdict = next(store.verdicts(run_id, cycle=work.cycle, purpose=work.purpose, status="unscored"))
        raise MachineError(
            f"{unscored} of {work.size} samples could not be judged on this machine ({verdict.detail}); all of them "
            "are kept: put that right and resume, then they are judged again"
        )


def _stop_if_asked(pending: "PendingVerdicts") -> None:
    if pending.report.stop_asked():
        pending.save_done()
        raise Stopped


class PendingVerdicts:
    """Samples that wait for a verdict. A verdict is saved once it is there and its sample is stored.

    What an earlier process stored and did not live to verify is read from the store little by little, so that never
    more than MOST_WAITING of those programs are in memory.
    """

    def __init__(self, report: Report, work: Work, verifier: Verifier) -> None:
        self.report, self.work, self.verifier = report, work, verifier
        self._problems = {p.task_id: p for batch in work.batches for p in batch.problems}
        self._futures: dict[tuple[str, int], Future[Verdict]] = {}
        self._stored_ids: dict[tuple[str, int], int] = {}
        """(task id, sample index) -> the verdict that is coming, and the row id of the sample once it is stored."""
        self._sampled_here: set[str] = set()
        """Task ids of this process's own samples, which the backlog must pass over when it comes to them."""
        which = SampleFilter(cycle=work.cycle, purpose=work.purpose, verified=False)
        self._backlog_size = report.store.count_samples(report.run_id, **which)
        self._backlog = report.store.programs(report.run_id, **which)

    def submit(self, problem: Problem, sample: Sample) -> None:
        """Have a new sample judged, before it is stored."""
        self._sampled_here.add(sample.task_id)
        self._futures[sample.task_id, sample.index] = self.verifier.submit(problem, sample.code)

    def note_stored(self, batch: Batch) -> None:
        """Look up the row ids of a batch that was just stored: its verdicts can be saved from now on."""
        task_ids, work = [p.task_id for p in batch.problems], self.work
        ids = self.report.store.unverified_ids(self.report.run_id, task_ids, cycle=work.cycle, purpose=work.purpose)
        self._stored_ids |= ids

    def retry_unscored(self) -> None:
        """Judge again what an earlier process could not."""
        store, work = self.report.store, self.work
        failed = store.programs(self.report.run_id, cycle=work.cycle, purpose=work.purpose, status="unscored")
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

    def progress(self, phase: str, done: int) -> None:
        """Say how much of the work is done."""
        self.report.progress(phase, done, self.work.size, cycle=self.work.cycle)

    def wait(self) -> None:
        """Until all is done, but not for long: verdicts are saved in groups."""
        wait(self._futures.values(), timeout=_SAVE_EVERY_S)

    def _submit_backlog(self) -> None:
        while self._backlog_size and len(self._futures) < MOST_WAITING:
            program = next(self._backlog, None)
            if program is None:
                self._backlog_size = 0
                return
            key = program.sample.task_id, program.sample.index
            if key[0] not in self._sampled_here:
                self._futures[key] = self.verifier.submit(self._problems[key[0]], program.code)
                self._stored_ids[key] = program.sample.id
                self._backlog_size -= 1
