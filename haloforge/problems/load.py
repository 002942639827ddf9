"""Reads problem files: our own format, the known original formats, and parquet files of the Hub."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import StrPath, file_errors, read_jsonl
from haloforge.problems.columns import Row
from haloforge.problems.formats import OWN, Format, detect_format
from haloforge.records import Problem


def load_problems(path: StrPath, *, default_language: str = "python") -> list[Problem]:
    """All problems of a file in our own format or in a known original format, in file order.

    `default_language` is used for rows in our own format that name no language. Raises DataError, with the file and
    the line, for a row that is not a problem and for a task id that appears twice; also for a file without rows.
    """
    problems: list[Problem] = []
    first_line: dict[str, int] = {}
    for line, problem in scan_problems(path, default_language=default_language):
        if isinstance(problem, DataError):
            raise DataError(f"{path} line {line}: {problem}") from problem
        if problem.task_id in first_line:
            earlier = first_line[problem.task_id]
            raise DataError(f"{path} line {line}: the task_id {problem.task_id!r} already stands on line {earlier}")
        first_line[problem.task_id] = line
        problems.append(problem)
    if not problems:
        raise DataError(f"{path} holds no problems")
    return problems


def scan_problems(path: StrPath, *, default_language: str = "python") -> Iterator[tuple[int, Problem | DataError]]:
    """Each line number with its problem, or with the error that the row has.

    Raises DataError only for a line that is not a JSON object. In a parquet file, each row counts as a line.
    """
    rows = _parquet_rows(path) if str(path).endswith(".parquet") else read_jsonl(path)
    return adapt_rows(rows, stem=_stem(path), default_language=default_language)


def adapt_rows(
    rows: Iterable[tuple[int, Row]], *, stem: str, default_language: str = "python"
) -> Iterator[tuple[int, Problem | DataError]]:
    """Each row number with its problem, or with the error that the row has.

    The first readable row decides the format of all rows. A row without a task id is named STEM/NUMBER.
    """
    format: Format | None = None
    for number, row in rows:
        try:
            format = format or detect_format(row)
            problem = format.adapt(row)
        except DataError as error:
            yield number, error
            continue
        if format is OWN and not row.get("language"):
            problem = replace(problem, language=default_language)
        yield number, problem if problem.task_id else replace(problem, task_id=f"{stem}/{number}")


def _parquet_rows(path: StrPath) -> Iterator[tuple[int, Row]]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    with file_errors(path):
        try:
            batches = ParquetFile(path).iter_batches(batch_size=100)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)
        except ArrowInvalid as error:
            raise DataError(f"{path} is no parquet file: {error}") from error


def _stem(path: StrPath) -> str:
    return Path(path).name.removesuffix(".gz").rpartition(".")[0] or Path(path).name
