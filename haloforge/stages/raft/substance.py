"""How much a program does: its statements and calls, beside what only declares, imports or comments."""

import ast
import re
from collections.abc import Iterator

from haloforge.answers import normal_form
from haloforge.languages import language_of
from haloforge.python_source import parse

_NO_STATEMENTS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Pass,
    ast.Global,
    ast.Nonlocal,
)
_DIRECTIVE = re.compile(r"^[ \t]*#[^\n]*", re.MULTILINE)
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"')
_CONTROL = re.compile(
    "if|else|for|while|do|switch|match|loop|try|catch|return|break|continue|throw|select|go|defer", re.ASCII
)
_WORD = re.compile(r"\w+")
_ASSIGNMENT = re.compile(r"[-+*/%&|^:]?=|<<=|>>=|\+\+|--|<<|>>")


def statements_and_calls(code: str, language: str) -> int:
    """Statements inside functions, or anywhere in Python, and the calls in them; 0 for what does not parse as Python.

    In C, C++, Rust and Go it goes by the tokens, so it is an estimate. A variable without a value is no statement.
    Other languages count their lines.
    """
    syntax = language_of(language).syntax
    if syntax == "python":
        return _of_python(code)
    if syntax == "braces":
        return sum(_of_statement(words, end) for words, end in _statements(_DIRECTIVE.sub("", code), language))
    return len(normal_form(code, language).splitlines())


def _of_python(code: str) -> int:
    tree = parse(code)
    nodes = list(ast.walk(tree)) if tree else []
    return sum(isinstance(node, ast.Call) or (isinstance(node, ast.stmt) and _does_something(node)) for node in nodes)


def _does_something(node: ast.stmt) -> bool:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    is_bare = isinstance(node, ast.AnnAssign) and node.value is None
    return not (isinstance(node, _NO_STATEMENTS) or is_text or is_bare)


def _statements(code: str, language: str) -> Iterator[tuple[list[str], str]]:
    """Tokens between braces and semicolons inside a function, and the mark that ends them."""
    depth = 0
    words: list[str] = []
    for token in _TEXT.sub('""', normal_form(code, language)).split():
        if token not in ("{", "}", ";"):
            words.append(token)
            continue
        if words and depth:
            yield words, token
        words = []
        depth += {"{": 1, "}": -1, ";": 0}[token]


def _of_statement(words: list[str], end: str) -> int:
    if end == "{" and not _CONTROL.fullmatch(words[0]):
        return 0  # the head of a function, class or list of values
    calls = sum(
        bool(_WORD.fullmatch(word)) and after == "(" and not _CONTROL.fullmatch(word)
        for word, after in zip(words, words[1:], strict=False)
    )
    is_last_value = end == "}"
    acts = _CONTROL.fullmatch(words[0]) or is_last_value or any(_ASSIGNMENT.fullmatch(word) for word in words)
    return calls + bool(acts or calls)
