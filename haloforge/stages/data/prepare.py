"""`data prepare`: from a dataset to a problem file with a manifest, without the problems of public benchmarks."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from haloforge.config import PrepareConfig, VerifySettings
from haloforge.errors import DataError, Stopped
from haloforge.files import sha256_of, write_jsonl
from haloforge.problems import (
    ALL_SPLITS,
    SOURCES,
    Manifest,
    ProblemFilter,
    Source,
    UnusableRow,
    adapt_rows,
    bundled_index,
    dataset_rows,
    load_starter,
    manifest_path,
    newest_revision,
    refuse_other_data,
    scan_problems,
    solution_rows,
    with_answers,
    write_manifest,
)
from haloforge.records import Problem
from haloforge.stages.data.validate import judge_solutions
from haloforge.stages.shared.phases import Facts, measured
from haloforge.store import Report

_T = TypeVar("_T")
_WRITE = "write"
_Rows = Iterator[tuple[int, Problem | DataError]]


def dry_run(config: PrepareConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do; there is nothing to measure.

    Raises ForgeError for a split, language or file that is not there, or may not be used.
    """
    check_output(config)
    source = SOURCES[config.dataset]
    split, for_training = _split(config, source)
    lines = [
        f"read {source.name} (about {source.rows:,} rows, {source.license}) from {_origin(config, source)}",
        f"keep the split {split!r}" + (f", {config.language} only" if config.language else ""),
    ]
    if source.noncommercial:
        lines.append(f"its licence, {source.license}, forbids commercial use")
    if for_training:
        known = len(bundled_index().tasks)
        lines.append(f"drop what comes from HumanEval, MBPP's test split or MBPP+ ({known} tasks)")
    if config.check_solutions:
        lines.append("run every reference solution against its own tests and drop the problems that fail")
    return [*lines, f"write {config.output} and {manifest_path(config.output)}"]


def check_output(config: PrepareConfig) -> None:
    """Raises ConfigError when the output holds another dataset, split or language; looks at no input."""
    source = SOURCES[config.dataset]
    new = {"dataset": source.name, "split": _split_name(config, source), "language": config.language or ""}
    refuse_other_data(config.output, new, overwrite=config.overwrite)


def run(config: PrepareConfig, report: Report) -> None:
    """Write the problem file and its manifest; an old file stays when no row is left. Raises ForgeError, Stopped."""
    if report.store.phase(report.run_id, 0, _WRITE) is None:  # else the file is this run's own, perhaps half done
        check_output(config)
    source = SOURCES[config.dataset]
    split, for_training = _split(config, source)
    revision = newest_revision(source) if source.hub and not config.from_file else ""
    index = bundled_index() if for_training else None
    problem_filter = ProblemFilter(None if source.is_bundled else source.name, split, config.language, index)
    _fill(problem_filter, config, _rows(config, source, split, revision), report)
    if source.answers and not config.from_file:
        rows = _watched(solution_rows(source), report, "read answers", source.answer_rows)
        problem_filter.kept = list(with_answers(problem_filter.kept, rows))
    if config.check_solutions:
        _drop_failing(problem_filter, report)
    if not problem_filter.kept:
        raise DataError(
            f"no problem of {source.name} is left, of {problem_filter.read:,} read ({problem_filter.reasons()})"
        )

    def write() -> Facts:
        write_jsonl(config.output, (problem.to_json() for problem in problem_filter.kept))
        write_manifest(config.output, _manifest(config, source, split, revision, problem_filter, for_training))
        return {}

    measured(report, 0, _WRITE, write)
    report.artifact("problems", config.output, rows=len(problem_filter.kept))
    report.artifact("manifest", manifest_path(config.output))
    report.log(
        f"{len(problem_filter.kept):,} problems of {problem_filter.read:,} rows; left out: {problem_filter.reasons()}"
    )


def _split(config: PrepareConfig, source: Source) -> tuple[str, bool]:
    """The split to keep, and whether it may be trained on. Raises DataError for a request that cannot be met."""
    if config.from_file and source.is_bundled:
        raise DataError(f"{source.name} comes with the package; leave --from out")
    if config.from_file and not Path(config.from_file).is_file():
        raise DataError(f"there is no file {config.from_file}; --from takes {source.name} in its original format")
    if config.language and config.language not in source.languages:
        raise DataError(f"{source.name} has no {config.language} problems; it has {', '.join(source.languages)}")
    split = _split_name(config, source)
    if split not in (ALL_SPLITS, *source.splits):
        raise DataError(f"{source.name} has no split {split!r}; it has {', '.join(source.splits)}, or {ALL_SPLITS}")
    for_training = config.purpose == "training" or (config.purpose == "auto" and split != "test")
    if for_training and source.is_benchmark and split in ("test", ALL_SPLITS):
        raise DataError(
            f"the test split of {source.name} is a benchmark, and a model trained on it could not be judged by it; "
            "to prepare it as a benchmark, give --purpose benchmark"
        )
    return split, for_training


def _split_name(config: PrepareConfig, source: Source) -> str:
    usual = "test" if source.is_benchmark and config.purpose == "benchmark" else "train"
    return config.split or (usual if usual in source.splits else next(iter(source.splits)))


def _origin(config: PrepareConfig, source: Source) -> str:
    if config.from_file:
        return config.from_file
    return f"https://huggingface.co/datasets/{source.hub}" if source.hub else "the package"


def _rows(config: PrepareConfig, source: Source, split: str, revision: str) -> _Rows:
    if config.from_file:
        return scan_problems(config.from_file)
    if source.is_bundled:
        return iter(list(enumerate(load_starter(source.name), start=1)))
    wanted = list(source.splits) if split == ALL_SPLITS else [split]
    rows = (row for name in wanted for row in dataset_rows(source, name, config.language, revision))
    return adapt_rows(enumerate(rows, start=1), stem=source.name)


def _fill(problem_filter: ProblemFilter, config: PrepareConfig, rows: _Rows, report: Report) -> None:
    """Read until the rows or the limit end; a row without use is counted. Raises DataError for a damaged row."""
    source = SOURCES[config.dataset]
    where = f"{config.from_file} line" if config.from_file else f"{source.hub or source.name} row"
    for number, problem in _watched(rows, report, "read", config.limit or source.rows):
        try:
            if isinstance(problem, UnusableRow):
                problem_filter.reject(str(problem))
            elif isinstance(problem, DataError):
                raise problem
            else:
                problem_filter.add(problem)
        except DataError as error:
            raise DataError(f"{where} {number}: {error}") from error
        if len(problem_filter.kept) == config.limit:
            break


def _watched(rows: Iterable[_T], report: Report, phase: str, total: int) -> Iterator[_T]:
    """The rows, with progress. Raises Stopped when the user asked for it."""
    for done, row in enumerate(rows, start=1):
        if done % 100 == 0 and report.stop_asked():
            raise Stopped
        report.progress(phase, done, max(total, done), unit="rows")
        yield row


def _drop_failing(problem_filter: ProblemFilter, report: Report) -> None:
    kept = []
    judged = judge_solutions(problem_filter.kept, VerifySettings())
    for problem, verdict in _watched(judged, report, "check solutions", len(problem_filter.kept)):
        if verdict is None or verdict.passed:
            kept.append(problem)
        else:
            problem_filter.dropped[f"its solution does not pass its tests: {verdict.status}"] += 1
    problem_filter.kept = kept


def _manifest(
    config: PrepareConfig, source: Source, split: str, revision: str, problem_filter: ProblemFilter, for_training: bool
) -> Manifest:
    tests = sum(problem.split == "test" for problem in problem_filter.kept)
    return Manifest(
        dataset=source.name,
        source=_origin(config, source),
        revision=revision,
        source_sha256=sha256_of(config.from_file) if config.from_file else "",
        license=source.license,
        noncommercial=source.noncommercial,
        split=split,
        language=config.language or "",
        for_training=for_training,
        is_benchmark_test=source.is_benchmark and tests > 0,
        rows_in=problem_filter.read,
        rows_out=len(problem_filter.kept),
        dropped=dict(problem_filter.dropped),
        contamination=dict(problem_filter.contamination),
        details={"answers": source.answers[0]} if source.answers and not config.from_file else {},
    )
