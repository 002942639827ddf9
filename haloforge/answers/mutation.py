"""Mutants: programs that differ from a reference solution in one small place. Good tests tell most of them from it.

Some mutants do what the reference does (`i <= n` where `i` never is `n`), so a mutant that passes has survived, which
is not to say that its tests are wrong.
"""

import ast
import random
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from haloforge.answers.normal_forms import token_spans
from haloforge.answers.python_mutants import python_changes
from haloforge.languages import Language, language_of
from haloforge.python_source import parse

_SWAPPED = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "===": "!==",
    "!==": "===",
    "&&": "||",
    "||": "&&",
    "+": "-",
    "-": "+",
    "*": "+",
    "/": "*",
    "%": "/",
    "+=": "-=",
    "-=": "+=",
    "true": "false",
    "false": "true",
    "min": "max",
    "max": "min",
    "break": "continue",
}
_WORD_OR_NUMBER = re.compile(r"\w+")
_WHOLE_NUMBER = re.compile(r"\d+(?=[uUlL]*$)")
_DIRECTIVE = re.compile(r"\s*(?:#|import\b|use\b|using\b|package\b|extern\b)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A program with one small change, and what the change is."""

    code: str
    change: str


def mutants(code: str, language: str, count: int, seed: int = 0, given: Collection[str] = ()) -> list[Mutant] | None:
    """At most `count` different mutants, the same for the same seed, with kinds of change taken in turn.

    They are programs that parse, in Python; in other languages some do not compile. None for a language whose programs
    are not read. Python functions whose names are `given`, as those of a prompt, are left alone.
    """
    known = language_of(language)
    if known.syntax == "unknown":
        return None
    drawn = random.Random(f"{seed} {code}")
    changed = _python(code, drawn, given) if known.syntax == "python" else _by_tokens(code, known, drawn)
    found: dict[str, Mutant] = {}
    for mutant in changed:
        if len(found) >= count:
            break
        found.setdefault(mutant.code, mutant)
    return list(found.values())


def _python(code: str, drawn: random.Random, given: Collection[str]) -> Iterator[Mutant]:
    tree, changes = python_changes(code, given)
    by_kind = defaultdict(list)
    for change in changes:
        by_kind[change.kind].append(change)
    original = ast.unparse(tree)
    for change in _in_turn(list(by_kind.values()), drawn):
        mutated = change.apply(tree)
        if mutated != original and parse(mutated) is not None:
            yield Mutant(mutated, change.text)


def _by_tokens(code: str, language: Language, drawn: random.Random) -> Iterator[Mutant]:
    """Operators that stand between spaces, whole numbers and a few words, outside lines that import or include."""
    places = defaultdict(list)
    for start, end in token_spans(code, language):
        new = _other_token(code, start, end)
        if new is None or _DIRECTIVE.match(code, code.rfind("\n", 0, start) + 1):
            continue
        token, line = code[start:end], code.count("\n", 0, start) + 1
        mutant = Mutant(code[:start] + new + code[end:], f"line {line}: {token} became {new}")
        places["number" if token[0].isdigit() else token].append(mutant)
    yield from _in_turn(list(places.values()), drawn)


def _other_token(code: str, start: int, end: int) -> str | None:
    """What else could stand there; None where a change would be no small one, or none at all."""
    token = code[start:end]
    if number := _WHOLE_NUMBER.match(token):
        return f"{int(number[0]) + 1}{token[number.end() :]}" if len(token) < 19 else None
    if token in _SWAPPED and not _WORD_OR_NUMBER.match(token):  # without spaces, `<` may be a template, `*` a pointer
        between_spaces = code[start - 1 : start].isspace() and code[end : end + 1].isspace()
        return _SWAPPED[token] if between_spaces else None
    return _SWAPPED.get(token)


T = TypeVar("T")


def _in_turn(groups: list[list[T]], drawn: random.Random) -> Iterator[T]:
    """One of each group, then the next of each, each group in a drawn order."""
    for group in groups:
        drawn.shuffle(group)
    drawn.shuffle(groups)
    for position in range(max(map(len, groups), default=0)):
        yield from (group[position] for group in groups if position < len(group))
