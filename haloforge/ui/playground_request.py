"""From what the Playground's controls hold to a request: models, a problem with its tests, and limits."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from haloforge.errors import ConfigError, DataError
from haloforge.python_source import tree_of
from haloforge.records import Problem, Tests
from haloforge.ui import inventory, space

ASSERTS, PROBLEM, COMPILER = "the asserts below", "the tests of a problem", "the compiler alone"
"""What an answer is verified with."""


class Controls(NamedTuple):
    """The values of the controls, in the order in which the page sends them."""

    model: str
    second_model: str
    prompt: str
    verify_with: str
    language: str
    asserts: str
    file: str
    task: str
    max_new_tokens: float
    temperature: float
    seed: float


@dataclass(frozen=True)
class Request:
    """What one or two models are asked: `problem` has the prompt, the language and the tests; `seconds` is a limit."""

    models: tuple[str, ...]
    problem: Problem
    max_new_tokens: int = 256
    temperature: float = 0.7
    seed: int = 0
    seconds: float = 3600.0


def request_of(root: Path | None, typed: Controls) -> Request:
    """What the controls ask for, within the limits that hold here. Raises ForgeError for what is missing or refused."""
    caps = space.caps()
    models = allowed_models([typed.model, typed.second_model], caps.models)
    problem = problem_of(root, typed)
    if not problem.statement.strip():
        raise DataError("Write a prompt first, or choose a problem.")
    return Request(
        models=tuple(dict.fromkeys(models)),
        problem=problem,
        max_new_tokens=max(1, min(int(typed.max_new_tokens or 1), caps.max_new_tokens)),
        temperature=max(0.0, float(typed.temperature or 0)),
        seed=max(0, int(typed.seed or 0)),
        seconds=caps.seconds,
    )


def problem_of(root: Path | None, typed: Controls) -> Problem:
    """The problem to solve and its tests: a chosen one, or one made of what was typed. Raises ForgeError."""
    if typed.verify_with == PROBLEM:
        chosen = find_problem(root, typed.file, typed.task)
        is_changed = bool(typed.prompt.strip()) and typed.prompt.strip() != chosen.statement.strip()
        return replace(chosen, prompt=typed.prompt) if is_changed else chosen
    tests = pasted_tests(typed.asserts or "", typed.language) if typed.verify_with == ASSERTS else Tests()
    return Problem("playground", typed.prompt or "", language=typed.language, tests=tests)


def find_problem(root: Path | None, file: str, task: str) -> Problem:
    """Raises DataError when no problem was chosen, or it is not there any more."""
    if not (file and task):
        raise DataError("Choose a problem to take the tests from.")
    problem = next((p for p in inventory.read_problems(file, root) if p.task_id == task), None)
    if problem is None:
        raise DataError(f"{file} holds no problem {task!r}.")
    return problem


def pasted_tests(text: str, language: str) -> Tests:
    """Tests from pasted Python: statements other than asserts become the set-up. Raises DataError with the line."""
    if not text.strip():
        return Tests()
    if language != "python":
        raise DataError(f"asserts are Python, and cannot test {language}; choose a problem, or the compiler alone")
    try:
        statements = tree_of(text).body
    except SyntaxError as error:
        raise DataError(f"the asserts are not valid Python: {error.msg} (line {error.lineno})") from error
    source = [(isinstance(node, ast.Assert), ast.get_source_segment(text, node) or "") for node in statements]
    checks = tuple(segment for is_assert, segment in source if is_assert)
    if not checks:
        raise DataError("there is no assert statement among the tests")
    return Tests("asserts", setup="\n".join(segment for is_assert, segment in source if not is_assert), code=checks)


def allowed_models(models: Sequence[str], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """The models that were named; `allowed` None allows all. Raises ConfigError for no model, and for a refused one."""
    named = tuple(model.strip() for model in models if model and model.strip())
    if not named:
        raise ConfigError("Choose a model first.")
    refused = [model for model in named if allowed is not None and model not in allowed]
    if refused and allowed is not None:
        raise ConfigError(f"{refused[0]} cannot be used in this demo; it offers {', '.join(allowed)}")
    return named
