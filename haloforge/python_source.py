"""What the adapters ask about Python source: who is defined, who is called, how it reads without tabs."""

import ast
import builtins
import re
import warnings

EXAMPLE_INTRO = "Your code should pass this test:"
_LEADING_WHITESPACE = re.compile(r"^[ \t]+", re.MULTILINE)


def with_example(statement: str, assertion: str) -> str:
    """A prose task with one of its asserts, which is often all that tells the name of the wanted function."""
    return f"{statement.strip()}\n{EXAMPLE_INTRO}\n{assertion.strip()}"


def normalised(code: str) -> str:
    """LF line ends, spaces for indentation where that changes no text of the program, one newline at the end."""
    code = code.replace("\r\n", "\n").replace("\r", "\n").strip("\n") + "\n"
    if "\t" not in code:
        return code
    before, spaced = parse(code), _LEADING_WHITESPACE.sub(lambda match: match[0].expandtabs(4), code)
    after = parse(spaced)
    return spaced if before and after and ast.dump(before) == ast.dump(after) else code


def parse(code: str) -> ast.Module | None:
    """The syntax tree, or None where the text is not Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # foreign code has invalid escapes and the like
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined_names(code: str) -> list[str]:
    """Functions and classes at the top level, in order."""
    tree = parse(code)
    body = tree.body if tree else []
    return [node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]


def tested_name(assertion: str, solution: str | None) -> str | None:
    """The function that an assert is about: the first called name that the solution defines, or that is no builtin."""
    tree = parse(assertion)
    if tree is None:
        return None
    called = [n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
    if solution is None:
        return next((name for name in called if name not in vars(builtins)), None)
    defined = set(defined_names(solution))
    return next((name for name in called if name in defined), None)


def statements(code: str) -> tuple[str, ...]:
    """The source of each top-level statement."""
    tree = parse(code)
    return tuple(ast.get_source_segment(code, node) or "" for node in tree.body) if tree else ()


def without_function(code: str, name: str) -> str:
    """Top-level source without one function: the imports and helpers that a prompt brings along."""
    tree = parse(code)
    if tree is None:
        return ""
    kept = [n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name == name)]
    return "\n\n".join(ast.get_source_segment(code, node) or "" for node in kept)


def docstring(code: str, name: str) -> str:
    """The docstring of a top-level function; empty where there is none."""
    tree = parse(code)
    for node in tree.body if tree else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return ast.get_docstring(node) or ""
    return ""
