"""The tests of one problem, compiled once for all its samples, and divided into units that are counted one by one."""

import ast
import builtins
import types
from collections.abc import Iterable
from typing import Any

from .batched_calls import batched_calls
from .judging import JUDGING_NAMES, LIBRARY_NAMES, MODULE_NAMES, with_our_own_judgements
from .reading import TESTS_FILE, read


class Suite:
    """The compiled tests of one problem; raises SyntaxError when they do not compile.

    All samples of the problem share it, so nothing here may hold what a sample sent.
    """

    def __init__(self, source: dict[str, Any]) -> None:
        self.entry_point: str | None = source["entry_point"]
        self.may_shadow = frozenset(source["may_shadow"])
        self.functions = frozenset(source["functions"])
        """Names under which the problem asks for a function, not for a class."""
        self.helpers = _defined_by(source["starter"]) - {self.entry_point}
        self.starter = self._compiled(source["starter"] if self.helpers else "", "starter.py")
        self.setup = self._compiled(source["setup"], "setup.py")
        self.kind: str = source["kind"]
        trees = [with_our_own_judgements(ast.parse(code, TESTS_FILE)) for code in source["code"]]
        self.batched_calls = batched_calls(trees, self.kind, self.entry_point, ast.parse(source["setup"]))
        if self.kind in ("check", "program"):
            self.count = sum(_mark_units(tree, inside_check=self.kind == "check") for tree in trees)
        else:
            self.count = len(trees) if self.kind == "asserts" else sum(map(_count_test_functions, trees))
        self.reading = read(trees, self.entry_point)
        self.harmless = self.kind in ("asserts", "check") and all(
            is_harmless(ast.parse(code)) for code in (source["setup"], source["starter"], *source["code"])
        )
        """Whether running it leaves no change behind, so that it needs no process of its own."""
        self.statements = [compile(tree, TESTS_FILE, "exec", dont_inherit=True) for tree in trees]
        self.names_used = _names_used([self.setup, *self.statements])
        self._defined = frozenset().union(*map(_defined_by, (source["setup"], *source["code"])))

    def may_take(self, names: Iterable[str]) -> list[str]:
        """Which names of a solution the tests may see: none that they define, and builtins only where asked for."""
        free = (name for name in names if not name.startswith("__") and name not in self._defined)
        return [name for name in free if name in self.may_shadow or name not in vars(builtins)]

    def takes_from_library(self, name: str) -> bool:
        """Whether the tests mean the library's function or module by a name that they do not define themselves."""
        if name not in self.reading.loaded or name in self.may_shadow or name in self.functions or name in self.helpers:
            return False
        if name in self.reading.looked_into and name in MODULE_NAMES:
            return True
        return name in JUDGING_NAMES or (name in LIBRARY_NAMES and name in self.reading.applied)

    @staticmethod
    def _compiled(code: str, name: str) -> types.CodeType:
        return compile(code, name, "exec", dont_inherit=True)


_MODULES_WITHOUT_STATE = frozenset(
    ["math", "cmath", "copy", "itertools", "functools", "typing", "collections", "re", "random"]
)
_REACHING = """
    __import__ breakpoint compile delattr dir eval exec exit getattr globals help input locals memoryview open quit
    setattr super type vars
"""
REACHING_NAMES = frozenset(_REACHING.split())
"""Builtins that reach more than the values they are given."""


def is_harmless(tree: ast.Module) -> bool:
    """Whether code imports only modules without state, uses no name that reaches further, and changes no object.

    It may read public attributes of modules and values (`math.isclose`, `random.randint`). What it draws from `random`
    begins anew each time. Its loops are bounded by the data or by the clock.
    """
    return all(map(_node_is_harmless, ast.walk(tree)))


def _node_is_harmless(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return all(alias.name in _MODULES_WITHOUT_STATE for alias in names)
        case ast.ImportFrom(module=module):
            return module in _MODULES_WITHOUT_STATE
        case ast.Name(id=name):
            return name not in REACHING_NAMES and name != "print"
        case ast.Attribute(attr=name, ctx=context):
            return isinstance(context, ast.Load) and not name.startswith("_")
        case (
            ast.Global()
            | ast.Nonlocal()
            | ast.Delete()
            | ast.While()
            | ast.Try()
            | ast.AsyncFunctionDef()
            | ast.Await()
        ):
            return False
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            return not decorators
    return True


def _defined_by(code: str) -> set[str]:
    """Names that a program defines at its top level; none if it does not parse (if it ends inside a class, say)."""
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return set()
    defined = {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    imports = [alias for node in body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return defined | names | {(alias.asname or alias.name).partition(".")[0] for alias in imports}


def _names_used(codes: list[types.CodeType]) -> frozenset[str]:
    names: set[str] = set()
    pending = list(codes)
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(names)


def _mark_units(tree: ast.Module, *, inside_check: bool) -> int:
    """Wrap each outermost statement that asserts in `with __unit__:` and return how many those are.

    `inside_check`: those of the function `check`, not those of the module.
    """
    bodies = [tree.body]
    if inside_check:
        bodies = [node.body for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    count = 0
    for body in bodies:
        for index, node in enumerate(body):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) or not _asserts(node):
                continue
            unit = ast.With([ast.withitem(ast.Name("__unit__", ast.Load()))], [node])
            body[index] = ast.fix_missing_locations(ast.copy_location(unit, node))
            count += 1
    return count


def _asserts(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Assert) for inner in ast.walk(node))


def _count_test_functions(tree: ast.Module) -> int:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return sum(node.name.startswith("test") for node in functions)
