"""Judgements in tests that are made by functions of ours instead, because Python would ask the solution, or nobody."""

import ast
import builtins
import importlib
import sys
import types
from collections.abc import Callable, Sized
from typing import Any

from ..protocol.library_types import MODULES
from .reading import name_of

_OF_ALL_ITEMS = frozenset(
    ["allclose", "all", "any", "array_equiv", "count_nonzero", "norm", "assert_allclose", "assert_almost_equal"]
    + ["assert_array_almost_equal", "assert_array_equal", "assert_array_less", "assert_equal"]
)
"""Functions of numpy that judge all items at once, or as many as there are."""
MODULE_NAMES = frozenset(["np", "numpy", "pytest", *sys.stdlib_module_names])
"""If tests use `name.attribute` with one of these and do not define it, they mean the library's module."""
JUDGING_NAMES = frozenset(["allclose", "deepcopy", "isclose", "isnan"])
"""Functions that compare: if tests do not define them, they mean the library's."""
LIBRARY_NAMES = JUDGING_NAMES | {
    name
    for module in MODULES
    for name, value in vars(importlib.import_module(module)).items()
    if not name.startswith("_") and not isinstance(value, types.ModuleType)
}
"""Those of all in the usual modules: tests mean these by them where they apply them to what the entry point returns."""


def with_our_own_judgements(tree: ast.Module) -> ast.Module:
    """With `__same__(a, b)` for each `a is b` whose sides are no constants: two proxies may be for one object.

    With `(StopIteration, __stopped__)` where the first is expected, since a call of the solution raises the other. And
    with `__whole__(f, ...)` for each call of a function that judges all items of an array at once.
    """

    class Replace(ast.NodeTransformer):
        def visit_Compare(self, node: ast.Compare) -> ast.expr:
            self.generic_visit(node)
            sides = (node.left, node.comparators[0])
            if len(node.ops) > 1 or not isinstance(node.ops[0], ast.Is | ast.IsNot):
                return node
            if any(isinstance(side, ast.Constant) for side in sides):
                return node
            same: ast.expr = ast.Call(ast.Name("__same__", ast.Load()), list(sides), [])
            return ast.copy_location(same if isinstance(node.ops[0], ast.Is) else ast.UnaryOp(ast.Not(), same), node)

        def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
            self.generic_visit(node)
            node.type = _with_stopped_calls(node.type)
            return node

        def visit_Call(self, node: ast.Call) -> ast.expr:
            self.generic_visit(node)
            if name_of(node.func) in ("raises", "assertRaises", "assertRaisesRegex", "suppress"):
                node.args = [_with_stopped_calls(argument) or argument for argument in node.args]
                return node
            match node.func:
                case ast.Attribute(attr=name) if name in _OF_ALL_ITEMS:
                    pass
                case ast.Name(id=name) if name in _OF_ALL_ITEMS and name not in vars(builtins):
                    pass
                case _:
                    return node
            whole = ast.Call(ast.Name("__whole__", ast.Load()), [node.func, *node.args], node.keywords)
            return ast.copy_location(whole, node)

    return ast.fix_missing_locations(Replace().visit(tree))  # type: ignore[no-any-return]


def _with_stopped_calls(expected: ast.expr | None) -> ast.expr | None:
    """`StopIteration` as the type of an exception that is expected, with what stands for it out of a call."""
    if not isinstance(expected, ast.Name) or expected.id != "StopIteration":
        return expected
    both: list[ast.expr] = [expected, ast.Name("__stopped__", ast.Load())]
    return ast.copy_location(ast.Tuple(both, ast.Load()), expected)


def on_the_whole(mark: Callable[[], None], function: Callable[..., Any], /, *given: Any, **options: Any) -> Any:
    """Call a function that judges all items; of nothing, everything is true, so that verdict is marked."""
    receiver = function.__self__ if hasattr(function, "__self__") else None
    lengths = [length for value in (receiver, *given[:2]) if (length := _length(value)) is not None]
    if 0 in lengths and any(lengths) or lengths == [0]:
        mark()
    return function(*given, **options)


def _length(value: Any) -> int | None:
    """How many items an array or list has; None for anything else."""
    if isinstance(value, str | type | types.ModuleType) or not isinstance(value, Sized):
        return None
    try:
        return len(value)
    except TypeError:  # a number in the shape of an array
        return None
