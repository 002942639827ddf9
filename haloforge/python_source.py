"""Facts about Python source text: its syntax tree, the names it defines, its statements. Standard library only."""

import ast
import builtins
import inspect
import itertools
import re
import threading
import warnings
from collections.abc import Iterable

_LEADING_WHITESPACE = re.compile(r"^[ \t]+", re.MULTILINE)
_PARSE_LOCK = threading.Lock()
"""One thread at a time: `warnings.catch_warnings` changes the filters of the whole process, and in Python 3.11 two
threads in `ast.parse` share one depth counter, which ends in a SystemError ("recursion depth mismatch")."""


def parse(code: str) -> ast.Module | None:
    """The syntax tree; None where the text is not Python. Prints no warnings and may be called from any thread."""
    try:
        return tree_of(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def tree_of(code: str) -> ast.Module:
    """As `parse`, but raises SyntaxError, ValueError, RecursionError or MemoryError where the text is not Python."""
    with _PARSE_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # code that others wrote often has invalid escape sequences
        return ast.parse(code)


def defined_names(code: str) -> list[str]:
    """Names of the functions and classes at the top level, in order; empty where the text is not Python."""
    tree = parse(code)
    body = tree.body if tree else []
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def texts_under_names(code: str) -> dict[str, str]:
    """Of the class that the text is: the string that stands under an annotated name, by that name."""
    (made,) = tree_of(code).body
    return {
        named.target.id: inspect.cleandoc(said.value.value)
        for named, said in itertools.pairwise(made.body if isinstance(made, ast.ClassDef) else ())
        if isinstance(named, ast.AnnAssign) and isinstance(named.target, ast.Name)
        if isinstance(said, ast.Expr) and isinstance(said.value, ast.Constant) and isinstance(said.value.value, str)
    }


def bound_at_top(nodes: Iterable[ast.stmt]) -> set[str]:
    """The names that these statements define, assign or import, without those in their bodies."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return names


def unbound_names(tree: ast.AST) -> set[str]:
    """The names that this code uses, and neither binds anywhere nor finds among the builtins."""
    used, bound = set[str](), set(vars(builtins)) | {"__file__"}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                bound.add(name)
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                bound.add(name)
            case ast.stmt():
                bound |= bound_at_top([node])
    return used - bound


def entry_point_of(assertion: str, solution: str | None) -> str | None:
    """The function that an assert tests: the first called name that the solution defines.

    Without a solution, it is the first called name that is not a builtin. None where there is no such name.
    """
    tree = parse(assertion)
    if tree is None:
        return None
    called = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    if solution is None:
        return next((name for name in called if name not in vars(builtins)), None)
    defined = set(defined_names(solution))
    return next((name for name in called if name in defined), None)


def statements(code: str) -> tuple[str, ...]:
    """The source of each top-level statement; empty where the text is not Python."""
    tree = parse(code)
    return tuple(ast.get_source_segment(code, node) or "" for node in tree.body) if tree else ()


def without_function(code: str, name: str) -> str:
    """The top-level statements except the function `name`; empty where the text is not Python."""
    tree = parse(code)
    if tree is None:
        return ""
    kept = [n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name == name)]
    return "\n\n".join(ast.get_source_segment(code, node) or "" for node in kept)


def docstring(code: str, name: str) -> str:
    """The docstring of the top-level function `name`; empty where there is none."""
    tree = parse(code)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
    return ""


def normalised(code: str) -> str:
    """The code with LF line ends, one newline at the end, and spaces for indentation.

    Tabs stay where their replacement would change the program, for example inside a string over several lines.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"
    if "\t" not in code:
        return code
    before, spaced = parse(code), _LEADING_WHITESPACE.sub(lambda match: match[0].expandtabs(4), code)
    after = parse(spaced)
    return spaced if before and after and ast.dump(before) == ast.dump(after) else code
