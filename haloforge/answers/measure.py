"""How much a program does: what tells a whole program from comments, declarations and constants.

The time is linear in the length of the code, of which at most `LENGTH_LIMIT` characters are read.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from haloforge.answers.blocks import NUMBER, TEXT, TYPES, Statement, read_blocks
from haloforge.answers.top_level import OUTSIDE, is_definition
from haloforge.languages import Language, language_of
from haloforge.python_source import parse

LENGTH_LIMIT = 1 << 20
"""Characters of a program that are looked at."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLACEHOLDERS = _words("todo unimplemented unreachable panic NotImplementedError exit _exit quit abort")
"""What stands where a program is yet to be written, or only ends it."""
_WRAPPERS = _words("Ok Some Err")
_CONSTANTS = _words("true false nullptr NULL nil None EXIT_SUCCESS EXIT_FAILURE") | {TEXT, NUMBER}
_BRANCHES = _words("if for while switch match loop do select go defer throw goto")
_BEFORE_CALLS = _BRANCHES | _words("return else in case co_return new delete move range await not and or")
_NOT_CALLED = _BEFORE_CALLS | TYPES | _PLACEHOLDERS | _words("sizeof catch func fn function main decltype")
_DECLARES = _words("let const static type var use mod struct enum import fn func trait impl using")
_STEPS = frozenset({"++", "--", "<-"})
_NO_OPERANDS = TYPES | _PLACEHOLDERS | _WRAPPERS | _BRANCHES
_ASSIGNS = frozenset({"=", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="})
_COMPUTES = frozenset({"<<", "+", "-", "/", "%", "==", "!=", "<=", ">=", "||", "?"})
"""Operators that no declaration of C or C++ contains outside of its value."""


@dataclass(frozen=True, slots=True)
class Substance:
    """How often a program does something: its statements, and its calls of functions, methods and macros.

    A statement counts when it calls, computes, branches, or assigns or returns something other than a constant.
    Comments, imports, declarations, empty bodies, what only ends the program and placeholders such as `todo!()` count
    nothing.
    """

    statements: int
    calls: int
    outside: int = 0
    """Of the statements, those outside of functions that run; only where a program needs no `main`."""

    @property
    def is_hollow(self) -> bool:
        """Whether the program does nothing at all."""
        return not self.statements


def substance(code: str, language: str) -> Substance:
    """What a program does. In a language that we cannot read every line that is not empty counts as a statement."""
    known, code = language_of(language), code[:LENGTH_LIMIT]
    if known.syntax == "python":
        return _of_python(code)
    if known.syntax == "braces":
        statements = read_blocks(code, known).statements
        calls = [_calls(statement.tokens, known) for statement in statements]
        acts = [bool(count) or _acts(s, known) for s, count in zip(statements, calls, strict=True)]
        return Substance(sum(acts), sum(calls), sum(map(_runs_outside, statements, acts)))
    return Substance(sum(bool(line.strip()) for line in code.splitlines()), 0)


def defines(code: str, name: str, language: str) -> bool:
    """Whether a program has a function or type of that name with a body; in Python, whether it binds the name."""
    known, code = language_of(language), code[:LENGTH_LIMIT]
    if known.syntax == "python":
        tree = parse(code)
        return tree is not None and any(name in _bound_by(node) for node in ast.walk(tree))
    if known.definition:
        return re.search(known.definition.format(name=re.escape(name)), code, re.MULTILINE) is not None
    return name in read_blocks(code, known).names


def _runs_outside(statement: Statement, acts: bool) -> bool:
    return acts and statement.function == OUTSIDE and not is_definition(statement.tokens)


def _of_python(code: str) -> Substance:
    tree = parse(code)
    if tree is None:
        return Substance(0, 0)
    nodes = list(ast.walk(tree))
    calls = sum(isinstance(n, ast.Call) and _name_of(n.func) not in _PLACEHOLDERS for n in nodes)
    return Substance(sum(isinstance(n, ast.stmt) and _counts(n) for n in nodes), calls)


def _counts(statement: ast.stmt) -> bool:
    """Whether a statement of Python does something. What stands in a body counts by itself."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global() | ast.Nonlocal():
            return False
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return False
        case ast.Raise(exc=raised):
            return _name_of(raised.func if isinstance(raised, ast.Call) else raised) not in _PLACEHOLDERS
        case ast.Expr(value=ast.Call(func=called)):
            return _name_of(called) not in _PLACEHOLDERS
        case ast.Expr(value=value) | ast.Assign(value=value):
            return not _is_constant(value)
        case ast.Return(value=value) | ast.AnnAssign(value=value):
            return not (value is None or _is_constant(value))
        case _:
            return True


def _is_constant(value: ast.expr) -> bool:
    """Whether it names nothing: a number, a text, an empty list, a list of numbers."""
    return not any(isinstance(node, ast.Name | ast.Call | ast.Lambda) for node in ast.walk(value))


def _name_of(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name


def _acts(statement: Statement, language: Language) -> bool:
    """Whether a statement without calls does something."""
    tokens = statement.tokens
    assignment = next((place for place, token in enumerate(tokens) if token in _ASSIGNS), None)
    if tokens[0] in _BRANCHES or _STEPS.intersection(tokens):
        return True
    if assignment is not None:
        target, value = tokens[:assignment], tokens[assignment + 1 :]
        is_new = tokens[assignment] == ":=" or _declares(target)
        if statement.function == "main" and (is_new or target == ["_"]):
            return len(_operands(value)) > 1  # `x = y` and no more
        return bool(_names(value)) or not is_new
    if tokens[0] in ("return", "co_return"):
        return _gives(tokens[1:], statement)
    if language.function_keyword:
        return statement.is_last and tokens[0] not in _DECLARES and _gives(tokens, statement)
    if ">>" in tokens and "<" not in tokens[: tokens.index(">>")]:  # which does not close the arguments of a template
        return True
    return bool(_COMPUTES.intersection(tokens)) and len(_operands(tokens)) > 1


def _gives(value: Sequence[str], statement: Statement) -> bool:
    """Whether a value was computed, or is one of the function's own: what `main` gives back is only an exit code."""
    return bool(_names(value)) and (statement.function != "main" or len(_operands(value)) > 1)


def _declares(target: Sequence[str]) -> bool:
    """Whether what stands before a `=` declares: `let x`, `int x`, `Foo *p`, but not `x`, `*p` or `a[i].b`."""
    if target[:1] and target[0] in _DECLARES | TYPES:
        return True
    depth = 0
    for before, token in zip(target, target[1:], strict=False):
        depth += (before in ("[", "(")) - (before in ("]", ")"))
        if depth == 0 and token.isidentifier() and (before.isidentifier() or before in ("*", "&", "&&", ">", ">>")):
            return target[0].isidentifier()
    return False


def _operands(tokens: Sequence[str]) -> list[str]:
    """Names and constants, without the types among them, and of a path only its last part."""
    return [
        token
        for place, token in enumerate(tokens)
        if (token.isidentifier() or token in (TEXT, NUMBER))
        and token not in _NO_OPERANDS
        and tokens[place + 1 : place + 2] != ["::"]
    ]


def _names(tokens: Sequence[str]) -> list[str]:
    return [token for token in _operands(tokens) if token not in _CONSTANTS]


def _calls(tokens: Sequence[str], language: Language) -> int:
    """How many names have an argument list behind them, without the names of what is declared here."""
    has_keyword = bool(language.function_keyword)
    angle = tokens.index("<") if "<" in tokens else len(tokens)
    count = 0
    for place in range(1, len(tokens)):
        if has_keyword and place > 1 and tokens[place - 1] == "!" and tokens[place] in "([":  # a macro of Rust
            count += tokens[place - 2].isidentifier() and tokens[place - 2] not in _NOT_CALLED
        elif language.runs_top_level and tokens[place - 1 : place + 1] == [")", "("]:  # a function called at once
            count += 1
        elif tokens[place] == "(" and tokens[place - 1].isidentifier() and tokens[place - 1] not in _NOT_CALLED:
            before = tokens[place - 2] if place > 1 else ""
            follows_type = before.isidentifier() or (before in (">", ">>") and angle < place)
            is_declared = not has_keyword and follows_type and before not in _BEFORE_CALLS
            is_empty = tokens[place - 1] in _WRAPPERS and not _names(tokens[place + 1 : place + 8])
            count += not is_declared and not is_empty
    return count
