"""What the text of the tests says about them: whether they judge by truth values, and what they read a second time."""

import ast
import builtins
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

TESTS_FILE = "tests.py"
"""The file name under which tests are compiled."""
_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant)
_EXITS = ("SystemExit", "KeyboardInterrupt", "BaseException")
_TRUTH = ("assertTrue", "assertFalse", "bool")
_CARRIERS = frozenset(["map", "filter", "sorted", "max", "min", "reduce", "partial", "starmap", "iter", "next"])
"""Functions that hand their arguments on to a function which is one of them."""
_HAND_ON = frozenset(
    ["abs", "complex", "dict", "float", "int", "iter", "len", "list", "max", "min", "next", "round", "set"]
    + ["str", "sum", "tuple"]
)
"""Functions whose result is true or false as what they are given is."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """What stands in the tests of one problem."""

    asks_truth: bool = False
    """Whether the truth value of something else than a comparison, or a call by a plain name, decides anywhere."""
    keeps_arguments: bool = False
    """Whether they may read again what they passed to a function, for instance to compute what they expect."""
    compares_arguments: bool = False
    """Whether they compare what they gave to the solution with what else they gave it, or with what it says."""
    harmless_blocks: frozenset[int] = frozenset()
    """Lines of `with` statements in which nothing is judged: an exception that ends one skips no test."""
    loaded: frozenset[str] = frozenset()
    """Names that they read."""
    looked_into: frozenset[str] = frozenset()
    """Those of them of which they read an attribute."""
    applied: frozenset[str] = frozenset()
    """Names of functions that they apply to what the entry point returns, or to the entry point."""
    expects_exit: bool = False
    """Whether they name what ends a program: SystemExit, KeyboardInterrupt or BaseException."""
    seeks: bool = False
    """Whether they go back in a file, or in a stream."""
    asks_identity: bool = False
    """Whether they ask if two values are one object."""


NOTHING_READ = Reading()


def read(trees: Sequence[ast.Module], entry_point: str | None) -> Reading:
    """Read the tests of one problem, once `judging` has put its own judgements into them."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules, helpers, scopes = _imported(nodes), _returned_by(nodes), _scopes_of(trees)
    plain = modules.union(*(scope.displays for scope in scopes if scope.is_module))
    withs = (node for node in nodes if isinstance(node, ast.With | ast.AsyncWith))
    lines: dict[bool, set[int]] = {True: set(), False: set()}
    for node in withs:
        lines[_judges(node.body)].update({node.lineno, *(item.context_expr.lineno for item in node.items)})
    return Reading(
        asks_truth=any(Asked(plain, helpers).is_asked(e) for node in nodes for e in _decided_by(node)),
        keeps_arguments=any(scope.keeps_an_argument(modules) for scope in scopes),
        compares_arguments=any(scope.compares_an_argument(modules, modules | _own_names(nodes)) for scope in scopes),
        harmless_blocks=frozenset(lines[False] - lines[True]),
        applied=frozenset(_applied(nodes, {entry_point, *_parameters_of_check(trees)})),
        asks_identity=any(map(_asks_identity, nodes)),
        looked_into=frozenset(
            n.value.id for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        ),
        expects_exit=any(isinstance(n, ast.Name) and n.id in _EXITS for n in nodes),
        seeks=any(isinstance(n, ast.Attribute) and n.attr in ("seek", "mmap", "memmap") for n in nodes),
        loaded=frozenset(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)),
    )


def _imported(nodes: Iterable[ast.AST]) -> frozenset[str]:
    imports = (alias for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    return frozenset((alias.asname or alias.name).partition(".")[0] for alias in imports) - {"solution"}


def _own_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    own: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module != "solution":
            own.update(alias.asname or alias.name for alias in node.names)
    return frozenset(own)


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
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(values=[*values, _]):
            yield from values
        case ast.match_case(guard=ast.expr() as guard):
            yield guard
        case ast.comprehension(ifs=conditions):
            yield from conditions
        case ast.Call(func=function, args=[argument, *_]) if name_of(function) in _TRUTH:
            yield argument
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp(elt=each) | ast.ListComp(elt=each)]):
            yield each
        case ast.Call(func=ast.Name(id="any" | "all" | "filter"), args=[*_, argument]):
            yield argument


def _returned_by(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """What the functions return that the tests define, by their names."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name):
                returns = (n.value for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None)
                found.setdefault(name, []).extend(returns)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda(body=body)):
                found.setdefault(name, []).append(body)
    return found


class Asked:
    """Tells where the truth value of an expression is that of what an object of the solution says."""

    def __init__(self, plain: frozenset[str], helpers: Mapping[str, Sequence[ast.expr]]) -> None:
        """`plain`: names of modules and of the tests' own containers; `helpers`: what functions of the tests return."""
        self._plain, self._helpers = plain, helpers
        self._seen: set[str] = set()

    def is_asked(self, expression: ast.expr) -> bool:
        """Neither a comparison, nor a call of a function by its name, nor made of such."""
        match expression:
            case ast.BoolOp(values=parts) | ast.Tuple(elts=parts):
                return any(map(self.is_asked, parts))
            case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
                return self.is_asked(one) or self.is_asked(other)
            case ast.UnaryOp(operand=part) | ast.NamedExpr(value=part) | ast.Await(value=part):
                return self.is_asked(part)
            case ast.Lambda(body=part) | ast.Call(func=ast.Lambda(body=part)):
                return self.is_asked(part)
            case ast.Call(func=ast.Name(id=name), args=parts):
                return self._is_asked_by(name, parts)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                return name not in self._plain
            case ast.Call(func=ast.Attribute()) | ast.Attribute() | ast.Name() | ast.Subscript():
                return True
        return False

    def _is_asked_by(self, name: str, arguments: Sequence[ast.expr]) -> bool:
        """Whether a function of the tests returns it, or one of the builtins hands it on."""
        if name in self._helpers:
            is_new = name not in self._seen
            self._seen.add(name)
            return is_new and any(map(self.is_asked, self._helpers[name]))
        if name in ("map", "filter", "starmap"):
            return isinstance(arguments[0], ast.Name | ast.Lambda) and self._is_asked_of_each(arguments[0])
        return name in _HAND_ON and any(map(self.is_asked, arguments))

    def _is_asked_of_each(self, function: ast.Name | ast.Lambda) -> bool:
        if isinstance(function, ast.Lambda):
            return self.is_asked(function.body)
        return any(map(self.is_asked, self._helpers.get(function.id, ())))


def _scopes_of(trees: Iterable[ast.Module]) -> "list[_Scope]":
    nodes = [(tree, node) for tree in trees for node in ast.walk(tree)]
    kept = frozenset(node.name for _, node in nodes if isinstance(node, ast.FunctionDef) and _hands_out(node))
    parts = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    return [_Scope(node, kept) for _, node in reversed(nodes) if isinstance(node, parts)]


def _hands_out(function: ast.FunctionDef) -> bool:
    """Whether every call of this function may return the same object: one that it keeps, or that is not its own."""
    if any("cache" in name_of(d.func if isinstance(d, ast.Call) else d) for d in function.decorator_list):
        return True
    nodes = list(ast.walk(function))
    own = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    returned = (n.value for n in nodes if isinstance(n, ast.Return))
    return any(isinstance(value, ast.Name) and value.id not in own for value in returned)


class _Scope:
    """Which names one function, or the module, reads how often, and what each was made from."""

    def __init__(self, node: ast.AST, handed_out: frozenset[str]) -> None:
        """`handed_out`: functions of the tests that may return the same object at every call."""
        self._nodes = list(ast.walk(node))
        self._handed_out = handed_out
        self.is_module = isinstance(node, ast.Module)
        self._reads = Counter(key for n in self._nodes if (key := _key(n)))
        self._reads.update(name for n in self._nodes if (name := self._handed_out_by(n)))
        self._sources: dict[str, set[str]] = {}
        others: set[str] = set()
        for inner in self._nodes:
            for target, value in _bindings(inner):
                stored, made_from = set(_keys_in(target, stored=True)), set(_keys_in(value))
                for name in stored:
                    self._sources.setdefault(name, set()).update(made_from)
                if not isinstance(value, _DISPLAYS):
                    others |= stored
        self.displays = self._sources.keys() - others
        """Names that stand for nothing but lists, sets and dictionaries of the tests: their methods are no solution."""
        arguments = (a for n in self._nodes if isinstance(n, ast.arguments) for a in (*n.args, *n.kwonlyargs))
        self._own = {argument.arg for argument in arguments} | self._sources.keys()

    def keeps_an_argument(self, modules: frozenset[str]) -> bool:
        """Whether a call here is given a value that is read again."""
        return any(self._is_kept(key, set()) for key in self._given(modules) if self.is_module or key in self._own)

    def compares_an_argument(self, modules: frozenset[str], own: frozenset[str]) -> bool:
        """Whether a value that is given to the solution is set against another one, or against what it says.

        `own`: functions and classes that the tests define, or take from elsewhere than from the solution.
        """
        given, plain = self._given(modules), own | self.displays | {"self"}
        for sides in map(_compared, self._nodes):
            keys = [given & set(_keys_in(side)) for side in sides]
            asked = [any(_is_answer(node, plain) for node in ast.walk(side)) for side in sides]
            for (one, _), (other, is_answer) in itertools.permutations(zip(keys, asked, strict=True), 2):
                if one and (is_answer or (other and one != other)):
                    return True
        return False

    def _given(self, modules: frozenset[str]) -> set[str]:
        """What is given to functions of the solution, or put into its objects."""
        plain = modules | self.displays
        calls = (node for node in self._nodes if isinstance(node, ast.Call) and _may_be_of_solution(node, plain))
        given = {key for call in calls for key in _arguments_of(call, self._handed_out_by)}
        return given | {key for node in self._nodes for key in _put_into_object(node)}

    def _handed_out_by(self, node: ast.AST) -> str:
        """`data()` for a call of that function, if what it returns need not be new."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self._handed_out:
            return f"{node.func.id}()"
        return ""

    def _is_kept(self, key: str, seen: set[str]) -> bool:
        if key in seen:
            return False
        seen.add(key)
        return self._reads[key] > 1 or any(self._is_kept(source, seen) for source in self._sources.get(key, ()))


def _key(node: ast.AST) -> str:
    """`x` for a name that is read, also as `(x := ...)`, `self.x` for an attribute of a test case."""
    if isinstance(node, ast.NamedExpr):
        return node.target.id
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


def _arguments_of(call: ast.Call, handed_out_by: Callable[[ast.AST], str]) -> Iterator[str]:
    """Names in the arguments, but for those in calls within them: what those return is new, or `handed_out_by` them."""
    pending: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while pending:
        node = pending.pop()
        if key := _key(node) or handed_out_by(node):
            yield key
        elif not isinstance(node, ast.Call | ast.Lambda):
            pending.extend(ast.iter_child_nodes(node))


def _put_into_object(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Attribute | ast.Subscript) for t in node.targets):
        yield from filter(None, [_key(node.value)])


def _compared(node: ast.AST) -> Sequence[ast.expr]:
    """The sides of a comparison."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
        return node.args[:2]
    return ()


def _is_answer(node: ast.AST, plain: frozenset[str]) -> bool:
    """Whether this asks the solution: a call of a function that is no builtin, or an attribute of an object."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return name not in plain and name not in vars(builtins)
        case ast.Attribute(value=ast.Name(id=name)):
            return name not in plain
    return False
