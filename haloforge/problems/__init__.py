"""Problems: reading their files. Where they come from is in `sources`, how training data is kept clean in
`decontaminate`, what SFT learns from in `rows`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import StrPath, read_jsonl
from haloforge.problems.formats import OWN, Format, sniff
from haloforge.records import Problem


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
    """Each line's problem, or what is wrong with it. Raises DataError only for a line that is no JSON object."""
    format: Format | None = None
    for line, row in read_jsonl(path):
        try:
            format = format or sniff(row)
            problem = format.adapt(row)
        except DataError as error:
            yield line, error
            continue
        if format is OWN and not row.get("language"):
            problem = replace(problem, language=default_language)
        if not problem.task_id:
            problem = replace(problem, task_id=f"{_stem(path)}/{line}")
        yield line, problem


def _stem(path: StrPath) -> str:
    return Path(path).name.removesuffix(".gz").rpartition(".")[0] or Path(path).name
