"""What the text of the tests says about them: whether they judge by truth values, and what they read a second time."""

import ast
import builtins
import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

TESTS_FILE = "tests.py"
"""The file name under which tests are compiled."""
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant)
_TRUTH = ("assertTrue", "assertFalse", "bool")
_CARRIERS = frozenset(["map", "filter", "sorted", "max", "min", "reduce", "partial", "starmap", "iter", "next"])
"""Functions that hand their arguments on to a function which is one of them."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What stands in the tests of one problem."""

    asks_truth: bool = False
    """Whether the truth value of something else than a comparison, or a call by a plain name, decides anywhere."""
    keeps_arguments: bool = False
    """Whether they may read again what they passed to a function, for instance to compute what they expect."""
    harmless_blocks: frozenset[int] = frozenset()
    """Lines of `with` statements in which nothing is judged: an exception that ends one skips no test."""
    loaded: frozenset[str] = frozenset()
    """Names that they read."""
    looked_into: frozenset[str] = frozenset()
    """Those of them of which they read an attribute."""
    applied: frozenset[str] = frozenset()
    """Names of functions that they apply to what the entry point returns, or to the entry point."""
    asks_identity: bool = False
    """Whether they ask if two values are one object."""


NOTHING_READ = Reading()


def read(trees: Sequence[ast.Module], entry_point: str | None) -> Reading:
    """Read the tests of one problem, once `judging` has put its own judgements into them."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = _imported(nodes)
    withs = (node for node in nodes if isinstance(node, ast.With | ast.AsyncWith))
    lines: dict[bool, set[int]] = {True: set(), False: set()}
    for node in withs:
        lines[_judges(node.body)].update({node.lineno, *(item.context_expr.lineno for item in node.items)})
    return Reading(
        asks_truth=any(_is_asked(expression, modules) for node in nodes for expression in _decided_by(node)),
        keeps_arguments=any(_keeps(tree, modules) for tree in trees),
        harmless_blocks=frozenset(lines[False] - lines[True]),
        applied=frozenset(_applied(nodes, {entry_point, *_parameters_of_check(trees)})),
        asks_identity=any(map(_asks_identity, nodes)),
        looked_into=frozenset(
            n.value.id for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        ),
        loaded=frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)),
    )


def _imported(nodes: Iterable[ast.AST]) -> frozenset[str]:
    imports = (alias for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    return frozenset((alias.asname or alias.name).partition(".")[0] for alias in imports) - {"solution"}


def _parameters_of_check(trees: Iterable[ast.Module]) -> list[str]:
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [a.arg for function in functions if function.name == "check" for a in function.args.args]


def _applied(nodes: Iterable[ast.AST], entry_points: set[str | None]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            inside = (inner for argument in node.args for inner in ast.walk(argument))
            if any(isinstance(inner, ast.Name) and inner.id in entry_points for inner in inside):
                yield node.func.id


def _asks_identity(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and name_of(node.func) in ("__same__", "assertIs", "assertIsNot", "id")


def _judges(body: Iterable[ast.stmt]) -> bool:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Assert):
                return True
            if isinstance(node, ast.Call) and name_of(node.func).startswith(("assert", "fail", "raises")):
                return True
    return False


def name_of(function: ast.expr) -> str:
    """The last name of what is called: `c` of `a.b.c`; empty where it has none."""
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _decided_by(node: ast.AST) -> Iterator[ast.expr]:
    """Expressions whose truth value decides something here."""
    match node:
        case ast.Assert(test=test) | ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test
        case ast.comprehension(ifs=conditions):
            yield from conditions
        case ast.Call(func=function, args=[argument, *_]) if name_of(function) in _TRUTH:
            yield argument
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp(elt=each) | ast.ListComp(elt=each)]):
            yield each
        case ast.Call(func=ast.Name(id="any" | "all" | "filter"), args=[*_, argument]):
            yield argument


def _is_asked(expression: ast.expr, modules: frozenset[str]) -> bool:
    match expression:
        case ast.BoolOp(values=values):
            return any(_is_asked(value, modules) for value in values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _is_asked(operand, modules)
        case ast.NamedExpr(value=value) | ast.Await(value=value):
            return _is_asked(value, modules)
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name not in modules
        case ast.Call(func=ast.Attribute()) | ast.Attribute() | ast.Name() | ast.Subscript():
            return True
    return False


def _keeps(tree: ast.Module, modules: frozenset[str]) -> bool:
    scopes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))]
    return any(_Scope(scope).keeps_an_argument(modules) for scope in reversed(scopes))


class _Scope:
    """Which names one function, or the module, reads how often, and what each was made from."""

    def __init__(self, node: ast.AST) -> None:
        self._nodes = list(ast.walk(node))
        self._is_module = isinstance(node, ast.Module)
        self._reads = Counter(key for n in self._nodes if (key := _key(n)))
        self._sources: dict[str, set[str]] = {}
        others: set[str] = set()
        for inner in self._nodes:
            for target, value in _bindings(inner):
                stored, made_from = set(_keys_in(target, stored=True)), set(_keys_in(value))
                for name in stored:
                    self._sources.setdefault(name, set()).update(made_from)
                if not isinstance(value, _DISPLAYS):
                    others |= stored
        self._displays = self._sources.keys() - others
        """Names that stand for nothing but lists, sets and dictionaries of the tests: their methods are no solution."""
        arguments = (a for n in self._nodes if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs))
        self._own = {argument.arg for argument in arguments} | self._sources.keys()

    def keeps_an_argument(self, modules: frozenset[str]) -> bool:
        """Whether a call here is given a value that is read again."""
        plain = modules | self._displays
        calls = (node for node in self._nodes if isinstance(node, ast.Call) and _may_be_of_solution(node, plain))
        given = {key for call in calls for key in _arguments_of(call)}
        return any(self._is_kept(key, set()) for key in given if self._is_module or key in self._own)

    def _is_kept(self, key: str, seen: set[str]) -> bool:
        if key in seen:
            return False
        seen.add(key)
        return self._reads[key] > 1 or any(self._is_kept(source, seen) for source in self._sources.get(key, ()))


def _key(node: ast.AST) -> str:
    """`x` for a name that is read, `self.x` for an attribute of a test case."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return node.id if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != "self" else ""


def _keys_in(node: ast.AST, *, stored: bool = False) -> Iterator[str]:
    """Names in an expression, but for those of functions that it calls."""
    if isinstance(node, ast.Name):
        if node.id != "self" and (not stored or isinstance(node.ctx, ast.Store)):
            yield node.id
    elif isinstance(node, ast.Attribute) and _key(node):
        yield _key(node)
    else:
        called = node.func if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        for child in ast.iter_child_nodes(node):
            if child is not called:
                yield from _keys_in(child, stored=stored)


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield target, value
        case ast.NamedExpr(target=target, value=value):
            yield target, value


def _may_be_of_solution(call: ast.Call, plain: frozenset[str]) -> bool:
    match call.func:
        case ast.Name(id=name):
            return name not in vars(builtins) or name in _CARRIERS
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return attribute in _CARRIERS or (name not in plain and not attribute.startswith("assert"))
    return True


def _arguments_of(call: ast.Call) -> Iterator[str]:
    """Names in the arguments, but for those in calls within them: what those return is new."""
    pending: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while pending:
        node = pending.pop()
        if key := _key(node):
            yield key
        elif not isinstance(node, ast.Call | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))
