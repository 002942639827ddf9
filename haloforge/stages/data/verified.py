"""`data generate --verify`: many answers to every problem, of which the file gets those that pass.

All answers and verdicts are kept in the run's records, so a run that was stopped goes on where it was, and the file is
written once, when everything is judged. A program that passes twice is written once; an answer that was cut, or that
could have forged its verdict, is not written.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from haloforge.config import BatchedSampling, GenerateConfig
from haloforge.errors import BackendError, ConfigError, DataError
from haloforge.files import sha256_of, write_jsonl
from haloforge.generate import Engine, SampleRequest, never
from haloforge.languages import default_language
from haloforge.problems import Manifest, manifest_path, write_manifest
from haloforge.records import Problem, Sample
from haloforge.stages.data.asking import answer_row, asked_text, engine_of, is_benchmark, read_prompts
from haloforge.stages.data.plan_estimate import estimate_lines, watched_answers
from haloforge.stages.shared.forgeable import refuse_forgeable
from haloforge.stages.shared.phases import Facts, measured, once
from haloforge.stages.shared.provenance import contamination_warning
from haloforge.stages.shared.reproducibility import hold_settings
from haloforge.stages.shared.sampling import plan_work, sample_and_verify
from haloforge.stages.shared.scores import program_digest, untested_warning
from haloforge.stages.shared.weak_tests import weak_tests_warning
from haloforge.store import Report, StoredSample
from haloforge.verify import open_verifier

_WRITE = "write"
_WHO = "data generate --verify"


def dry_run(config: GenerateConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it; asks no server and loads no model."""
    refuse_taken_answers(config)
    problems = _problems(config)
    with open_verifier(config.verifier) as verifier:
        verifier.check(problems)
    refuse_forgeable(config.verifier, problems, _WHO)
    return [
        f"read {len(problems):,} prompts from {config.prompts}",
        *(f"caution: {line}" for line in _cautions(config, problems)),
        asked_text(config),
        f"verify all {len(problems) * config.samples:,} and write those that pass, each program once, to "
        f"{config.output} and {manifest_path(config.output)}; the others stay in the run's records",
        *estimate_lines(config, problems, len(problems) * config.samples, measures=measures),
    ]


def run(config: GenerateConfig, report: Report) -> None:
    """Sample and verify every answer, then write the file and its manifest.

    Raises Stopped with everything so far saved; BackendError when a server left requests unanswered, which are asked
    again on resume; DataError when nothing passed.
    """
    if report.store.phase(report.run_id, 0, _WRITE) is None:  # else the file is this run's own, perhaps half done
        refuse_taken_answers(config)
    problems = _problems(config)
    refuse_forgeable(config.verifier, problems, _WHO)
    for line in _cautions(config, problems):
        report.log(line)
    hold_settings(report, config, problems)
    report.store.save_problems(report.run_id, problems)
    with watched_answers(report, config, problems, len(problems) * config.samples):
        once(report, 0, "sample", lambda: _sample(config, problems, report))
    kept = _Kept()
    measured(report, 0, _WRITE, lambda: _write(config, problems, report, kept))
    report.artifact("answers", config.output, rows=kept.written.total())
    report.artifact("manifest", manifest_path(config.output))
    counts = {"tried": kept.tried.total(), "passed": kept.passed.total(), "written": kept.written.total()}
    report.metric("verified", 0, counts)
    report.log(f"{kept.summary(len(problems))}; they are in {config.output}")


def refuse_taken_answers(config: GenerateConfig) -> None:
    """Raises ConfigError when the output is there already, unless it may be replaced."""
    if Path(config.output).exists() and not config.overwrite:
        raise ConfigError(
            f"{config.output} is there already, and with verify the file is written anew; give another --output, or "
            "--overwrite to replace it"
        )


@dataclass
class _Kept:
    """What became of the answers: counts by problem, and by the reason why an answer was not written."""

    tried: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    written: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def of(self, task_id: str) -> dict[str, int]:
        """The counts of one problem."""
        return {"tried": self.tried[task_id], "passed": self.passed[task_id], "written": self.written[task_id]}

    def summary(self, problems: int) -> str:
        """One line for people."""
        left_out = ", ".join(f"{reason} {count:,}" for reason, count in self.dropped.most_common()) or "nothing"
        return (
            f"{self.passed.total():,} of {self.tried.total():,} answers passed; {self.written.total():,} are written, "
            f"for {len(self.written):,} of {problems:,} problems (left out: {left_out})"
        )


def _problems(config: GenerateConfig) -> list[Problem]:
    return read_prompts(config.prompts, default_language(config.verifier.type))


def _cautions(config: GenerateConfig, problems: Sequence[Problem]) -> list[str]:
    weak = weak_tests_warning(config.prompts)
    lines = untested_warning(problems, config.verifier), contamination_warning(problems), weak
    return [line for line in lines if line]


def _sample(config: GenerateConfig, problems: Sequence[Problem], report: Report) -> Facts:
    settings = BatchedSampling(**config.generation.model_dump())
    work = plan_work(problems, config.samples, settings, cycle=0, purpose="data", seed=config.seed)
    with open_verifier(config.verifier) as verifier, ExitStack() as opened:
        verifier.check(problems)

        @cache
        def engine() -> Engine:
            return opened.enter_context(closing(_Answering(engine_of(config, report.log))))

        sample_and_verify(report, work, engine, verifier)
    summaries = report.store.summaries(report.run_id, cycle=0, purpose="data")
    return {"tokens": sum(summary.completion_tokens for summary in summaries)}


class _Answering:
    """An engine of which every sample is an answer: what a server failed to answer is an error in the end."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.name = engine, engine.name
        self.stream, self.close = engine.stream, engine.close

    def generate(self, request: SampleRequest, should_stop: Callable[[], bool] = never) -> Iterator[Sample]:
        """See Engine. Raises BackendError after the last answer when a request has none."""
        failed = 0
        for sample in self._engine.generate(request, should_stop):
            if sample.finish_reason == "error":
                failed += 1
            else:
                yield sample
        if failed and not should_stop():
            raise BackendError(f"{failed:,} requests were not answered; resume this run to ask only those again")


def _write(config: GenerateConfig, problems: Sequence[Problem], report: Report, kept: _Kept) -> Facts:
    """Raises DataError when there is nothing to write; what was in the file before is untouched then."""
    rows = _rows(config, problems, report, kept)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{kept.summary(len(problems))}; all of them stay in the records of run {report.run_id}")
    write_jsonl(config.output, chain([first], rows))
    write_manifest(config.output, _manifest(config, problems, kept))
    return {}


def _rows(config: GenerateConfig, problems: Sequence[Problem], report: Report, kept: _Kept) -> Iterator[dict[str, Any]]:
    """The answers to write, by problem and index; `kept` is filled on the way."""
    for problem in problems:
        written: set[bytes] = set()
        for stored in report.store.whole_samples(report.run_id, cycle=0, purpose="data", task_id=problem.task_id):
            kept.tried[problem.task_id] += 1
            kept.passed[problem.task_id] += stored.verdict is not None and stored.verdict.passed
            program = program_digest(stored.sample.code, problem.language)
            reason = _flaw(stored, config) or ("the same program again" if program in written else "")
            if reason or stored.verdict is None:
                kept.dropped[reason] += 1
                continue
            written.add(program)
            kept.written[problem.task_id] += 1
            verdict = {"status": stored.verdict.status, "tests_passed": stored.verdict.tests_passed}
            yield answer_row(config, problem, stored.sample) | verdict


def _flaw(stored: StoredSample, config: GenerateConfig) -> str:
    """Why an answer is not written, whatever the others are; empty for one that is."""
    verdict = stored.verdict
    if verdict is None or verdict.status == "unscored":
        return "could not be judged"
    if not verdict.passed:
        return verdict.status
    if verdict.forgeable and not config.verifier.accept_forgeable:
        return "passed, but could have forged it"
    return "" if stored.sample.finish_reason == "stop" else "cut at max_new_tokens"


def _manifest(config: GenerateConfig, problems: Sequence[Problem], kept: _Kept) -> Manifest:
    return Manifest(
        dataset="generated",
        source=f"{config.backend}: {config.model}",
        source_sha256=sha256_of(config.prompts),
        license=", ".join(sorted({problem.license for problem in problems if problem.license})),
        language=", ".join(sorted({problem.language for problem in problems})),
        for_training=not is_benchmark(config),
        is_benchmark_test=is_benchmark(config),
        rows_in=kept.tried.total(),
        rows_out=kept.written.total(),
        dropped=dict(kept.dropped),
        details={
            "prompts": config.prompts,
            "system_prompt": config.system_prompt,
            "seed": config.seed,
            **config.generation.model_dump(),
            "verifier": config.verifier.model_dump(mode="json"),
            "problems": {problem.task_id: kept.of(problem.task_id) for problem in problems},
        },
    )
