"""Programs in languages of braces, read roughly: which functions they define, and the statements inside them.

Every character is read once, however the text is broken: what is opened and never closed goes to the end.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from haloforge.answers.top_level import OUTSIDE, block_outside, is_definition, is_part_of_head
from haloforge.languages import Language

TEXT, NUMBER = '""', "0"
"""Stand for every string and character, and for every number."""
_TOKEN = r"""
    (?P<comment> {line}[^\n]* )
  | (?P<opening> {opening} )
  | (?P<text> (?:u8|[uUL])?R"(?P<mark>[^\s()\\]{{0,16}})\(.*?(?:\)(?P=mark)"|\Z)
            | (?:b|c)?r(?P<hashes>\#{{0,16}})".*?(?:"(?P=hashes)|\Z)
            | "(?:\\.|[^"\\\n])*"? | '(?:\\.[^'\n]{{0,10}}|[^'\\\n])' | `[^`]*`? )
  | (?P<directive> {directive} )
  | (?P<number> \d[\w']*+(?:\.(?!\.)[\w']*+)*+ )
  | (?P<token> \w+ | \n | <<=|>>=|->|=>|::|:=|<<|>>|<-|[-+*/%&|^<>=!]=|&&|\|\||\+\+|-- | \S )
"""
_C_DIRECTIVE = r"\#[^\\\n]*+(?:\\\n?[^\\\n]*+)*+"
_ATTRIBUTE = r"\#!?\[[^\]\n]*\]?"
_FOR_TESTS_ONLY = re.compile(r"#\[\s*(?:test|cfg\s*\(\s*test\s*\))\s*\]")
_UNCOMPILED = "#[test]"
"""Token for `#[test]` and `#[cfg(test)]`, and the function name of the code behind them, which counts for nothing.

No token of a program is spelled like this."""
_NEVER_COMPILED = re.compile(r"#[ \t]*if[ \t]+(?:0|false)\b")
_COMPILED_AGAIN = re.compile(r"^[ \t]*#[ \t]*(?:endif|else|elif)\b", re.MULTILINE)
_TYPES_OF_ALL = (
    "void bool char int short long float double signed unsigned auto wchar_t size_t string str String byte rune error "
    "int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float32 float64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 "
    "u128 usize f32 f64"
)
TYPES = frozenset(_TYPES_OF_ALL.split())
"""Names of types that every program may use."""
_NO_NAMES = TYPES | {"decltype", "noexcept", "alignas", "__attribute__"}
_HOLDERS = (["struct"], ["class"], ["union"], ["enum"], ["namespace"])
_BEFORE_A_TYPE = frozenset({"typedef", "static", "inline", "constexpr", "extern", "const"})
_AFTER_PARAMETERS = frozenset({")", "const", "noexcept", "override", "final", "volatile", "mutable", "try"})
_HEAD_REACH = 256
"""Tokens of a head that are searched where it may go on."""


class Statement(NamedTuple):
    """The tokens of a statement in a function's body, that function's name, and whether a `}` ends it."""

    tokens: Sequence[str]
    function: str
    is_last: bool


class Reading(NamedTuple):
    """What was read: the statements in bodies, the names of the functions that have one, and of the types beside."""

    statements: list[Statement]
    functions: set[str]
    types: set[str]


class _Block(NamedTuple):
    """What goes on behind a closing brace. `function` is the one whose body that is; None outside of all."""

    function: str | None
    tokens: list[str]
    depth: int


def read_blocks(code: str, language: Language) -> Reading:
    """The statements and names of a program. What `struct`, `namespace` and the like open holds declarations."""
    found, depth = Reading([], set(), set()), 0
    outside = OUTSIDE if language.runs_top_level else None
    function: str | None = outside
    tokens: list[str] = []
    old_style: list[str] = []
    outer: list[_Block] = []
    for token in _tokens_of(code, language):
        ends = token == "\n" and depth == 0 and _line_ends(tokens, language)
        if token == "\n" and not ends:
            continue
        if token == "{":
            if function is None:
                tokens = tokens or old_style
            if (function is None and (depth > 0 or _goes_on(tokens, language))) or (
                function == OUTSIDE and is_part_of_head(tokens, depth)
            ):
                tokens.append("{}")
                outer.append(_Block(function, tokens, depth))
                function = None
            elif function == OUTSIDE:
                _end(found, () if is_definition(tokens) else tokens, function, is_last=False)
                outer.append(_Block(function, [], depth))
                function = block_outside(tokens)
                found.functions.update([function] if function else [])
            else:
                _end(found, tokens, function, is_last=False)
                outer.append(_Block(function, [], depth))
                function = _opened(tokens, language, found) if function is None else function
            tokens, depth, old_style = [], 0, []
        elif token == "}":
            _end(found, tokens, function, is_last=True)
            function, tokens, depth = outer.pop() if outer else _Block(outside, [], 0)
        elif ends or (token == ";" and depth == 0):
            _end(found, tokens, function, is_last=False)
            old_style = tokens if _goes_on_below(tokens) else old_style
            tokens = []
        else:
            depth = max(0, depth + (token in "([") - (token in ")]"))
            tokens.append(token)
    _end(found, tokens, function, is_last=True)
    return found


def _end(found: Reading, tokens: Sequence[str], function: str | None, *, is_last: bool) -> None:
    if function is not None and function != _UNCOMPILED and tokens:
        found.statements.append(Statement(tokens, function, is_last))


def _line_ends(tokens: Sequence[str], language: Language) -> bool:
    """Whether the end of the line ends the statement, as Go has it."""
    if not language.line_ends_statement or not tokens:
        return False
    last = tokens[-1]
    return last.isidentifier() or last in (TEXT, NUMBER, ")", "]", "++", "--", "{}")


def _goes_on(head: Sequence[str], language: Language) -> bool:
    """Whether the head goes on behind the brace: `func f() interface{} {`, or `A(int x) : a{x} {`."""
    beginning, last = head[:_HEAD_REACH], head[-1:]
    if language.function_keyword:
        return last in (["interface"], ["struct"]) and "func" in beginning
    return last != [] and last[0].isidentifier() and ":" in beginning and ")" in beginning


def _goes_on_below(head: Sequence[str]) -> bool:
    """Whether it is the head of a function of old C, before the types of its parameters: `int f(a) int a; {`."""
    depth = 0
    for place, token in enumerate(head[:_HEAD_REACH]):
        depth += (token == "(") - (token == ")")
        if depth == 0 and token == ")":
            return head[place + 1 : place + 2] != [] and head[place + 1].isidentifier()
    return False


def _opened(head: Sequence[str], language: Language, found: Reading) -> str | None:
    """The name of the function whose body begins behind this head; None where something else begins."""
    if _UNCOMPILED in head:
        return _UNCOMPILED
    if language.function_keyword:
        keyword = next((place for place, token in enumerate(head) if token in ("fn", "func")), None)
        name = None if keyword is None else _first_name(head[keyword + 1 :])
    else:
        name = _name_before_parameters(head) if _is_function(head) else None
    if name is None:
        found.types.update(token for token in head if token.isidentifier())
    else:
        found.functions.add(name)
    return name


def _first_name(tokens: Sequence[str]) -> str:
    """The first name outside of parentheses; empty where there is none. A receiver of Go stands in parentheses."""
    depth = 0
    for token in tokens:
        depth += (token == "(") - (token == ")")
        if depth == 0 and token.isidentifier():
            return token
    return ""


def _name_before_parameters(head: Sequence[str]) -> str:
    annotations = {after for before, after in itertools.pairwise(head) if before == "@"}
    names = (
        name
        for name, after in itertools.pairwise(head)
        if after == "(" and name.isidentifier() and name not in _NO_NAMES
    )
    return next((name for name in names if name not in annotations), "")


def _is_function(head: Sequence[str]) -> bool:
    """Whether a head of C or C++ is that of a function: it has parameters, and begins or ends unlike a type's.

    So is a single word that is no keyword: a macro that holds the head.
    """
    if len(head) == 1:
        return head[0].isidentifier() and head not in _HOLDERS
    if ")" not in head or head[-1] in ("=", ","):
        return False
    start = _behind_template(head)
    while start < len(head) and head[start] in _BEFORE_A_TYPE:
        start += 1
    return head[start : start + 1] not in _HOLDERS or head[-1] in _AFTER_PARAMETERS


def _behind_template(head: Sequence[str]) -> int:
    if head[0] != "template":
        return 0
    depth = 0
    for place, token in enumerate(head):
        depth += {"<": 1, ">": -1, ">>": -2}.get(token, 0)
        if place and depth <= 0 and token in (">", ">>"):
            return place + 1
    return 0


def _tokens_of(code: str, language: Language) -> Iterator[str]:
    """Without comments, preprocessor lines and attributes, other than those of tests. Line ends are tokens too."""
    pattern, position = _pattern(language), 0
    opening, closing = language.block_comment
    while found := pattern.search(code, position):
        position = found.end()
        kind = found.lastgroup
        if kind == "opening":
            position = _comment_end(code, position, opening if language.nests_comments else "", closing)
        elif kind == "directive" and _NEVER_COMPILED.match(found[0]):
            again = _COMPILED_AGAIN.search(code, position)
            position = again.start() if again else len(code)
        elif kind == "directive" and _FOR_TESTS_ONLY.match(found[0]):
            yield _UNCOMPILED
        elif kind == "text":
            yield TEXT
        elif kind == "number":
            yield NUMBER
        elif kind == "token":
            yield found[0]


def _comment_end(code: str, position: int, opening: str, closing: str) -> int:
    """Where the comment ends that has just begun; with `opening`, comments in it have their own end."""
    depth = 1
    marks = re.compile(f"{re.escape(opening)}|{re.escape(closing)}" if opening else re.escape(closing))
    for mark in marks.finditer(code, position):
        depth += 1 if mark[0] == opening else -1
        if depth == 0:
            return mark.end()
    return len(code)


@functools.cache
def _pattern(language: Language) -> re.Pattern[str]:
    line, opening = re.escape(language.line_comment), re.escape(language.block_comment[0])
    directive = _ATTRIBUTE if language.function_keyword else _C_DIRECTIVE
    return re.compile(_TOKEN.format(line=line, opening=opening, directive=directive), re.VERBOSE | re.DOTALL)
