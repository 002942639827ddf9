"""Sample a list of problems in one pool that survives a kill, and verify while sampling goes on.

The engine gets everything that is still to be sampled at once, so no completion waits for the slowest of a batch.
Finished samples are stored every few seconds, in one transaction each time, and every sample has a seed of its own.
So a run that was killed anywhere samples only what is missing, to the same tokens, and no sample is there twice.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from haloforge.config import BatchedSampling, SamplingSection
from haloforge.errors import BackendError, MachineError, Stopped
from haloforge.generate import Engine, SampleRequest, SamplingParams
from haloforge.records import Problem, Purpose, Sample
from haloforge.stages.shared.pending_verdicts import PendingVerdicts
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.store import Report
from haloforge.verify import Verifier

MOST_UNSCORED = 0.25
"""Above this share of samples that could not be judged a run ends with an error, and goes on when it is resumed."""

SAVE_AFTER_S = 10.0
"""Finished samples are stored after so many seconds at the latest."""

LARGE = 50_000
"""From so many samples of one cycle and purpose on, their token ids and log-probs go to Parquet files."""

ROWS_OF_A_SHARD = 1_000
"""Of a large cycle so many samples are stored together at the least, but for SAVE_AFTER_S: each time makes a file."""

_PHASES: Mapping[Purpose, str] = {"train": "sample", "eval": "evaluate", "benchmark": "sample", "data": "sample"}
"""What progress calls the work."""


@dataclass(frozen=True, slots=True)
class Work:
    """What to sample: the request of one cycle and purpose, and after how many finished samples to store them."""

    cycle: int
    purpose: Purpose
    request: SampleRequest
    save_every: int

    @property
    def size(self) -> int:
        """How many samples that makes. Counts all problems again at each call, so keep the result in a loop."""
        return self.request.size


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
    """`n` samples of every problem; `more_samples` (task id -> samples) names those that are sampled more often.

    Each `settings.batch_size` problems share the seed that those of their samples derive from.
    """
    counts = {problem.task_id: (more_samples or {}).get(problem.task_id, n) for problem in problems}
    alike = [[task_id for task_id in counts if counts[task_id] == count] for count in sorted(set(counts.values()))]
    size = settings.batch_size
    groups = [task_ids[start : start + size] for task_ids in alike for start in range(0, len(task_ids), size)]
    request = SampleRequest(
        problems,
        n,
        sampling_params(settings),
        seed,
        counts=more_samples or {},
        seeds={t: derived_seed(seed, cycle, purpose, number) for number, group in enumerate(groups) for t in group},
        cache_gib=settings.cache_memory,
    )
    return Work(cycle, purpose, request, settings.save_every)


def sampling_params(settings: SamplingSection) -> SamplingParams:
    """A sampling section as the engine takes it."""
    return SamplingParams(
        max_new_tokens=settings.max_new_tokens, temperature=settings.temperature, top_p=settings.top_p
    )


def sample_and_verify(report: Report, work: Work, engine: Callable[[], Engine], verifier: Verifier) -> None:
    """Leave every sample of the work in the store with its verdict; what is there already stays.

    `engine` is called only when there is something to sample. Raises Stopped, with all finished samples and all
    verdicts so far saved, when the user asked for it; MachineError when too many samples could not be judged here.
    """
    pending = PendingVerdicts(report, verifier, work.request.problems, work.cycle, work.purpose)
    pending.retry_unscored()
    pending.save_done()
    pool = _Pool(report, work, pending)
    pool.progress()
    if pool.done < pool.size:
        _stop_if_asked(report)
        pool.run(engine())
    while left := pending.save_done():
        report.progress("verify", pool.size - left, pool.size, cycle=work.cycle)
        _stop_if_asked(report)
        pending.wait()
    report.progress("verify", pool.size, pool.size, cycle=work.cycle)
    refuse_many_unscored(report, work)


def sampling_seconds(report: Report, cycle: int, purpose: Purpose) -> float:
    """Wall time of sampling in a cycle for a purpose, over every process that worked on it."""
    metrics = (event.data for event in report.store.events(report.run_id, kind="metric"))
    batches = (metric["values"] for metric in metrics if metric["name"] == f"batch_{purpose}")
    return float(sum(batch["seconds"] for batch in batches if batch["cycle"] == cycle))


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


def _stop_if_asked(report: Report) -> None:
    if report.stop_asked():
        raise Stopped


class _Pool:
    """Samples on their way from the engine into the store, and to the verifier at the same time."""

    def __init__(self, report: Report, work: Work, pending: PendingVerdicts) -> None:
        self.report, self.work, self.pending = report, work, pending
        self.done, self.size, self.failed = len(pending.stored_before), work.size, 0
        self.is_large = self.size >= LARGE
        self.save_every = max(work.save_every, ROWS_OF_A_SHARD) if self.is_large else work.save_every
        self.unsaved: list[Sample] = []
        self.saved_at = time.monotonic()

    def run(self, engine: Engine) -> None:
        """Sample all that is missing. Raises Stopped, with all that is finished stored."""
        request = replace(self.work.request, skip=self.pending.stored_before)
        self.saved_at = time.monotonic()
        try:
            for sample in engine.generate(request, self._should_stop):
                self._take(sample)
        finally:
            self._save()
        if self.done < self.size:
            _stop_if_asked(self.report)
            if self.failed:
                raise BackendError(
                    f"the server of {engine.name} gave no answer to {self.failed} of {self.size} requests; all others "
                    "are kept: resume the run to ask again"
                )
            raise RuntimeError(f"the engine gave {self.done} of {self.size} samples")

    def progress(self) -> None:
        """Say how much is sampled."""
        self.report.progress(_PHASES[self.work.purpose], self.done, self.size, cycle=self.work.cycle)

    def _take(self, sample: Sample) -> None:
        if sample.finish_reason == "error":  # no answer at all: it says nothing about the model
            self.failed += 1
            return
        self.pending.submit(sample)
        self.unsaved.append(sample)
        self.done += 1
        self.progress()
        self._save_if_due()
        self.pending.wait_for_room(self.report.stop_asked)

    def _should_stop(self) -> bool:
        """Asked at every step of the engine, so that samples are saved in time even while none finishes."""
        self._save_if_due()
        return self.report.stop_asked()

    def _save_if_due(self) -> None:
        if len(self.unsaved) >= self.save_every or time.monotonic() - self.saved_at >= SAVE_AFTER_S:
            self._save()

    def _save(self) -> None:
        """Store the finished samples, say how long they took, and save the verdicts that are there."""
        if self.unsaved:
            report, work, samples = self.report, self.work, self.unsaved
            in_shard = self.is_large and any(sample.token_ids for sample in samples)
            report.store.save_samples(report.run_id, work.cycle, work.purpose, samples, in_shard=in_shard)
            self.pending.note_stored(samples)
            spent = {"seconds": time.monotonic() - self.saved_at, "tokens": sum(s.completion_tokens for s in samples)}
            values = {"cycle": work.cycle, "samples": len(samples), **spent}
            report.metric(f"batch_{work.purpose}", self.done, values)
            self.unsaved, self.saved_at = [], time.monotonic()
        self.pending.save_done()
