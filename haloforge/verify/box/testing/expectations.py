"""What the text of a test says that a solution should answer, and whether something else gives that away.

Values are compared by form: the text of every number and string in them, sorted, without case and sign. So `[3, 1, 2]`
gives away `(1, 2, 3)`, as does "1, 2, 3", and `sorted(f(x)) == [1, 2, 3]` is given away by any of them.
What was told before, in that very order, gives nothing away.
"""

import ast
import builtins
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_BETWEEN = "\0"
_SHORTEST_TEXT = 3
"""Characters from which on a text gives away what it contains."""
_WORD = re.compile(r"\d+\.\d+|\w+")
_MOST_WORDS = 100
_LARGEST_NUMBER, _LARGEST_POWER = 1 << 32, 64
_PURE = (set, frozenset, list, tuple, dict, sorted, float, int, str, bool, len, sum, min, max, abs, round, complex)
_FUNCTIONS: dict[str, Callable[..., Any]] = {function.__name__: function for function in _PURE}
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


Told = tuple[str, str]
"""Something that an argument tells: its form, and how it is written."""


@dataclass(frozen=True)
class Expected:
    """What some tests expect, by form. `are_known`: it all stands in their text, and needs no running to be told."""

    forms: frozenset[str] = frozenset()
    are_known: bool = True

    def are_in(self, told: set[Told]) -> bool:
        """Whether this gives an expectation away; nobody knows where those are not known."""
        if not self.are_known:
            return True
        forms = {form for form, _ in told}
        texts = [form for form in forms if _BETWEEN not in form and len(form) > _SHORTEST_TEXT]
        long = [form for form in self.forms if _BETWEEN not in form and len(form) >= _SHORTEST_TEXT]
        return not self.forms.isdisjoint(forms) or any(form in text for form in long for text in texts)

    def with_those_of(self, other: "Expected") -> "Expected":
        """Both."""
        return Expected(self.forms | other.forms, self.are_known and other.are_known)


def expected_in(statement: ast.stmt, names: set[str], calls: int) -> Expected:
    """What a statement may expect of the solution, which it calls by one of these names, so many times.

    Of several calls each may be meant by a single number in a list.
    """
    if not isinstance(statement, ast.Assert):
        return Expected()
    forms: set[str] = set()
    for node in _parts_without(statement.test, names):
        try:
            value = _value_of(node)
            forms |= {_form(part) for part in _parts_of(value) if calls > 1 or part is value or _items(part)}
        except (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError):
            return Expected(are_known=False)
    return Expected(frozenset(forms))


def told_by(arguments: Sequence[Any]) -> set[Told]:
    """What the arguments of one call tell: they together, each of them, and everything in them."""
    told = {(_form(part), repr(part)) for part in _parts_of(list(arguments))}
    return told | {(form, text) for part in _parts_of(list(arguments)) for form, text in _words_of(part)}


def _words_of(part: Any) -> Iterator[Told]:
    """The words and numbers of a text, and all of them together."""
    words = _WORD.findall(part)[:_MOST_WORDS] if isinstance(part, str) else []
    if len(words) > 1:
        yield from ((_form(told), part) for told in (words, *words))


def _parts_without(node: ast.AST, names: set[str]) -> Iterator[ast.expr]:
    """The largest expressions that do not mention the solution, apart from names of functions and types."""
    inside = [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    if isinstance(node, ast.Call):
        if not (isinstance(node.func, ast.Name) and node.func.id in names) and not names.isdisjoint(inside):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from _parts_without(argument, names)
            return
        if not names.isdisjoint(inside):
            return
    if isinstance(node, ast.expr) and names.isdisjoint(inside):
        if not (isinstance(node, ast.Name) and node.id in vars(builtins)):
            yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from _parts_without(child, names)


def _value_of(node: ast.expr) -> Any:
    """The value of an expression of literals. Raises ValueError or TypeError for what would have to be run."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value_of, args))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            one, other = _value_of(left), _value_of(right)
            if not all(isinstance(n, int | float) and abs(n) <= _LARGEST_NUMBER for n in (one, other)):
                raise ValueError("not a sum of numbers")
            if isinstance(sign, ast.Pow) and abs(other) > _LARGEST_POWER:
                raise ValueError("a large power")
            return _OPERATORS[type(sign)](one, other)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return list(map(_value_of, items))
    return ast.literal_eval(node)


def _parts_of(value: Any) -> Iterator[Any]:
    """The value and everything in it."""
    yield value
    for item in _items(value):
        yield from _parts_of(item)


def _form(value: Any) -> str:
    return _BETWEEN.join(sorted(_atoms(value)))


def _atoms(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple | set | frozenset | dict):
        for item in _items(value):
            yield from _atoms(item)
    elif isinstance(value, float) and value.is_integer():
        yield _without_sign(str(int(value)))
    else:
        yield _without_sign(str(value).casefold())


def _without_sign(text: str) -> str:
    """Of a number of one digit the sign is half of what there is to tell."""
    return text.removeprefix("-") if len(text) >= _SHORTEST_TEXT else text


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list | tuple | set | frozenset) else []
