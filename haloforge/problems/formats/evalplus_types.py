"""The types that JSON took from the inputs of MBPP+'s native file, where tuples became lists and complex numbers text.

Which task has which types is a fact of that file, as evalplus' loader states it. The tasks are those of its releases
0.1.0 and 0.2.0. A task that is not named here takes what JSON holds. Nothing is believed: the asserts of each row hold
some of the base inputs as Python writes them, and `check_types` compares the two.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from haloforge.errors import DataError
from haloforge.python_source import parse

Restore = Callable[[Any], Any]
Arguments = list[Any]


def restored(number: int, inputs: list[Arguments]) -> list[Arguments]:
    """The argument lists of task `number` with the types that its function was written for.

    Raises DataError where they cannot have those types.
    """
    restore = _RULES.get(number, _unchanged)
    try:
        return [list(restore(arguments)) for arguments in inputs]
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"its inputs cannot be judged: their types cannot be restored ({error})") from error


def check_types(number: int, base: list[Arguments], entry_point: str, asserts: str, contract: str) -> None:
    """Raises DataError where base inputs have other types than the row's own asserts write for them.

    Lists may stand for tuples where the row's `contract`, what its inputs have to be, names both; evalplus leaves them
    so. In a task that has a rule, only the outermost types are compared.
    """
    if "list" in contract and "tuple" in contract:
        return
    for given, written in zip(base, _calls(asserts, entry_point), strict=False):
        has_its_types = _is_of_its_type if number in _RULES else _has_its_types
        if len(given) == len(written) and not all(map(has_its_types, given, written)):
            raise DataError(
                f"its inputs cannot be judged: {given!r:.80} does not have the types of its assert, {written!r:.80}"
            )


def _unchanged(arguments: Arguments) -> Arguments:
    return arguments


def _each(restore: Restore) -> Restore:
    """Every argument."""
    return lambda arguments: [restore(argument) for argument in arguments]


def _at(position: int, restore: Restore) -> Restore:
    """One argument; the others stay."""
    return lambda arguments: [
        restore(argument) if index == position else argument for index, argument in enumerate(arguments)
    ]


def _tuples(items: list[Any]) -> list[Any]:
    return [tuple(item) for item in items]


def _tuple_of_tuples(items: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuples(items))


def _lists_inside_become_tuples(items: list[Any]) -> tuple[Any, ...]:
    return tuple(tuple(item) if isinstance(item, list) else item for item in items)


def _all_lists_become_tuples(value: Any) -> Any:
    return tuple(map(_all_lists_become_tuples, value)) if isinstance(value, list) else value


def _values_become_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) for key, value in table.items()}


def _sets(items: list[Any]) -> list[Any]:
    return [set(item) if isinstance(item, list) and item else {} for item in items]


class _Complex(complex):
    """Written so that it reads back as itself: `(-0-1j)` would be 0-1j."""

    def __repr__(self) -> str:
        return f"complex({self.real!r}, {self.imag!r})"


def _real_and_complex(arguments: Arguments) -> Arguments:
    return [float(arguments[0]), _Complex(arguments[1])]


_TASKS: tuple[tuple[Restore, str], ...] = (
    (
        _each(tuple),
        "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809",
    ),
    (_each(_tuples), "63 64 70 94 120 237 272 299 400 409 417 438 473 614 780"),
    (_each(_tuple_of_tuples), "259 401 445"),
    (_each(_all_lists_become_tuples), "580 615 791"),
    (_at(0, tuple), "250 307 405 446 617 720 763 808"),
    (_at(0, _tuples), "75 413 444 753"),
    (_at(0, _lists_inside_become_tuples), "278"),
    (_at(0, _values_become_tuples), "722"),
    (_at(0, _sets), "115"),
    (_at(0, _Complex), "252"),
    (_at(1, tuple), "106 750"),
    (_real_and_complex, "124"),
)
_RULES = {int(number): restore for restore, numbers in _TASKS for number in numbers.split()}


def _calls(asserts: str, entry_point: str) -> Iterator[list[Any]]:
    """The arguments of each call of the function in the asserts, as far as they are literals; `...` for the others."""
    tree = parse(asserts)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == entry_point:
            yield [_literal(argument) for argument in node.args]


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ...


def _is_of_its_type(given: Any, written: Any) -> bool:
    """Whether two values are the same container; numbers may differ in type, as 1 and 1.0 do in JSON."""
    if isinstance(written, list | tuple | set | dict):
        return type(given) is type(written)
    return written is ... or not isinstance(given, list | tuple | set | dict)


def _has_its_types(given: Any, written: Any) -> bool:
    """Whether two values are made of the same containers all the way down."""
    if not _is_of_its_type(given, written):
        return False
    if isinstance(written, dict):
        return all(_has_its_types(given[key], value) for key, value in written.items() if key in given)
    return not isinstance(written, list | tuple) or all(map(_has_its_types, given, written))
