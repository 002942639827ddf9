"""Calls that tests make whatever the solution answers: they are sent in one message, not one by one.

Every request and answer wakes up a process, which costs more than most answers. By a batch the solution learns the
arguments of later calls earlier. So a call is sent ahead only while all that earlier calls may have to answer is known
from the text of the tests, and nothing of it is among the arguments (see `expectations`).
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..protocol import codec
from .expectations import Expected, Told, expected_in, told_by

_CONDITIONAL = ast.BoolOp | ast.IfExp | ast.Lambda | ast.comprehension | ast.NamedExpr
"""What is in one of these may be evaluated, or not, or several times."""


class _Depends(Exception):
    """Which calls follow depends on what the solution answers."""


def batched_calls(
    trees: Sequence[ast.Module], kind: str, entry_point: str | None, setup: ast.Module | None = None
) -> list[list[Any]]:
    """The encoded arguments of each call of the entry point, in the order of the tests.

    Ends before the first statement whose calls depend on an answer.
    """
    top = [node for tree in trees for node in tree.body]
    names, statements = _called_names(top, kind, entry_point)
    if not names:
        return []
    harmless = {
        "__same__",
        "__whole__",
        *vars(builtins),
        *_imported([*(setup.body if setup else ()), *top, *statements]),
    }
    calls: list[list[Any]] = []
    given: set[Told] = set()
    """What the solution had been told by then, of which nothing is given away any more."""
    answers = Expected()
    for statement in statements:
        try:
            calls_here = list(_calls_of(statement, names, harmless))
            first, later = (set().union(*map(told_by, part)) for part in (calls_here[:1], calls_here[1:]))
            here = expected_in(statement, names, len(calls_here))
            if answers.are_in((first | later) - given) or (later and here.are_in(later - given - first)):
                break
            calls += [[codec.encode(argument, _no_handle) for argument in arguments] for arguments in calls_here]
        except (_Depends, ValueError, TypeError, RecursionError, MemoryError):
            break
        harmless |= _assigned(statement)
        given |= first | later
        answers = answers.with_those_of(here)
    return calls


def _called_names(top: Sequence[ast.stmt], kind: str, entry_point: str | None) -> tuple[set[str], Sequence[ast.stmt]]:
    """The names that stand for the entry point, and the statements that call it; no names if that cannot be told."""
    if entry_point is None:
        return set(), ()
    if kind != "check":
        return {entry_point}, top
    check = next((node for node in top if isinstance(node, ast.FunctionDef) and node.name == "check"), None)
    if check is None or len(check.args.args) != 1:
        return set(), ()
    return {entry_point, check.args.args[0].arg}, check.body


def _imported(statements: Iterable[ast.stmt]) -> set[str]:
    imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for node in imports for alias in node.names}


def _assigned(statement: ast.stmt) -> set[str]:
    return {
        inner.id for inner in ast.walk(statement) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
    }


def _calls_of(statement: ast.stmt, names: set[str], harmless: set[str]) -> Iterator[list[Any]]:
    """Arguments of each call. `harmless` are names that lead to nothing of the solution's.

    Raises _Depends, or what literal_eval raises for arguments that are no literals.
    """
    used = {inner.id for inner in ast.walk(statement) if isinstance(inner, ast.Name)}
    if used - names - harmless - _assigned(statement):
        raise _Depends  # another function of the solution, say, which may change what its next answer is
    if isinstance(statement, ast.Assert):  # its message may call too, but only when the test has failed
        yield from _calls_in(statement.test, names)
    elif not isinstance(statement, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign) or used & names:
        raise _Depends


def _calls_in(node: ast.AST, names: set[str]) -> Iterator[list[Any]]:
    """In the order of evaluation."""
    if isinstance(node, ast.Call) and _is_of(node, names):
        if node.keywords:
            raise _Depends
        yield [ast.literal_eval(argument) for argument in node.args]
        return
    conditional = isinstance(node, _CONDITIONAL) or (isinstance(node, ast.Compare) and len(node.ops) > 1)
    if (conditional and _mentions(node, names)) or (isinstance(node, ast.Name) and node.id in names):
        raise _Depends
    for child in ast.iter_child_nodes(node):
        yield from _calls_in(child, names)


def _is_of(call: ast.Call, names: set[str]) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in names


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in names for inner in ast.walk(node))


def _no_handle(value: Any) -> dict[str, Any]:
    raise ValueError(value)
