"""One row at a time: a row of a file is changed, or a problem is added to it."""

from dataclasses import replace
from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import Row
from haloforge.problems import bundled_index
from haloforge.records import Problem
from haloforge.stages.data.own_files import Written, check_row, derived, manifest_of, read_own, write_own


def replace_row(path: Path, line: int, row: Row, output: Path | None = None) -> Written:
    """Put `row` in the place of the row on that line, in the file itself or in a new one.

    Raises DataError for a row that nothing can be done with, a task id that another row has, and a line without a row.
    """
    rows = read_own(path)
    if line not in {own.line for own in rows}:
        raise DataError(f"{path} has no row on line {line}")
    problem = check_row(row, "the row")
    taken = {own.problem.task_id: own.line for own in rows if own.problem and own.line != line}
    if problem and problem.task_id in taken and row.get("task_id"):
        raise DataError(f"the task_id {problem.task_id!r} already stands on line {taken[problem.task_id]}")
    changed = [row if own.line == line else own.row for own in rows]
    return _write(path, output or path, changed, "edited")


def add_problem(path: Path, problem: Problem) -> Written:
    """Add a problem at the end of a file, which is made where it is not there.

    Raises DataError for a prompt or tests that no file may hold, for a task id that stands there already, and for a
    problem that comes from a public benchmark.
    """
    row = problem.to_json()
    check_row(row, f"the problem {problem.task_id!r}")
    hits = [hit for hit in bundled_index().check(problem) if hit.drop]
    if hits:
        raise DataError(f"a benchmark has this problem ({hits[0].rule}: {hits[0].task_id}), and must not be trained on")
    rows = read_own(path) if path.is_file() else []
    for own in rows:
        if own.problem and own.problem.task_id == problem.task_id:
            raise DataError(f"{path} line {own.line} has the task_id {problem.task_id!r} already; give another one")
    return _write(path, path, [*(own.row for own in rows), row], "added to")


def _write(parent: Path, output: Path, rows: list[Row], what: str) -> Written:
    """Write the rows; the manifest goes on telling where they came from, and that they were changed."""
    if output.resolve() == parent.resolve():
        manifest = manifest_of(parent) or derived((), "one's own rows", len(rows), {})
        manifest = replace(manifest, rows_out=len(rows), details={**manifest.details, "changed": what})
        return write_own(output, rows, manifest, overwrite=True)
    return write_own(output, rows, derived([parent], what, len(rows), {}))
