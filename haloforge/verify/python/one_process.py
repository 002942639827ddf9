"""Which tests have to run in one process with the solution: what they do to it, or with what it gives them, says so.

Either they patch, capture or inspect it, which only works from within; or they execute what it returns or leaves in a
file, which must not happen where other verdicts are made.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Sequence

from haloforge.python_source import parse

_OF_SOLUTION = re.compile(
    r"\bcapsys\b|\bmonkeypatch\.(?:setenv|delenv)\(|\bmonkeypatch\.setattr\(\s*(?:solution,|[\"']solution\.)"
    r"|\b(?:mock\.)?patch\(\s*[\"']solution\.|\b(?:mock\.)?patch\.object\(\s*solution,|\bmonkeypatch(?=\s*[,):])"
    r"|\bfrom unittest import mock\b|\bunittest\.mock\b|\bmock\.(?:Mock|MagicMock|call|ANY|sentinel)\b"
)
"""What tests may do to a solution, or to what they pass to it, from another process."""
_NEEDS_ONE_PROCESS = re.compile(
    r"\bmock\b|\bmonkeypatch\b|\bpatch\(|\bpatch\.\w+\(|\bcapfd\b|\bredirect_std|\binspect\."
    r"|\bsys\.(stdout|stdin|modules)\b"
    r"|\bimportlib\b|\bsetattr\(|\b__(code|globals)__\b|\b(asdict|astuple|is_dataclass)\("
    r"|\bcaplog\b|\bassert(?:No)?Logs\b|\bassertWarns(?:Regex)?\b|\bwarns\(|\bcatch_warnings\(\s*record"
    r"|\bget_type_hints\b|\bdataclasses\.\w+\("
    r"|(?<![.\w])(eval|exec|compile|__import__)\(|\b(pickle|marshal)\b"
)
_RUN_TEXT = frozenset({"eval", "exec", "compile", "__import__"})
"""Builtins that execute a text, or load what it names."""
_RUNNING_MODULES = frozenset(
    ["shelve", "runpy", "doctest", "code", "codeop", "dill", "cloudpickle", "joblib", "zipimport", "pydoc", "bdb"]
    + ["pdb", "trace", "cProfile", "profile", "imp"]
)
"""Modules that execute a text, a file or an object."""
_RUNNING_NAMES = frozenset(["read_pickle", "to_pickle", "allow_pickle", "resolve_name", "dictConfig", "fileConfig"])
"""Functions and options that do."""
_TIMED = frozenset({"timeit", "repeat", "Timer"})
"""Functions of `timeit` that run a text; a function is run too, but where it belongs."""


def needs_one_process(texts: Sequence[str]) -> bool:
    """Whether any of these parts of a problem's tests does."""
    return any(_NEEDS_ONE_PROCESS.search(_OF_SOLUTION.sub("", text)) or _needs_by_tree(text) for text in texts)


def _needs_by_tree(text: str) -> bool:
    tree = parse(text)
    if tree is None:
        return False
    nodes = list(ast.walk(tree))
    return _derive_from_solution(nodes) or any(map(_executes, nodes)) or _fills_in_an_answer(nodes)


def _derive_from_solution(nodes: Sequence[ast.AST]) -> bool:
    """Whether tests define a class below one that they do not define or import from anywhere but the solution."""
    bases = {base.id for n in nodes if isinstance(n, ast.ClassDef) for base in n.bases if isinstance(base, ast.Name)}
    if not bases:
        return False
    imports = [
        n for n in nodes if isinstance(n, ast.ImportFrom) and n.module != "solution" or isinstance(n, ast.Import)
    ]
    known = {(alias.asname or alias.name).partition(".")[0] for n in imports for alias in n.names}
    known |= {n.name for n in nodes if isinstance(n, ast.ClassDef)}
    known |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return bool(bases - known - vars(builtins).keys())


def _executes(node: ast.AST) -> bool:
    """Whether this may execute a text or an object, whatever it is called by: `map(eval, answers)`, `run = exec`."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()):
            return name in _RUN_TEXT
        case ast.Attribute(value=ast.Name(id="builtins" | "__builtins__"), attr=name):
            return name in _RUN_TEXT
        case ast.Attribute(attr=name) | ast.keyword(arg=name) if name in _RUNNING_NAMES:
            return True
        case ast.Import(names=names):
            return any(_top(alias.name) in _RUNNING_MODULES for alias in names)
        case ast.ImportFrom(module=module, names=names):
            return _top(module or "") in _RUNNING_MODULES or any(alias.name in _RUNNING_NAMES for alias in names)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="timeit"), attr=name), args=[ran, *_]):
            return name in _TIMED and not isinstance(ran, ast.Lambda | ast.Name)
    return False


def _top(module: str) -> str:
    return module.partition(".")[0]


def _fills_in_an_answer(nodes: Sequence[ast.AST]) -> bool:
    """Whether tests call `format` of a text that is not their own: its fields reach into what is filled in."""
    called_on = [n.value for n in nodes if isinstance(n, ast.Attribute) and n.attr in ("format", "format_map")]
    if not called_on:
        return False
    own = {name for node in nodes for name in _texts_of_tests(node)}
    others = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} - own
    modules = {alias.asname or alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names}
    return any(_is_answer(text, others, modules) for text in called_on)


def _texts_of_tests(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant | ast.JoinedStr | ast.BinOp):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _is_answer(text: ast.expr, others: set[str], modules: set[str]) -> bool:
    """Whether a text may be what the solution returned."""
    match text:
        case ast.Call(func=ast.Name(id=name)):
            return name not in vars(builtins)
        case ast.Call(func=ast.Attribute(value=ast.Constant() | ast.JoinedStr())):
            return False
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
            return name not in modules
        case ast.Name(id=name):
            return name in others
    return isinstance(text, ast.Call)
