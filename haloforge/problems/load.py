"""Reads problem files: our own format and the known original formats, as JSON Lines, JSON, CSV or parquet."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import StrPath
from haloforge.problems.columns import Row
from haloforge.problems.formats import OWN, Format, detect_format
from haloforge.problems.tables import numbered_rows
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
    return adapt_rows(numbered_rows(path), stem=_stem(path), default_language=default_language)


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


def _stem(path: StrPath) -> str:
    return Path(path).name.removesuffix(".gz").rpartition(".")[0] or Path(path).name
