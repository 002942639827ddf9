"""Our own problem format, and any other row with a prompt."""

from collections.abc import Mapping

from haloforge.errors import DataError
from haloforge.problems.columns import Row, optional_text, positive_number, text
from haloforge.records import Problem

_TEXT_COLUMNS = ("language", "entry_point", "solution", "source", "split", "license")


def adapt(row: Row) -> Problem:
    """A problem row.

    Without "task_id" the loader names it by its line. Without "tests" the code only has to compile. Raises DataError.
    """
    for key in _TEXT_COLUMNS:
        optional_text(row, key)
    _check_entry_point(row)
    if not isinstance(row.get("task_id", ""), str | int):
        raise DataError('"task_id" is not text')
    if not isinstance(row.get("meta") or {}, Mapping):
        raise DataError('"meta" is not an object')
    if isinstance(row.get("prompt"), list):
        _check_messages(row["prompt"])
    if isinstance(row.get("tests"), Mapping):
        _check_tests(row["tests"])
    return Problem.from_json({"task_id": "", **row})


def _check_entry_point(row: Row) -> None:
    name = row.get("entry_point")
    if name and row.get("language") in (None, "", "python") and not name.isidentifier():
        raise DataError(f'"entry_point" {name!r} is no name of a Python function or class, such as "solve"')


def _check_messages(messages: list[object]) -> None:
    if not messages:
        raise DataError('"prompt" is an empty list')
    for message in messages:
        if isinstance(message, Mapping):
            text(message, "role"), text(message, "content")


def _check_tests(tests: Row) -> None:
    for key in ("setup", "compare", "checker"):
        optional_text(tests, key)
    for key in ("hidden", "cases"):
        if not isinstance(tests.get(key, []), list):
            raise DataError(f'"{key}" of the tests is not a list')
    if not isinstance(tests.get("code", ""), str | list):
        raise DataError('"code" of the tests is neither text nor a list')
    if not all(isinstance(assertion, str) for assertion in tests.get("hidden", [])):
        raise DataError('"hidden" of the tests is not a list of texts')
    for key in ("time_limit_s", "memory_mb"):
        positive_number(tests, key)
