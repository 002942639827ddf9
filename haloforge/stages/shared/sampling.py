"""Sample a list of problems in batches that survive a kill, and verify while sampling goes on.

A batch is stored in one transaction when it is complete, and its seed depends on nothing but its place in the plan.
So a run that was killed anywhere samples the torn batch again, to the same tokens, and no sample is there twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from haloforge.config import BatchedSampling, SamplingSection
from haloforge.errors import MachineError, Stopped
from haloforge.generate.engines import Engine, SamplingParams
from haloforge.records import Problem, Purpose, Sample, Verdict
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import Report, StoredSample
from haloforge.verify import Verifier

MOST_UNSCORED = 0.25
"""Above this share of samples that could not be judged a run ends with an error, and goes on when it is resumed."""

_SAVE_EVERY_S = 1.0
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
    more: Mapping[str, int] | None = None,
) -> Work:
    """Batches of `settings.batch_size` problems in the order given, each with a seed of its own.

    `more` names the problems that are sampled another number of times than `n`; they come after the others.
    """
    counts = {problem.task_id: (more or {}).get(problem.task_id, n) for problem in problems}
    groups = [[p for p in problems if counts[p.task_id] == count] for count in sorted(set(counts.values()))]
    size = settings.batch_size
    chunks = [group[start : start + size] for group in groups for start in range(0, len(group), size)]
    batches = [
        Batch(tuple(chunk), counts[chunk[0].task_id], derived_seed(seed, cycle, purpose, number))
        for number, chunk in enumerate(chunks)
    ]
    return Work(cycle, purpose, tuple(batches), sampling_params(settings))


def sampling_params(settings: SamplingSection) -> SamplingParams:
    """The engine's settings."""
    return SamplingParams(
        max_new_tokens=settings.max_new_tokens, temperature=settings.temperature, top_p=settings.top_p
    )


def sample_and_verify(report: Report, work: Work, engine: Callable[[], Engine], verifier: Verifier) -> None:
    """Leave every sample of the work in the store with its verdict; what is there already stays.

    `engine` is called only when there is something to sample. Raises Stopped, with all whole batches and all verdicts
    so far saved, when the user asked for it; MachineError when too many samples could not be judged here.
    """
    desk = _VerdictDesk(report, work, verifier)
    desk.retry_unscored()
    desk.submit_stored()
    done = 0
    desk.progress(_PHASES[work.purpose], done)
    for batch in work.batches:
        if not _is_stored(report, work, batch):
            _stop_if_asked(desk)
            _sample_batch(desk, batch, engine(), done)
            desk.save_done()
        done += len(batch.problems) * batch.n
        desk.progress(_PHASES[work.purpose], done)
    while left := desk.save_done():
        desk.progress("verify", work.size - left)
        _stop_if_asked(desk)
        desk.wait()
    desk.progress("verify", work.size)
    _refuse_unscored(report, work)


def sampling_seconds(report: Report, cycle: int, purpose: Purpose) -> float:
    """Wall time of all batches of a cycle and purpose, over every process that worked on them."""
    metrics = (event.data for event in report.store.events(report.run_id, kind="metric"))
    batches = (metric["values"] for metric in metrics if metric["name"] == f"batch_{purpose}")
    return float(sum(batch["seconds"] for batch in batches if batch["cycle"] == cycle))


def _sample_batch(desk: "_VerdictDesk", batch: Batch, engine: Engine, done: int) -> None:
    """Sample a batch, store it whole, and say how long it took."""
    report, work, started = desk.report, desk.work, time.monotonic()
    samples = _generate(desk, batch, engine, done)
    report.store.save_samples(report.run_id, work.cycle, work.purpose, samples)
    spent = {"seconds": time.monotonic() - started, "tokens": sum(s.completion_tokens for s in samples)}
    values = {"cycle": work.cycle, "samples": len(samples), **spent}
    report.metric(f"batch_{work.purpose}", work.batches.index(batch), values)


def _generate(desk: "_VerdictDesk", batch: Batch, engine: Engine, done: int) -> list[Sample]:
    """All samples of a batch, each handed to the verifier as it comes; `done` came before them."""
    samples: list[Sample] = []
    by_id = {problem.task_id: problem for problem in batch.problems}
    params, should_stop = desk.work.params, desk.report.stop_asked
    for sample in engine.generate(batch.problems, batch.n, params, batch.seed, should_stop):
        desk.submit(by_id[sample.task_id], sample)
        samples.append(sample)
        desk.progress(_PHASES[desk.work.purpose], done + len(samples))
    if len(samples) < len(batch.problems) * batch.n:
        _stop_if_asked(desk)
        raise RuntimeError(f"the engine gave {len(samples)} of {len(batch.problems) * batch.n} samples")
    return samples


def _is_stored(report: Report, work: Work, batch: Batch) -> bool:
    """Any one of its problems tells, since a batch is stored whole."""
    where = {"cycle": work.cycle, "purpose": work.purpose, "task_id": batch.problems[0].task_id}
    return report.store.count_samples(report.run_id, **where) > 0


def _refuse_unscored(report: Report, work: Work) -> None:
    """A few samples that our own machinery failed on are left out; when there are many, no score means anything."""
    where = {"cycle": work.cycle, "purpose": work.purpose, "status": "unscored"}
    unscored = report.store.count_samples(report.run_id, **where)
    if unscored > MOST_UNSCORED * work.size:
        first = report.store.samples(report.run_id, cycle=work.cycle, purpose=work.purpose, status="unscored", limit=1)
        reason = first[0].verdict.detail if first[0].verdict else ""
        raise MachineError(
            f"{unscored} of {work.size} samples could not be judged on this machine ({reason}); all of them are kept: "
            "put that right and resume, then they are judged again"
        )


def _stop_if_asked(desk: "_VerdictDesk") -> None:
    if desk.report.stop_asked():
        desk.save_done()
        raise Stopped


@dataclass(slots=True)
class _VerdictDesk:
    """Samples that wait for a verdict. A verdict is saved once it is there and its sample is stored."""

    report: Report
    work: Work
    verifier: Verifier
    waiting: dict[tuple[str, int], Future[Verdict]] = field(default_factory=dict)

    def submit(self, problem: Problem, sample: Sample) -> None:
        """Have a sample judged, stored or not."""
        self.waiting[sample.task_id, sample.index] = self.verifier.submit(problem, sample.code)

    def retry_unscored(self) -> None:
        """Judge again what an earlier process could not."""
        store, work = self.report.store, self.work
        failed = store.samples(self.report.run_id, cycle=work.cycle, purpose=work.purpose, status="unscored")
        problems = self._problems()
        codes = ((problems[judged.sample.task_id], judged.sample.code) for judged in failed)
        verdicts = zip(failed, self.verifier.verify_many(codes), strict=True)
        store.save_verdicts([(judged.id, verdict) for judged, verdict in verdicts])

    def submit_stored(self) -> None:
        """What an earlier process stored and did not live to verify."""
        problems = self._problems()
        for judged in self._unverified():
            self.submit(problems[judged.sample.task_id], judged.sample)

    def save_done(self) -> int:
        """Save the verdicts that are there; returns how many stored samples still wait."""
        rows = [(judged.id, (judged.sample.task_id, judged.sample.index)) for judged in self._unverified()]
        done = [(row, key) for row, key in rows if self.waiting[key].done()]
        self.report.store.save_verdicts((row, self.waiting.pop(key).result()) for row, key in done)
        return len(rows) - len(done)

    def progress(self, phase: str, done: int) -> None:
        """Say how much of the work is done."""
        self.report.progress(phase, done, self.work.size, cycle=self.work.cycle)

    def wait(self) -> None:
        """Until all is done, but not for long: verdicts are saved in groups."""
        wait(self.waiting.values(), timeout=_SAVE_EVERY_S)

    def _problems(self) -> dict[str, Problem]:
        return {p.task_id: p for batch in self.work.batches for p in batch.problems}

    def _unverified(self) -> list[StoredSample]:
        store, work = self.report.store, self.work
        return store.samples(self.report.run_id, cycle=work.cycle, purpose=work.purpose, verified=False)
