"""Calls that tests make whatever the solution answers: they are asked for in one message, not one by one.

Every question and answer wakes a process up, which costs more than most answers. What the solution learns earlier
than it would have is the arguments of later calls, never one of which is what an earlier call was to answer.
"""

import ast
import builtins
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..protocol import codec

_SOMETIMES = ast.BoolOp | ast.IfExp | ast.Lambda | ast.comprehension | ast.NamedExpr
"""What is in one of these may be evaluated, or not, or several times."""


class _Unsure(Exception):
    """From here on it depends."""


def foreseen_calls(
    trees: Sequence[ast.Module], kind: str, entry_point: str | None, setup: ast.Module | None = None
) -> list[list[Any]]:
    """The encoded arguments of each call of the entry point, in the order of the tests, up to where it depends."""
    calls: list[list[Any]] = []
    if entry_point is None:
        return calls
    names, top = {entry_point}, [node for tree in trees for node in tree.body]
    statements: Sequence[ast.stmt] = top
    if kind == "check":
        check = next((node for node in top if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
        if check is None or len(check.args.args) != 1:
            return calls
        names, statements = names | {check.args.args[0].arg}, check.body
    own = {"__same__", *vars(builtins), *_imported([*(setup.body if setup else ()), *top, *statements])}
    known: list[Any] = []
    answers: list[Any] = []
    """What the calls so far may have to answer, but for what the solution had been given by then."""
    for statement in statements:
        try:
            made = list(_calls_of(statement, names, own))
            given = [argument for arguments in made for argument in arguments]
            if any(argument in answers for argument in given):
                break
            calls += [[codec.encode(argument, _no_handle) for argument in arguments] for arguments in made]
        except (_Unsure, ValueError, TypeError, RecursionError, MemoryError):
            break
        own |= _stored(statement)
        known += given
        answers += [value for value in _literals_in(statement, names) if value not in known]
    return calls


def _imported(statements: Iterable[ast.stmt]) -> set[str]:
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}


def _stored(statement: ast.stmt) -> set[str]:
    return {
        inner.id for inner in ast.walk(statement) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


def _calls_of(statement: ast.stmt, names: set[str], own: set[str]) -> Iterator[list[Any]]:
    """Arguments of each. `own` are names that lead to nothing of the solution's.

    Raises _Unsure, or what literal_eval raises for arguments that are no literals.
    """
    used = {inner.id for inner in ast.walk(statement) if isinstance(inner, ast.Name)}
    if used - names - own - _stored(statement):
        raise _Unsure  # another function of the solution, say, which may change what its next answer is
    if isinstance(statement, ast.Assert):  # its message may call too, but only when the test has failed
        yield from _calls_in(statement.test, names)
    elif not isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign) or used & names:
        raise _Unsure


def _calls_in(node: ast.AST, names: set[str]) -> Iterator[list[Any]]:
    """In the order of evaluation."""
    if isinstance(node, ast.Call) and _is_of(node, names):
        if node.keywords:
            raise _Unsure
        yield [ast.literal_eval(argument) for argument in node.args]
        return
    sometimes = isinstance(node, _SOMETIMES) or (isinstance(node, ast.Compare) and len(node.ops) > 1)
    if (sometimes and _mentions(node, names)) or (isinstance(node, ast.Name) and node.id in names):
        raise _Unsure
    for child in ast.iter_child_nodes(node):
        yield from _calls_in(child, names)


def _literals_in(node: ast.AST, names: set[str]) -> Iterator[Any]:
    """Values that are written down, but as arguments of calls of the solution; the whole of each."""
    if isinstance(node, ast.Call) and _is_of(node, names):
        return
    if isinstance(node, ast.expr):
        with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            yield ast.literal_eval(node)
            return
    for child in ast.iter_child_nodes(node):
        yield from _literals_in(child, names)


def _is_of(call: ast.Call, names: set[str]) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in names


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in names for inner in ast.walk(node))


def _no_handle(value: Any) -> dict[str, Any]:
    raise ValueError(value)
