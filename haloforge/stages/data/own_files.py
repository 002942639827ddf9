"""Files of one's own: rows that are checked one by one, written with a manifest that tells what was done to them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from haloforge.errors import ConfigError, DataError
from haloforge.files import Row, refuse_unwritable, write_jsonl
from haloforge.problems import (
    Manifest,
    adapt_rows,
    numbered_rows,
    read_manifest,
    training_row,
    write_manifest,
)
from haloforge.records import Problem

_SUFFIXES = (".jsonl", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One row of a file: its line, what stands there, and the problem that it is (None for a row of chat or text)."""

    line: int
    row: Row
    problem: Problem | None

    @property
    def families(self) -> tuple[str, ...]:
        """Names under which the row is like others: its family, and its words."""
        if self.problem is None:
            return (f"row:{_words(self.row)}",)
        return f"family:{self.problem.family}", f"prompt:{' '.join(self.problem.statement.split())}"


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, and how many rows it has."""

    path: Path
    rows: int


def read_own(path: Path) -> list[OwnRow]:
    """Every row of a file that RAFT, a benchmark or SFT can use.

    Raises DataError, with the file and the line, for the first row that none of them can use, and for a file without
    rows.
    """
    numbered = list(numbered_rows(path))
    problems = adapt_rows(numbered, stem=path.name.partition(".")[0])
    rows = [_own_row(path, line, row, problem) for (line, row), (_, problem) in zip(numbered, problems, strict=True)]
    if not rows:
        raise DataError(f"{path} holds no rows")
    _refuse_repeated_ids(path, rows)
    return rows


def check_row(row: Row, where: str) -> Problem | None:
    """The problem that a row is; None for a row of chat or text. Raises DataError where it is neither."""
    [(_, problem)] = adapt_rows([(1, row)], stem="row")
    if isinstance(problem, Problem):
        return problem
    try:
        training_row(1, row)
    except DataError as error:
        reason = error if row.keys() & {"messages", "completion", "response", "output", "text"} else problem
        raise DataError(f"{where}: {reason}") from error
    return None


def write_own(path: Path, rows: Iterable[Row], manifest: Manifest, *, overwrite: bool = False) -> Written:
    """Write rows and their manifest. Raises ConfigError for a name that is taken, or that is no .jsonl file."""
    refuse_output(path, overwrite=overwrite)
    count = write_jsonl(path, rows)
    write_manifest(path, manifest)
    return Written(path, count)


def refuse_output(path: Path, *, overwrite: bool = False) -> None:
    """Raises ConfigError where such a file cannot be written, or one stands already."""
    if not path.name.endswith(_SUFFIXES):
        raise ConfigError(f"{path} should end in .jsonl, as every data file does")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already; give another name, or --overwrite to replace it")
    refuse_unwritable(path)


def derived(parents: Sequence[Path], what: str, rows: int, details: Mapping[str, Any]) -> Manifest:
    """The manifest of a file that was made of others: what was true of one of them is true of it."""
    known = [found for found in map(manifest_of, parents) if found is not None]
    licenses = sorted({name for found in known for name in found.license.split(" and ") if name})
    return Manifest(
        dataset=" and ".join(sorted({found.dataset for found in known})) or "own",
        source=", ".join(map(str, parents)) or what,
        license=" and ".join(licenses),
        noncommercial=any(found.noncommercial for found in known),
        for_training=all(found.for_training for found in known),
        is_benchmark_test=any(found.is_benchmark_test for found in known),
        rows_in=sum(found.rows_out for found in known) or rows,
        rows_out=rows,
        details={"made_by": what, **details},
    )


def manifest_of(path: Path) -> Manifest | None:
    """The manifest of a file as it stands; None where there is none, or where the file has changed since."""
    row = read_manifest(path) if path.is_file() else None
    return Manifest(**{f.name: row[f.name] for f in fields(Manifest) if f.name in row}) if row else None


def _own_row(path: Path, line: int, row: Row, problem: Problem | DataError) -> OwnRow:
    if isinstance(problem, Problem):
        return OwnRow(line, row, problem)
    return OwnRow(line, row, check_row(row, f"{path} line {line}"))


def _refuse_repeated_ids(path: Path, rows: Sequence[OwnRow]) -> None:
    seen: dict[str, int] = {}
    for own in rows:
        if own.problem is None:
            continue
        earlier = seen.setdefault(own.problem.task_id, own.line)
        if earlier != own.line:
            raise DataError(
                f"{path} line {own.line}: the task_id {own.problem.task_id!r} already stands on line {earlier}"
            )


def _words(row: Row) -> str:
    """What a row of chat or text asks, or its text."""
    learned = training_row(1, row)
    if learned.messages:
        return " ".join(" ".join(message["content"].split()) for message in learned.messages[:-1])
    return " ".join((learned.text or "").split())
