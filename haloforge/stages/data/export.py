"""`data export`: what a run sampled and verified becomes data that any trainer reads.

kept    the samples that RAFT kept, as `prompt` and `completion` (TRL's conversational prompt-completion rows)
pairs   for every problem, passed against failed samples, as `prompt`, `chosen` and `rejected` (TRL's preference rows)
all     every sample with its verdict

Rows of `kept` and `pairs` come from training problems alone: held-out problems must stay unseen.
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
from haloforge.problems import Manifest, write_manifest
from haloforge.records import Problem, Run
from haloforge.stages.shared.reproducibility import derived_seed
from haloforge.stages.shared.scores import program_digest
from haloforge.store import Store, StoredSample

Content = Literal["kept", "pairs", "all"]
FORMATS = ("jsonl", "parquet")
ROWS_PER_GROUP = 10_000
"""Rows of a parquet file that are in memory at once."""


def export(store: Store, run: Run, content: Content, output: Path, format: str = "jsonl") -> int:
    """Write the rows and their manifest, atomically; returns how many rows.

    Raises DataError when the run has nothing to export, ConfigError for a file name that does not fit the format.
    """
    if format not in FORMATS:
        raise ConfigError(f"there is no format {format!r}; use one of {', '.join(FORMATS)}")
    if output.suffix == ".parquet" and format != "parquet":
        raise ConfigError(f"{output} is named like a parquet file; add --format parquet, or name it .jsonl")
    problems = {problem.task_id: problem for problem in store.problems(run.id)}
    dropped: Counter[str] = Counter()
    rows = _ROWS[content](store, run, problems, dropped)
    first = next(rows, None)
    if first is None:
        raise DataError(f"run {run.id} has nothing to export as {content}: {_NOTHING[content]}")
    write = _write_parquet if format == "parquet" else write_jsonl
    written = write(output, itertools.chain([first], rows))
    write_manifest(output, _manifest(run, content, problems.values(), written, dropped))
    return written


class _Answer(NamedTuple):
    """What a pair needs of a sample. Answers are paired in the order of `place`, a random number."""

    place: int
    text: str
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
    passed: dict[str, dict[bytes, _Answer]] = defaultdict(dict)
    failed: dict[str, dict[bytes, _Answer]] = defaultdict(dict)
    seed, accepts = run.config.get("seed", 0), run.config.get("verifier", {}).get("accept_forgeable", False)
    for stored in store.whole_samples(run.id, purpose="train"):
        verdict, sample = stored.verdict, stored.sample
        if verdict is None or verdict.status in ("unscored", "no_code") or sample.finish_reason != "stop":
            dropped["not judged, without code, or cut"] += 1
        elif verdict.forgeable and not accepts:
            dropped["a verdict that could be forged"] += 1
        else:
            side = passed if verdict.passed else failed
            program = program_digest(sample.code, problems[sample.task_id].language)
            place = derived_seed(seed, "pairs", stored.cycle, sample.task_id, sample.index)
            side[sample.task_id].setdefault(program, _Answer(place, sample.text, verdict.reward))
    for task_id in passed:
        for chosen, rejected in zip(sorted(passed[task_id].values()), sorted(failed[task_id].values()), strict=False):
            yield {
                "task_id": task_id,
                "language": problems[task_id].language,
                "prompt": _chat(problems[task_id]),
                "chosen": _answer(chosen.text),
                "rejected": _answer(rejected.text),
                "chosen_reward": chosen.reward,
                "rejected_reward": rejected.reward,
            }


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
            "status": verdict.get("status"),
            "tests_passed": verdict.get("tests_passed"),
            "tests_total": verdict.get("tests_total"),
            "forgeable": verdict.get("forgeable"),
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
    }


def _chat(problem: Problem) -> list[dict[str, str]]:
    """The chat that RAFT asked the problem by; a chat template is applied when it is used, not here."""
    return [dict(message) for message in messages(problem)]


def _answer(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _write_parquet(path: Path, rows: Iterator[Mapping[str, Any]]) -> int:
    """Write the rows in groups, atomically; returns how many."""
    import pyarrow
    from pyarrow import parquet

    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        os.close(descriptor)
        try:
            first = [dict(row) for row in itertools.islice(rows, ROWS_PER_GROUP)]
            count, schema = len(first), _schema(first)
            with parquet.ParquetWriter(partial, schema) as writer:
                writer.write_table(pyarrow.Table.from_pylist(first, schema=schema))
                while group := [dict(row) for row in itertools.islice(rows, ROWS_PER_GROUP)]:
                    writer.write_table(pyarrow.Table.from_pylist(group, schema=schema))
                    count += len(group)
            os.chmod(partial, 0o644)
            os.replace(partial, path)
            return count
        finally:
            Path(partial).unlink(missing_ok=True)


def _schema(rows: Sequence[Mapping[str, Any]]) -> Any:
    """The types of the columns. One that is empty in these rows may not be in later ones, so its type is given."""
    import pyarrow

    given = {
        "reward": pyarrow.float64(),
        "tests_passed": pyarrow.int64(),
        "tests_total": pyarrow.int64(),
        "forgeable": pyarrow.bool_(),
        "kept": pyarrow.bool_(),
    }
    fields = pyarrow.Table.from_pylist([dict(row) for row in rows]).schema
    types = {f.name: given.get(f.name, pyarrow.string()) if pyarrow.types.is_null(f.type) else f.type for f in fields}
    return pyarrow.schema(list(types.items()))


def _manifest(run: Run, content: str, problems: Iterable[Problem], rows: int, dropped: Mapping[str, int]) -> Manifest:
    problems = list(problems)
    return Manifest(
        dataset=", ".join(sorted({problem.source for problem in problems if problem.source})) or "own",
        source=f"run {run.id}, {content}",
        license=", ".join(sorted({problem.license for problem in problems if problem.license})),
        language=", ".join(sorted({problem.language for problem in problems})),
        for_training=content != "all",
        rows_in=rows + sum(dropped.values()),
        rows_out=rows,
        dropped=dict(dropped),
        details={"run": run.id, "stage": run.stage, "config": dict(run.config)},
    )
