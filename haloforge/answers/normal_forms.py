"""When two programs are the same program: a normal form per language, without layout and comments."""

import ast
import functools
import re
from collections.abc import Iterator

from haloforge.languages import Language, language_of
from haloforge.python_source import parse

_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
# A text that is opened and not closed goes to the end of its line or file, so that no reading is done twice.
_TOKEN = r"""
    (?P<comment> {line}[^\n]* | {opening}.*?(?:{closing}|\Z) )
  | (?P<token> R"(?P<mark>[^\s()\\]{{0,16}})\(.*?(?:\)(?P=mark)"|\Z)  # raw string
             | "(?:\\.|[^"\\\n])*"? | '(?:\\.|[^'\\\n]){{1,64}}'   # string, character
             | `[^`]*`                                        # raw string of Go
             | \d(?:[\w.']|(?<=[eEpP])[+-])*                  # number
             | \w+
             | [-+*/%&|^=<>!:.]+                              # run of operators
             | [^\s\w]
    )
    """


def normal_form(code: str, language: str) -> str:
    """A text that two programs share when they differ only in comments, layout and, in Python, names of locals.

    Python goes by its syntax tree without docstrings, C, C++, Rust and Go by their tokens; anything else, and Python
    that does not parse, by its text without surplus whitespace.
    """
    known = language_of(language)
    if known.syntax == "python":
        return _python_form(code)
    if known.syntax == "braces":
        return " ".join(tokens_of(code, known))
    return _text_form(code)


def tokens_of(code: str, language: Language) -> list[str]:
    """The tokens of a program in a language of braces, without comments."""
    return [match["token"] for match in _tokens(language).finditer(code) if match["token"]]


def token_spans(code: str, language: Language) -> list[tuple[int, int]]:
    """Where the tokens of `tokens_of` begin and end in the code."""
    return [match.span("token") for match in _tokens(language).finditer(code) if match["token"]]


@functools.cache
def _tokens(language: Language) -> re.Pattern[str]:
    line, opening, closing = (re.escape(mark) for mark in (language.line_comment, *language.block_comment))
    return re.compile(_TOKEN.format(line=line, opening=opening, closing=closing), re.VERBOSE | re.DOTALL)


def _text_form(code: str) -> str:
    lines = (line.rstrip() for line in code.splitlines())
    return "\n".join(line for line in lines if line)


def _python_form(code: str) -> str:
    tree = parse(code)
    if tree is None:
        return _text_form(code)
    try:
        for node in ast.walk(tree):
            _drop_docstring(node)
        for function in _outermost_functions(tree):
            _rename_locals(function)
        return ast.dump(tree)
    except (RecursionError, ValueError):  # it is too deep, or a number in it too long to be written
        return _text_form(code)


def _drop_docstring(node: ast.AST) -> None:
    """Remove every statement that is only a constant: docstrings, and strings used as comments."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        kept = [s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
        node.body = kept or [ast.Pass()]


def _outermost_functions(node: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
        else:
            yield from _outermost_functions(child)


def _rename_locals(function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Number every name bound inside the function by first appearance; its own name and all others stay."""
    inside = [node for node in ast.walk(function) if node is not function]
    declared = {name for node in inside if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
    bound = {name for node in inside for name in _bound_names(node)} - declared
    number: dict[str, str] = {}
    for node in inside:
        for field in ("id", "arg", "name"):
            name = vars(node).get(field)
            if name in bound and not isinstance(node, ast.keyword):
                setattr(node, field, number.setdefault(name, f"local {len(number)}"))


def _bound_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, _NAMED) and node.name:
        yield node.name
