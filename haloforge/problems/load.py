"""Problems: reading their files. Where they come from is in `sources`, how training data is kept clean in
`decontaminate`, what SFT learns from in `rows`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import StrPath, file_errors, read_jsonl
from haloforge.problems.columns import Row
from haloforge.problems.formats import OWN, Format, sniff
from haloforge.problems.sources import SOURCES, Source
from haloforge.records import Problem

__all__ = ["SOURCES", "Source", "adapted", "load_problems", "scan_problems"]


def load_problems(path: StrPath, *, default_language: str = "python") -> list[Problem]:
    """All problems of a file in our own format or in a known original format, in file order.

    `default_language` is that of rows in our own format that name none. Raises DataError with file and line for a row
    that is no problem, for a task id that stands there twice, and for a file without rows.
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
    """Each line's problem, or what is wrong with it. Raises DataError only for a line that is no JSON object.

    The Hub's own files can be read too: a parquet file's lines are its rows.
    """
    rows = _parquet_rows(path) if str(path).endswith(".parquet") else read_jsonl(path)
    return adapted(rows, stem=_stem(path), default_language=default_language)


def adapted(
    rows: Iterable[tuple[int, Row]], *, stem: str, default_language: str = "python"
) -> Iterator[tuple[int, Problem | DataError]]:
    """Each numbered row's problem, or what is wrong with it. The first row says which format all are in.

    A row without a task id is called STEM/NUMBER.
    """
    format: Format | None = None
    for number, row in rows:
        try:
            format = format or sniff(row)
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
