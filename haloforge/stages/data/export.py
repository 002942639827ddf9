"""`data export`: what a run sampled and verified becomes data that any trainer reads.

kept    the samples that RAFT kept, as `prompt` and `completion` (TRL's conversational prompt-completion rows)
pairs   for every problem, passed against failed samples, as `prompt`, `chosen` and `rejected` (TRL's preference rows)
all     every sample with its verdict

Rows of `kept` and `pairs` come from training problems alone: held-out problems must stay unseen. However many samples
there are, no more than a few hundred texts are in memory at once.
"""

import itertools
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haloforge.errors import ConfigError, DataError
from haloforge.files import file_errors, write_jsonl
from haloforge.generate.prompts import messages
from haloforge.problems import SOURCES, Manifest, refuse_other_data, write_manifest
from haloforge.records import Problem, Purpose, Run
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.stages.shared.scores import program_digest
from haloforge.store import Store, StoredSample

Content = Literal["kept", "pairs", "all"]
FORMATS = ("jsonl", "parquet")
ROWS_PER_GROUP = 2_000
"""Rows of a parquet file that are in memory at once."""


def export(store: Store, run: Run, content: Content, output: Path, format: str = "jsonl") -> int:
    """Write the rows and their manifest, atomically; returns how many rows.

    Raises DataError when the run has nothing to export, ConfigError for a file name that does not fit the format.
    """
    _check_name(output, format)
    problems = {problem.task_id: problem for problem in store.problems(run.id)}
    dropped: Counter[str] = Counter()
    if why_not := _why_not(store, run, content):
        raise DataError(f"run {run.id} has nothing to export as {content}: {why_not}")
    rows = _ROWS[content](store, run, problems, dropped)
    first = next(rows, None)
    if first is None:
        raise DataError(f"run {run.id} has nothing to export as {content}: {_NOTHING[content]}")
    write = write_parquet if format == "parquet" else write_jsonl
    written = write(output, itertools.chain([first], rows))
    write_manifest(output, _manifest(run, content, problems.values(), written, dropped))
    return written


def refuse_taken_export(run: Run, content: Content, output: Path) -> None:
    """Raises ConfigError when `output` holds anything but an earlier export of the same."""
    refuse_other_data(output, {"source": _source(run, content)}, overwrite=False)


def default_output(run: Run, content: Content, format: str) -> Path:
    """The file of an export that names none."""
    return Path("data", f"{run.id}-{content}.{format}")


def _check_name(output: Path, format: str) -> None:
    if format not in FORMATS:
        raise ConfigError(f"there is no format {format!r}; use one of {', '.join(FORMATS)}")
    if output.suffix == ".parquet" and format != "parquet":
        raise ConfigError(f"{output} is named like a parquet file; add --format parquet, or name it .jsonl")
    if output.suffix != ".parquet" and format == "parquet":
        raise ConfigError(f"{output} is not named like the parquet file that it would be; name it .parquet")


def _why_not(store: Store, run: Run, content: Content) -> str:
    """Why this kind of run has no such rows; empty where it may have some."""
    if not store.count_samples(run.id):
        return "it stored no samples; runs of raft train, benchmark run and data generate --verify do"
    if content != "all" and run.stage not in _PURPOSES:
        return f"the samples of a {run.stage} run are not for training; --all writes them for other uses"
    if content == "kept" and run.stage != "raft":
        return f"what passed stands in its own file, {run.config.get('output')}"
    control = run.config.get("raft", {}).get("control", "none")
    if content == "kept" and control != "none":
        return f"it is a control run ({control}), which keeps samples whatever their verdicts; take --pairs or --all"
    return ""


_PURPOSES: Mapping[str, Purpose] = {"raft": "train", "data-generate": "data"}
"""Stage -> the purpose of its samples of training problems."""


class _Answer(NamedTuple):
    """Which sample it is, without its text. Answers are paired in the order of `place`, a random number."""

    place: int
    cycle: int
    number: int
    reward: float


def _kept(store: Store, run: Run, problems: Mapping[str, Problem], dropped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Every kept program once, although it may have been kept in several cycles."""
    written: set[tuple[str, bytes]] = set()
    for stored in store.whole_samples(run.id, purpose="train", kept=True):
        sample, problem = stored.sample, problems[stored.sample.task_id]
        key = sample.task_id, program_digest(sample.code, problem.language)
        if key in written:
            dropped["the same program of the same problem"] += 1
            continue
        written.add(key)
        yield _about(stored, problem) | {"prompt": _chat(problem), "completion": _answer(sample.text)}


def _pairs(store: Store, run: Run, problems: Mapping[str, Problem], dropped: Counter[str]) -> Iterator[dict[str, Any]]:
    """As many pairs of a problem as it has distinct programs of the rarer kind; who meets whom is drawn by the seed."""
    passed, failed = _sides(store, run, problems, dropped)
    dropped["a program that found no partner"] += sum(len(failed[task_id]) for task_id in failed.keys() - passed.keys())
    for task_id in passed:
        chosen, rejected = sorted(passed[task_id].values()), sorted(failed[task_id].values())
        pairs = list(zip(chosen, rejected, strict=False))
        texts = _texts(store, run, task_id, [answer for pair in pairs for answer in pair])
        dropped["a program that found no partner"] += len(chosen) + len(rejected) - 2 * len(pairs)
        for good, bad in pairs:
            yield {
                "task_id": task_id,
                "language": problems[task_id].language,
                "prompt": _chat(problems[task_id]),
                "chosen": _answer(texts[good]),
                "rejected": _answer(texts[bad]),
                "chosen_reward": good.reward,
                "rejected_reward": bad.reward,
            }


_Side = dict[str, dict[bytes, _Answer]]
"""Task id -> digest of a program -> one answer that holds it."""


def _sides(store: Store, run: Run, problems: Mapping[str, Problem], dropped: Counter[str]) -> tuple[_Side, _Side]:
    """The distinct programs that passed, and those that failed; one that did both, by two verifiers, is in neither."""
    passed: _Side = defaultdict(dict)
    failed: _Side = defaultdict(dict)
    seed, accepts = run.config.get("seed", 0), run.config.get("verifier", {}).get("accept_forgeable", False)
    for program in store.programs(run.id, purpose=_PURPOSES[run.stage]):
        sample, verdict, task_id = program.sample, program.sample.verdict, program.sample.task_id
        if verdict is None or verdict.status in ("unscored", "no_code") or sample.finish_reason != "stop":
            dropped["not judged, without code, or cut"] += 1
            continue
        if verdict.forgeable and not accepts:
            dropped["a verdict that could be forged"] += 1
            continue
        place = derived_seed(seed, "pairs", sample.cycle, task_id, sample.index)
        answer = _Answer(place, sample.cycle, sample.index, verdict.reward)
        side = passed if verdict.passed else failed
        known = side[task_id].setdefault(program_digest(program.code, problems[task_id].language), answer)
        dropped["the same program of the same problem"] += known is not answer
    for task_id in passed:
        for digest in passed[task_id].keys() & failed[task_id].keys():
            del passed[task_id][digest], failed[task_id][digest]
            dropped["a program that both passed and failed"] += 2
    return passed, failed


def _texts(store: Store, run: Run, task_id: str, answers: Iterable[_Answer]) -> dict[_Answer, str]:
    by_place = {(answer.cycle, answer.number): answer for answer in answers}
    texts = {}
    for cycle in {cycle for cycle, _ in by_place}:
        for stored in store.whole_samples(run.id, cycle=cycle, purpose=_PURPOSES[run.stage], task_id=task_id):
            if answer := by_place.get((cycle, stored.sample.index)):
                texts[answer] = stored.sample.text
    return texts


def _every(store: Store, run: Run, problems: Mapping[str, Problem], dropped: Counter[str]) -> Iterator[dict[str, Any]]:
    for stored in store.whole_samples(run.id):
        verdict = stored.verdict.to_json() if stored.verdict else {}
        yield _about(stored, problems[stored.sample.task_id]) | {
            "purpose": stored.purpose,
            "prompt": _chat(problems[stored.sample.task_id]),
            "completion": _answer(stored.sample.text),
            "code": stored.sample.code,
            "finish_reason": stored.sample.finish_reason,
            "completion_tokens": stored.sample.completion_tokens,
            "tests_passed": verdict.get("tests_passed"),
            "tests_total": verdict.get("tests_total"),
            "detail": verdict.get("detail"),
            "kept": stored.kept,
            "reason": stored.reason,
        }


_Rows = Callable[[Store, Run, Mapping[str, Problem], Counter[str]], Iterator[dict[str, Any]]]
_ROWS: Mapping[Content, _Rows] = {"kept": _kept, "pairs": _pairs, "all": _every}
_NOTHING: Mapping[Content, str] = {
    "kept": "no cycle kept a sample",
    "pairs": "no training problem has both a passed and a failed sample",
    "all": "it stored no samples",
}


def _about(stored: StoredSample, problem: Problem) -> dict[str, Any]:
    return {
        "task_id": problem.task_id,
        "language": problem.language,
        "cycle": stored.cycle,
        "index": stored.sample.index,
        "reward": stored.verdict.reward if stored.verdict else None,
        "status": stored.verdict.status if stored.verdict else None,
        "forgeable": stored.verdict.forgeable if stored.verdict else None,
    }


def _chat(problem: Problem) -> list[dict[str, str]]:
    """The chat that RAFT asked the problem by; a chat template is applied when it is used, not here."""
    return [dict(message) for message in messages(problem)]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def write_parquet(path: Path, rows: Iterator[Mapping[str, Any]]) -> int:
    """Write the rows in groups, atomically; returns how many."""
    import pyarrow
    from pyarrow import parquet

    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        os.close(descriptor)
        try:
            encodable = map(_encodable, rows)
            first = list(itertools.islice(encodable, ROWS_PER_GROUP))
            count, schema = len(first), _schema(first)
            with parquet.ParquetWriter(partial, schema) as writer:
                writer.write_table(pyarrow.Table.from_pylist(first, schema=schema))
                while group := list(itertools.islice(encodable, ROWS_PER_GROUP)):
                    writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
                    count += len(group)
            os.chmod(partial, 0o644)
            os.replace(partial, path)
            return count
        finally:
            Path(partial).unlink(missing_ok=True)


def _encodable(value: Any) -> Any:
    """The same with a question mark for half a character, which JSON can hold and parquet cannot."""
    if isinstance(value, Mapping):
        return {name: _encodable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_encodable(part) for part in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _schema(rows: Sequence[dict[str, Any]]) -> Any:
    """The types of the columns. One that is empty in these rows may not be in later ones, so its type is given."""
    import pyarrow

    given = {
        "reward": pyarrow.float64(),
        "tests_passed": pyarrow.int64(),
        "tests_total": pyarrow.int64(),
        "forgeable": pyarrow.bool_(),
        "kept": pyarrow.bool_(),
    }
    fields = pyarrow.Table.from_pylist(rows).schema
    types = {f.name: given.get(f.name, pyarrow.string()) if pyarrow.types.is_null(f.type) else f.type for f in fields}
    return pyarrow.schema(list(types.items()))


def _source(run: Run, content: str) -> str:
    return f"run {run.id}, {content}"


def _is_benchmark_task(problem: Problem) -> bool:
    return problem.split == "test" and problem.source in SOURCES and SOURCES[problem.source].is_benchmark


def _manifest(run: Run, content: str, problems: Iterable[Problem], rows: int, dropped: Counter[str]) -> Manifest:
    problems = list(problems)
    return Manifest(
        dataset=", ".join(sorted({problem.source for problem in problems if problem.source})) or "own",
        source=_source(run, content),
        license=", ".join(sorted({problem.license for problem in problems if problem.license})),
        language=", ".join(sorted({problem.language for problem in problems})),
        for_training=content != "all",
        is_benchmark_test=any(map(_is_benchmark_task, problems)),
        rows_in=rows * (2 if content == "pairs" else 1) + dropped.total(),
        rows_out=rows,
        dropped={reason: count for reason, count in dropped.items() if count},
        details={"run": run.id, "stage": run.stage, "config": dict(run.config)},
    )
