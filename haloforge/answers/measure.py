"""How much a program does: what tells a whole program from comments, declarations and constants.

The time is linear in the length of the code, of which at most `LENGTH_LIMIT` characters are read.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from haloforge.answers.normal_forms import tokens_of
from haloforge.languages import Language, language_of
from haloforge.python_source import parse

LENGTH_LIMIT = 1 << 20
"""Characters of a program that are looked at."""

_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*[a-z](?:\\\n|[^\n])*|#!?\[[^\]\n]*\]", re.MULTILINE)
"""A line of the preprocessor, or an attribute of Rust."""
_LINE_END = re.compile(r"(?<=[\w)\]}\"'`])[ \t]*(?://[^\n]*)?\n|(?<=\+\+|--)[ \t]*\n")
_LITERAL = re.compile(r"""[-+]?(?:\d.*|R?["'`].*|true|false|nullptr|NULL|nil|None|[-+()]|)\Z""", re.DOTALL)
_BRANCHES = frozenset({"if", "for", "while", "switch", "match", "loop", "do", "select", "go", "defer", "throw"})
_BEFORE_CALLS = frozenset({"return", "else", "do", "in", "case", "throw", "co_return", "go", "defer", "move", "range"})
_NOT_CALLED = frozenset({"if", "for", "while", "switch", "match", "return", "sizeof", "catch", "func", "fn", "main"})
_PLACEHOLDERS = frozenset({"todo", "unimplemented", "NotImplementedError"})
_COMPUTES = frozenset(["<<", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="])
"""Operators that no declaration contains."""
_OPERATOR = re.compile(r"[-+*/%&|^<>]+|[=!<>]=")
_DEFINITION_REACH = 128
"""Tokens between the name of a function and its body."""


@dataclass(frozen=True, slots=True)
class Substance:
    """How often a program does something: its statements, and its calls of functions, methods and macros.

    A statement counts when it calls, computes, branches, or assigns or returns something other than a constant.
    Comments, imports, declarations, empty bodies, and placeholders such as `todo!()` count nothing.
    """

    statements: int
    calls: int

    @property
    def is_hollow(self) -> bool:
        """Whether the program does nothing at all."""
        return not self.statements


def substance(code: str, language: str) -> Substance:
    """What a program does. In a language that we cannot read every line that is not empty counts as a statement."""
    known, code = language_of(language), code[:LENGTH_LIMIT]
    if known.syntax == "python":
        return _of_python(code)
    if known.syntax == "braces":
        statements = list(_statements(code, known))
        return Substance(sum(map(_does_something, statements)), sum(_calls(s.tokens) for s in statements))
    return Substance(sum(bool(line.strip()) for line in code.splitlines()), 0)


def defines(code: str, name: str, language: str) -> bool:
    """Whether a program has a function of that name with a body; in Python, whether its top level binds the name."""
    known, code = language_of(language), code[:LENGTH_LIMIT]
    if known.syntax == "python":
        tree = parse(code)
        return tree is not None and name in _bound_at_top_level(tree)
    tokens = tokens_of(code, known)
    return any(_is_definition(tokens, place) for place, token in enumerate(tokens) if token == name)


def _of_python(code: str) -> Substance:
    tree = parse(code)
    if tree is None:
        return Substance(0, 0)
    nodes = list(ast.walk(tree))
    calls = sum(isinstance(n, ast.Call) and _name_of(n.func) not in _PLACEHOLDERS for n in nodes)
    return Substance(sum(isinstance(n, ast.stmt) and _counts(n) for n in nodes), calls)


def _counts(statement: ast.stmt) -> bool:
    """Whether a statement of Python does something. What stands in a body counts by itself."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return False
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global() | ast.Nonlocal():
            return False
        case ast.Raise(exc=raised):
            name = _name_of(raised.func if isinstance(raised, ast.Call) else raised)
            return name not in _PLACEHOLDERS
        case ast.Expr(value=value) | ast.Assign(value=value):
            return not isinstance(value, ast.Constant)
        case ast.Return(value=value) | ast.AnnAssign(value=value):
            return not (value is None or isinstance(value, ast.Constant))
        case _:
            return True


def _name_of(node: ast.expr | None) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _bound_at_top_level(tree: ast.Module) -> set[str]:
    bound: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Assign):
            bound |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
    return bound


class _Statement(NamedTuple):
    """The tokens of a statement, and whether it is the last of its block without a `;`: in Rust, its value."""

    tokens: Sequence[str]
    is_last: bool


def _statements(code: str, language: Language) -> Iterator[_Statement]:
    """The statements inside function bodies.

    A brace opens a body when a parameter list stands before it, or when it stands in a body itself; what `struct`,
    `class`, `namespace` and the like open holds declarations.
    """
    if language.line_ends_statement:
        code = _LINE_END.sub(" ;\n", code)
    is_body, parentheses = [False], 0
    statement: list[str] = []
    for token in tokens_of(_DIRECTIVE.sub("", code), language):
        parentheses += (token in "([") - (token in ")]")
        if token not in (";", "{", "}") or (token == ";" and parentheses > 0):
            statement.append(token)
            continue
        if is_body[-1] and statement:
            yield _Statement(statement, token == "}")
        if token == "{":
            is_body.append(is_body[-1] or "(" in statement or "=>" in statement)
        elif token == "}" and len(is_body) > 1:
            is_body.pop()
        statement, parentheses = [], 0


def _does_something(statement: _Statement) -> bool:
    tokens = statement.tokens
    if _PLACEHOLDERS.intersection(tokens):
        return False
    if _calls(tokens) or tokens[0] in _BRANCHES or _COMPUTES.intersection(tokens) or _shifts(tokens):
        return True
    if tokens[0] == "return":
        return not _is_constant(tokens[1:])
    for place, token in enumerate(tokens):
        if token in ("=", ":="):
            return not _is_constant(tokens[place + 1 :])
    return statement.is_last and (_is_name(tokens) or any(map(_OPERATOR.fullmatch, tokens[1:])))


def _is_constant(tokens: Sequence[str]) -> bool:
    return all(map(_LITERAL.match, tokens))


def _is_name(tokens: Sequence[str]) -> bool:
    return len(tokens) == 1 and tokens[0].isidentifier() and not _is_constant(tokens)


def _shifts(tokens: Sequence[str]) -> bool:
    """Whether `>>` stands for reading or shifting, and does not close the arguments of a template."""
    return ">>" in tokens and "<" not in tokens[: tokens.index(">>")]


def _calls(tokens: Sequence[str]) -> int:
    """How many names have an argument list behind them, without the names of what is declared here."""
    count = 0
    for place in range(1, len(tokens)):
        if tokens[place] != "(":
            continue
        is_macro = tokens[place - 1] == "!" and place > 1  # of Rust
        name = tokens[place - 2] if is_macro else tokens[place - 1]
        before = tokens[place - 2] if place > 1 and not is_macro else ""
        is_declared = before.isidentifier() and before not in _BEFORE_CALLS
        count += name.isidentifier() and name not in _NOT_CALLED | _PLACEHOLDERS and not is_declared
    return count


def _is_definition(tokens: Sequence[str], place: int) -> bool:
    """Whether the name at that place is followed by a parameter list and then, before any `;`, by a body."""
    following = tokens[place + 1 : place + _DEFINITION_REACH]
    if following[:1] not in (["("], ["<"]):
        return False
    depth = 0
    for token in following:
        depth += (token == "(") - (token == ")")
        if depth < 0 or (depth == 0 and token in (";", "{", "}")):
            return token == "{"
    return False
