"""The bundled problem sets, written for this project (Apache-2.0). They need no network.

starter-easy    one-function operations in Python and small C++ programs, within reach of a model of 135M parameters
starter-labels  Python functions that return a label and the value of a formula as one string; no test is shown
starter         Python and C++ from easy to hard: functions, and programs that read stdin and write stdout

The problems are in the TOML files of this folder. Each table is a problem, named after its task, with these keys:

split            train or test. Drawn once, evenly over topics and levels; a family is in one split only
family           the name of a group of problems with nearly the same task; the table's name where it is missing.
                 The same family in two files is one group: `plus-twice` is Python in one file and C++ in another
level            easy, medium or hard; easy where it is missing
statement        what to write, with the requested interface
entry_point      the function to write; a problem without one is a program
tests            conditions on that function; the first two are visible (`SHOWN_ASSERTS` of them in the prompt), the
                 others hidden
cases            input and expected output of a program; the first two are shown
compare, checker how outputs are judged, as in `records.Tests`
solution         a reference solution that passes every test
wrong_solution   a program with a plausible mistake, which the hidden tests reject
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from haloforge.errors import DataError
from haloforge.records import Case, Problem, Tests

StarterSet = Literal["starter", "starter-easy", "starter-labels"]
STARTER_SETS: tuple[StarterSet, ...] = get_args(StarterSet)
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "starter": ("python", "cpp"),
    "starter-easy": ("python", "cpp"),
    "starter-labels": ("python",),
}
VERSION = 1
"""Part of the problems' `source`."""
VISIBLE_TESTS = 2
"""How many tests of a problem may be shown in its prompt; the others are hidden."""
SHOWN_ASSERTS: Mapping[str, int] = {"starter": VISIBLE_TESTS, "starter-easy": 1, "starter-labels": 0}
"""How many asserts the prompt shows. One is enough to show the interface of a function in starter-easy. In
starter-labels a small model would copy the shown result of the formula into its answer.
"""

_Row = Mapping[str, Any]


def load_starter(name: str, *, split: str | None = None, language: str | None = None) -> list[Problem]:
    """The problems of a set in a fixed order, Python first. Raises DataError for an unknown name."""
    if name not in STARTER_SETS:
        raise DataError(f"there is no bundled set {name!r}; use {' or '.join(STARTER_SETS)}")
    return [
        problem
        for file_language in LANGUAGES[name]
        if language in (None, file_language)
        for problem in _read(name, file_language)
        if split in (None, problem.split)
    ]


@cache
def _read(name: str, language: str) -> tuple[Problem, ...]:
    text = (files(__name__) / f"{name}-{language}.toml").read_text(encoding="utf-8")
    return tuple(_problem(name, language, title, row) for title, row in tomllib.loads(text).items())


def _problem(name: str, language: str, title: str, row: _Row) -> Problem:
    tests = _asserts(row) if "tests" in row else _cases(row)
    examples = "\n".join(tests.code[: SHOWN_ASSERTS[name]]) if tests.code else _shown_cases(tests.cases[:VISIBLE_TESTS])
    meta = {
        "family": row.get("family", title),
        "level": row.get("level", "easy"),
        "wrong_solution": row["wrong_solution"],
    }
    return Problem(
        task_id=f"{name.removeprefix('starter-')}/{language}/{title}",
        prompt=row["statement"].strip() + (f"\n\nFor example:\n{examples}" if examples else ""),
        language=language,
        tests=tests,
        entry_point=row.get("entry_point"),
        solution=row["solution"],
        source=f"halo-forge/{name}@{VERSION}",
        split=row["split"],
        license="Apache-2.0",
        meta=meta if tests.code else meta | {"visible_cases": VISIBLE_TESTS},
    )


def _asserts(row: _Row) -> Tests:
    statements = tuple(f"assert {condition}" for condition in row["tests"])
    return Tests(kind="asserts", code=statements[:VISIBLE_TESTS], hidden=statements[VISIBLE_TESTS:])


def _cases(row: _Row) -> Tests:
    cases = tuple(Case(case["input"], case["output"]) for case in row["cases"])
    return Tests(kind="stdio", cases=cases, compare=row.get("compare", "tokens"), checker=row.get("checker", ""))


def _shown_cases(cases: tuple[Case, ...]) -> str:
    return "\n".join(f"Input:\n{case.input.rstrip()}\nOutput:\n{case.output.rstrip()}" for case in cases)
