"""How much a program does: what tells a whole program from comments, declarations and constants.

The time is linear in the length of the code, of which at most `LENGTH_LIMIT` characters are read.
"""

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from haloforge.answers.blocks import NUMBER, TEXT, TYPES, Reading, Statement, read_blocks
from haloforge.answers.top_level import OUTSIDE, is_definition
from haloforge.languages import Language, language_of
from haloforge.python_source import parse

LENGTH_LIMIT = 1 << 20
"""Characters of a program that are looked at."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PLACEHOLDERS = _words(
    "todo unimplemented unreachable panic NotImplementedError SystemExit exit _exit Exit quit abort terminate"
)
"""What stands where a program is yet to be written, or only ends it."""
_WRAPPERS = _words("Ok Some Err vec assert assert_eq assert_ne debug_assert sync_with_stdio tie")
"""Calls that are nothing when they are given constants alone."""
_CONSTANTS = _words("true false nullptr NULL nil None EXIT_SUCCESS EXIT_FAILURE") | {TEXT, NUMBER}
_JUMPS = _words("goto break continue")
_BRANCHES = _words("if for while switch match loop do select go defer throw") | _JUMPS
_BEFORE_CALLS = _BRANCHES | _words("return else in case co_return new delete move range await not and or")
_NOT_CALLED = _BEFORE_CALLS | TYPES | _PLACEHOLDERS | _words("sizeof catch func fn function main decltype let")
_DECLARES = _words("let const static type var use mod struct enum import fn func trait impl using")
_STEPS = frozenset({"++", "--", "<-"})
_NO_OPERANDS = TYPES | _PLACEHOLDERS | _WRAPPERS | _BRANCHES
_ASSIGNS = frozenset({"=", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="})
_COMPUTES = frozenset({"<<", "+", "-", "/", "%", "==", "!=", "<=", ">=", "||", "?"})
"""Operators that no declaration of C or C++ contains outside of its value."""
_CALL_DEPTH = 4
"""Functions that call each other and do nothing are seen through to this depth."""


@dataclass(frozen=True, slots=True)
class Substance:
    """How often a program does something: its statements, and its calls of functions, methods and macros.

    A statement counts when it calls, computes, branches, or assigns or returns something, and not with constants alone.
    Comments, imports, declarations, empty bodies and calls of functions that have one, what only ends the program,
    placeholders such as `todo!()` and Rust's tests count nothing.
    """

    statements: int
    calls: int
    outside: int = 0
    """Of the statements, those outside of functions that run; only where a program needs no `main`."""

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
        return _of_blocks(read_blocks(code, known), known)
    return Substance(sum(bool(line.strip()) for line in code.splitlines()), 0)


def defines(code: str, name: str, language: str) -> bool:
    """Whether a program has a function or type of that name with a body; in Python, whether it binds the name."""
    known, code = language_of(language), code[:LENGTH_LIMIT]
    if known.syntax == "python":
        tree = parse(code)
        return tree is not None and any(name in _bound_by(node) for node in ast.walk(tree))
    if known.definition:
        return re.search(known.definition.format(name=re.escape(name)), code, re.MULTILINE) is not None
    found = read_blocks(code, known)
    return name in found.functions | found.types


def _of_blocks(found: Reading, language: Language) -> Substance:
    acts = [_acts(statement, language) for statement in found.statements]
    called = [_called(statement.tokens, language) for statement in found.statements]
    idle: set[str] = set()
    for _ in range(_CALL_DEPTH):
        calls = [sum(name not in idle for name in names) for names in called]
        busy = zip(found.statements, acts, calls, strict=True)
        idle = found.functions - {statement.function for statement, does, count in busy if does or count}
    calls = [sum(name not in idle for name in names) for names in called]
    counts = [does or count > 0 for does, count in zip(acts, calls, strict=True)]
    outside = sum(map(_runs_outside, found.statements, counts)) if language.runs_top_level else 0
    return Substance(sum(counts), sum(calls), outside)


def _runs_outside(statement: Statement, acts: bool) -> bool:
    return acts and statement.function == OUTSIDE and not is_definition(statement.tokens)


def _of_python(code: str) -> Substance:
    tree = parse(code)
    if tree is None:
        return Substance(0, 0)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(function): _statements_in(function) for function in functions}
    nothing = _PLACEHOLDERS
    for _ in range(_CALL_DEPTH):
        idle = (f.name for f in functions if not any(_counts(statement, nothing) for statement in inside[id(f)]))
        nothing = _PLACEHOLDERS | frozenset(idle)
    calls = sum(isinstance(n, ast.Call) and _name_of(n.func) not in nothing for n in nodes)
    return Substance(sum(isinstance(n, ast.stmt) and _counts(n, nothing) for n in nodes), calls)


def _statements_in(function: ast.AST) -> list[ast.stmt]:
    return [node for node in ast.walk(function) if isinstance(node, ast.stmt)]


def _counts(statement: ast.stmt, nothing: frozenset[str]) -> bool:
    """Whether a statement of Python does something. What stands in a body counts by itself.

    `nothing` are the names of functions that do nothing.
    """
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Try():
            return False
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global() | ast.Nonlocal():
            return False
        case ast.Break() | ast.Continue():
            return False
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return False
        case ast.If(body=body) | ast.While(body=body) | ast.For(body=body) if all(map(_does_nothing, body)):
            return False
        case ast.If(test=value) | ast.While(test=value) | ast.Assert(test=value) | ast.For(iter=value):
            return not _is_constant(value)
        case ast.Raise(exc=raised):
            return _name_of(raised.func if isinstance(raised, ast.Call) else raised) not in nothing
        case ast.Expr(value=ast.Call(func=called)):
            return _name_of(called) not in nothing
        case ast.Expr(value=value):
            return any(isinstance(node, ast.Call | ast.Await | ast.Yield | ast.YieldFrom) for node in ast.walk(value))
        case ast.Assign(value=value):
            return not _is_constant(value)
        case ast.Return(value=value) | ast.AnnAssign(value=value):
            return not (value is None or _is_constant(value))
        case _:
            return True


def _does_nothing(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_constant or isinstance(statement, ast.Pass | ast.Continue | ast.Break)


def _is_constant(value: ast.expr) -> bool:
    """Whether it names nothing: a number, a text, an empty list, a list of numbers."""
    return not any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(value))


def _name_of(node: ast.expr | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.alias):
        yield node.asname or node.name


def _acts(statement: Statement, language: Language) -> bool:
    """Whether a statement does something, its calls aside."""
    tokens = statement.tokens
    if tokens[0] in _BRANCHES:
        return tokens[0] not in _JUMPS and bool(_names(tokens))
    if _STEPS.intersection(tokens):
        return True
    assignment = next((place for place, token in enumerate(tokens) if token in _ASSIGNS), None)
    if assignment is not None:
        return _assigns(statement, assignment)
    if tokens[0] in ("return", "co_return"):
        return _gives(tokens[1:], statement)
    if language.function_keyword:
        return statement.is_last and tokens[0] not in _DECLARES and _gives(tokens, statement)
    if ">>" in tokens and "<" not in tokens[: tokens.index(">>")]:  # which does not close the arguments of a template
        return True
    return bool(_COMPUTES.intersection(tokens)) and _computes(tokens)


def _assigns(statement: Statement, place: int) -> bool:
    """Whether an assignment, whose operator stands at `place`, is of something. In `main` nobody sees a mere copy."""
    target, operator = statement.tokens[:place], statement.tokens[place]
    value = _without_declared(statement.tokens[place + 1 :])
    is_new = operator == ":=" or _declares(target)
    if statement.function != "main":
        return bool(_names(value)) or not is_new
    if set(target) <= {"_", ","}:
        return False
    if is_new:
        return _computes(value)
    return bool(_names(value)) or operator != "=" or len(target) > 1


def _without_declared(value: Sequence[str]) -> list[str]:
    """The value of the first of several declared together, and the values of the others: `1, b = 2` without `b`."""
    return [token for token, after in _with_next(value) if after != "="]


def _computes(value: Sequence[str]) -> bool:
    return bool(_names(value)) and len(_operands(value)) > 1


def _gives(value: Sequence[str], statement: Statement) -> bool:
    """Whether a value was computed, or is one of the function's own: what `main` gives back is only an exit code."""
    return _computes(value) if statement.function == "main" else bool(_names(value))


def _declares(target: Sequence[str]) -> bool:
    """Whether what stands before a `=` declares: `let x`, `int x`, `Foo *p`, but not `x`, `*p` or `a[i].b`."""
    if target[:1] and target[0] in _DECLARES | TYPES:
        return True
    depth = 0
    for before, token in zip(target, target[1:], strict=False):
        depth += (before in ("[", "(")) - (before in ("]", ")"))
        if depth == 0 and token.isidentifier() and (before.isidentifier() or before in ("*", "&", "&&", ">", ">>")):
            return target[0].isidentifier()
    return False


def _operands(tokens: Sequence[str]) -> list[str]:
    """Names, constants and what is called, without types, and of a path only its last part."""
    return [token for token, after in _with_next(tokens) if _is_operand(token) and after != "::"]


def _names(tokens: Sequence[str]) -> list[str]:
    """The operands that are neither constants nor called."""
    pairs = _with_next(tokens)
    return [t for t, after in pairs if _is_operand(t) and t not in _CONSTANTS and after not in ("::", "(")]


def _with_next(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    return itertools.zip_longest(tokens, tokens[1:], fillvalue="")


def _is_operand(token: str) -> bool:
    return (token.isidentifier() or token in (TEXT, NUMBER)) and token not in _NO_OPERANDS


def _called(tokens: Sequence[str], language: Language) -> list[str]:
    """The names that have an argument list behind them, without the names of what is declared here."""
    has_keyword = bool(language.function_keyword)
    angle = tokens.index("<") if "<" in tokens else len(tokens)
    called = []
    for place in range(1, len(tokens)):
        is_macro = has_keyword and place > 1 and tokens[place - 1] == "!" and tokens[place] in "(["  # of Rust
        name_place = place - 2 if is_macro else place - 1
        name = tokens[name_place]
        if language.runs_top_level and tokens[place - 1 : place + 1] == [")", "("]:  # a function called at once
            called.append("")
            continue
        if not (is_macro or tokens[place] == "(") or not name.isidentifier() or name in _NOT_CALLED:
            continue
        before = tokens[name_place - 1] if name_place > 0 else ""
        follows_type = before.isidentifier() or (before in (">", ">>") and angle < place)
        is_declared = not has_keyword and follows_type and before not in _BEFORE_CALLS
        is_empty = name in _WRAPPERS and not _names(tokens[place + 1 : place + 8])
        if not is_declared and not is_empty:
            called.append(name)
    return called
