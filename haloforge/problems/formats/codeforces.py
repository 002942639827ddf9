"""Codeforces problems with stdin/stdout tests (open-r1/codeforces), and C++ answers to them (open-r1/codeforces-cots).

A problem row has id, title, description, input_format, output_format, examples, note, official_tests, time_limit
(seconds), memory_limit (MB), input_mode, interaction_format, generated_checker. An answer row has id, generation
(a reasoning trace, then the program in a fence) and finish_reason.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from haloforge.errors import DataError
from haloforge.problems.columns import Row, UnusableRow, optional_text, positive_number, text
from haloforge.records import Case, Problem, Tests

LICENSE = "CC-BY-4.0"
_CHECK = """\
SCRIPT = {script!r}


def check(input_text, output_text, expected_text):
    import contextlib, io, sys

    files = {{"input.txt": input_text, "correct_output.txt": expected_text, "solution_output.txt": output_text}}
    names = {{"__name__": "__main__", "open": lambda name, *mode, **options: io.StringIO(files[name])}}
    said, before = io.StringIO(), sys.argv
    sys.argv = ["checker.py", *files]
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            exec(compile(SCRIPT, "checker.py", "exec"), names)
    finally:
        sys.argv = before
    return said.getvalue().strip() in ("1", "1.0")
"""
"""The dataset's checkers are scripts that receive three file names and print 1 for a right answer."""

TASK = "Write a C++17 program that reads standard input and writes standard output."
_FENCE = re.compile(r"```(?:cpp|c\+\+|C\+\+)[^\n]*\n(.*?)```", re.DOTALL)


def adapt(row: Row) -> Problem:
    """One problem with its official tests. Raises UnusableRow where standard input and output cannot judge it."""
    if optional_text(row, "interaction_format").strip():
        raise UnusableRow("interactive problem")
    if row.get("input_mode") == "file":
        raise UnusableRow("reads a file instead of standard input")
    cases = _cases(row, "official_tests")
    if not cases:
        raise UnusableRow("no official tests")
    checker, megabytes = optional_text(row, "generated_checker"), positive_number(row, "memory_limit")
    return Problem(
        task_id=f"codeforces/{text(row, 'id')}",
        prompt=_statement(row),
        language="cpp",
        tests=Tests(
            kind="stdio",
            cases=cases,
            compare="checker" if checker else "tokens",
            checker=_CHECK.format(script=checker) if checker else "",
            time_limit_s=positive_number(row, "time_limit"),
            memory_mb=int(megabytes) if megabytes else None,
        ),
        source="codeforces_cpp",
        split="train",
        license=LICENSE,
        meta={
            key: row[key] for key in ("title", "rating", "tags", "official_tests_complete") if row.get(key) is not None
        },
    )


def adapt_sample(row: Row) -> Problem:
    """One row of a prompt/response sample. It has no tests: the verdict says whether the answer compiles."""
    return Problem(
        task_id="",
        prompt=f"{text(row, 'prompt')}\n\n{TASK}",
        language="cpp",
        solution=text(row, "response"),
        source="codeforces_cpp",
        split="train",
        license="Apache-2.0",
        meta={key: row[key] for key in ("title", "difficulty") if row.get(key)},
    )


def answer(row: Row) -> str | None:
    """The last C++ program after the reasoning; None where the text was cut off or has no such program."""
    if row.get("finish_reason") == "length":
        return None
    _, end_of_reasoning, final_answer = text(row, "generation").rpartition("</think>")
    if not end_of_reasoning and "<think>" in final_answer:
        return None
    programs = _FENCE.findall(final_answer)
    return programs[-1].strip("\n") + "\n" if programs else None


def with_answers(problems: Sequence[Problem], rows: Iterable[Row]) -> Iterator[Problem]:
    """Each problem with its first usable answer as the solution; stops reading when every problem has one."""
    unanswered = {problem.task_id for problem in problems}
    solutions: dict[str, str] = {}
    for row in rows:
        task_id = f"codeforces/{row.get('id')}"
        if task_id in unanswered and (program := answer(row)):
            solutions[task_id] = program
            unanswered.remove(task_id)
        if not unanswered:
            break
    for problem in problems:
        yield replace(problem, solution=solutions.get(problem.task_id))


def _cases(row: Row, key: str) -> tuple[Case, ...]:
    value = row.get(key) or []
    if not isinstance(value, list) or not all(isinstance(case, Mapping) for case in value):
        raise DataError(f'"{key}" is not a list of tests')
    return tuple(Case(text(case, "input"), text(case, "output")) for case in value)


def _statement(row: Row) -> str:
    sections = (
        ("", text(row, "description")),
        ("Input", optional_text(row, "input_format")),
        ("Output", optional_text(row, "output_format")),
        *((f"Example {n}", _example(case)) for n, case in enumerate(_cases(row, "examples"), start=1)),
        ("Note", optional_text(row, "note")),
    )
    parts: list[Any] = [text(row, "title").strip()]
    parts += [f"{name}\n{body.strip()}".strip() for name, body in sections if body.strip()]
    return "\n\n".join([*parts, TASK])


def _example(case: Case) -> str:
    return f"Input:\n{case.input.rstrip()}\nOutput:\n{case.output.rstrip()}"
