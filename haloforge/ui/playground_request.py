"""From what the Playground's controls hold to a request: models, a problem with its tests, sampling, the verifier."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import RaftLoop, VerifySettings
from haloforge.errors import ConfigError, DataError
from haloforge.records import Problem, Tests
from haloforge.ui import inventory, model_names, space
from haloforge.ui.typed_tests import pasted_asserts, typed_cases

ASSERTS, CASES, PROBLEM, COMPILER = (
    "the asserts below",
    "the cases below",
    "the tests of a problem",
    "the compiler alone",
)
"""What an answer is verified with."""
MOST_MODELS = 4
MOST_SAMPLES = 32
"""Samples per model that one click may ask for."""


class Controls(NamedTuple):
    """The values of the controls, in the order in which the page sends them; `cases` takes all that is left."""

    models: Sequence[str] | None
    prompt: str
    verify_with: str
    language: str
    asserts: str
    compare: str
    file: str
    task: str
    samples: float
    max_new_tokens: float
    temperature: float
    seed: float
    reward: str
    partial: bool
    run_untested: bool
    threshold: float
    time_limit_s: float
    blind: bool
    cases: tuple[str, ...] = ()


SINGLE = Controls._fields[:-1]
"""The controls that are one component each."""


def controls_of(typed: Sequence[Any]) -> Controls:
    """The controls from the values in the order in which the page sends them."""
    return Controls._make([*typed[: len(SINGLE)], tuple(typed[len(SINGLE) :])])


@dataclass(frozen=True)
class Request:
    """What the models are asked, in the order in which they are shown.

    `problem` has the prompt, the language and the tests; `seconds` is a limit; `threshold` is the reward from which
    RAFT would learn. Where `blind`, the page hides which model is which. `root` is where runs are kept.
    """

    models: tuple[str, ...]
    problem: Problem
    max_new_tokens: int = 256
    temperature: float = 0.7
    seed: int = 0
    seconds: float = 3600.0
    samples: int = 1
    verifier: VerifySettings = field(default_factory=lambda: VerifySettings(run_after_compile=True))
    threshold: float = RaftLoop().reward_threshold
    blind: bool = False
    root: Path | None = None


def request_of(root: Path | None, typed: Controls) -> Request:
    """What the controls ask for, within the limits that hold here. Raises ForgeError for what is missing or refused."""
    caps = space.caps()
    models = allowed_models(typed.models or (), caps.models)
    problem = problem_of(root, typed)
    if not problem.statement.strip():
        raise DataError("Write a prompt first, or choose a problem.")
    temperature = _number("Temperature", typed.temperature, 0, 2)
    samples = _whole("Samples per model", typed.samples, 1, MOST_SAMPLES)
    if temperature == 0 and samples > 1:
        raise ConfigError(
            "Temperature 0 gives the same answer every time: ask for 1 sample, or give a temperature such as 0.7."
        )
    if typed.blind and len(models) < 2:
        raise ConfigError("A blind vote is between models: choose two to four.")
    return Request(
        models=_shuffled(models) if typed.blind else models,
        problem=problem,
        max_new_tokens=min(_whole("Max new tokens", typed.max_new_tokens, 1, 10**9), caps.max_new_tokens),
        temperature=temperature,
        seed=_whole("Seed", typed.seed, 0, 2**31 - 1),
        seconds=caps.seconds,
        samples=samples,
        verifier=verifier_settings(typed),
        threshold=_number("Reward threshold", typed.threshold, 0, 1),
        blind=bool(typed.blind),
        root=root,
    )


def verifier_settings(typed: Controls) -> VerifySettings:
    """The settings by which answers are judged: those of training, with what was changed here."""
    return VerifySettings(
        reward="binary" if typed.reward == "binary" else "graded",
        partial=bool(typed.partial),
        run_after_compile=bool(typed.run_untested),
        time_limit_s=_number("CPU seconds", typed.time_limit_s, 0.1, 600),
    )


def problem_of(root: Path | None, typed: Controls) -> Problem:
    """The problem to solve and its tests: a chosen one, or one made of what was typed. Raises ForgeError."""
    if typed.verify_with == PROBLEM:
        chosen = find_problem(root, typed.file, typed.task)
        is_changed = bool(typed.prompt.strip()) and typed.prompt.strip() != chosen.statement.strip()
        return replace(chosen, prompt=typed.prompt) if is_changed else chosen
    tests = Tests()
    if typed.verify_with == ASSERTS:
        tests = pasted_asserts(typed.asserts or "", typed.language)
    elif typed.verify_with == CASES:
        tests = typed_cases(typed.cases, typed.compare)
    return Problem("playground", typed.prompt or "", language=typed.language, tests=tests)


def find_problem(root: Path | None, file: str, task: str) -> Problem:
    """Raises DataError when no problem was chosen, or it is not there any more."""
    if not (file and task):
        raise DataError("Choose a problem to take the tests from.")
    problem = next((p for p in inventory.read_problems(file, root) if p.task_id == task), None)
    if problem is None:
        raise DataError(f"{file} holds no problem {task!r}.")
    return problem


def allowed_models(models: Sequence[str], allowed: Sequence[str] | None) -> tuple[str, ...]:
    """The models that were named, each once; `allowed` None allows all.

    Raises ConfigError for no model, for too many, for a refused one, and for the name of a server's model that is none.
    """
    named = tuple(dict.fromkeys(model.strip() for model in models if model and model.strip()))
    if not named:
        raise ConfigError("Choose a model first.")
    if len(named) > MOST_MODELS:
        raise ConfigError(f"{MOST_MODELS} models fit side by side; {len(named)} are chosen.")
    refused = [model for model in named if allowed is not None and model not in allowed]
    if refused and allowed is not None:
        raise ConfigError(f"{refused[0]} cannot be used in this demo; it offers {', '.join(allowed)}")
    for model in named:
        model_names.parse(model)
    return named


def _shuffled(models: tuple[str, ...]) -> tuple[str, ...]:
    """In an order that nobody can guess: not even from the seed, which the page shows."""
    return tuple(random.SystemRandom().sample(models, len(models)))


def _number(label: str, value: float | None, low: float, high: float) -> float:
    """Raises ConfigError for an empty field, or a number out of range; nothing is taken in silence."""
    if value is None or not low <= value <= high:
        given = "it is empty" if value is None else f"not {value:g}"
        raise ConfigError(f"{label} should be a number from {low:g} to {high:g} ({given}).")
    return float(value)


def _whole(label: str, value: float | None, low: int, high: int) -> int:
    if value is None or not low <= value <= high or value != int(value):
        given = "it is empty" if value is None else f"not {value:g}"
        bounds = f"from {low} to {high}" if high < 10**6 else f"of at least {low}"
        raise ConfigError(f"{label} should be a whole number {bounds} ({given}).")
    return int(value)
