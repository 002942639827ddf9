"""The Playground's task as a problem of a data file."""

from dataclasses import replace
from pathlib import Path

from haloforge.errors import ConfigError, DataError
from haloforge.records import Problem, Tests
from haloforge.stages.data.editing import add_problem
from haloforge.stages.data.own_files import Written
from haloforge.ui import generation, inventory
from haloforge.ui.playground_request import Controls, problem_of, verifier_settings
from haloforge.ui.typed_tests import entry_point_of


def problem_to_add(root: Path | None, typed: Controls, task_id: str, solution: str | None) -> Problem:
    """The problem that the controls describe, with a reference that passes its tests, where one is given.

    Raises DataError for what is missing, and for a reference that does not pass.
    """
    problem = problem_of(root, typed)
    if not problem.statement.strip():
        raise DataError("Write a prompt first.")
    if not task_id.strip():
        raise ConfigError("Give the problem a task id, such as mine/add.")
    if problem.tests == Tests():
        raise DataError("A training problem needs tests: give asserts or cases, or choose a problem that has some.")
    own = replace(
        problem,
        task_id=task_id.strip(),
        entry_point=problem.entry_point or entry_point_of(problem.tests),
        solution=solution if solution and solution.strip() else problem.solution,
        source=problem.source or "playground",
        split="train",
    )
    if own.solution:
        verdict = generation.verify(own, own.solution, verifier_settings(typed))
        if not verdict.passed:
            raise DataError(
                f"The reference solution does not pass these tests ({verdict.detail or verdict.status}): "
                "correct it, or leave it out."
            )
    return own


def add(root: Path | None, typed: Controls, file: str, task_id: str, solution: str | None) -> Written:
    """Add the task of the controls to a file below data/. Raises ForgeError in one sentence."""
    path = inventory.own_file(file)
    return add_problem(path, problem_to_add(root, typed, task_id, solution))
