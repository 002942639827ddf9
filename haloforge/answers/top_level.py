"""Languages in which statements run outside of functions (JavaScript, TypeScript): what a block there belongs to."""

from collections.abc import Sequence

OUTSIDE = ""
"""The name of the function that a statement outside of all functions is in."""
_MODIFIERS = frozenset({"export", "default", "async", "declare", "abstract"})
_HOLDERS = frozenset({"class", "interface", "enum", "type", "namespace", "module"})
_BINDS = frozenset({"const", "let", "var"})
_TYPE_FOLLOWS = frozenset({":", "<", "|", "&", ","})
_REACH = 256
"""Tokens of a head that are searched."""


def _beginning(head: Sequence[str]) -> int:
    """Where a head begins, behind its modifiers."""
    return next((place for place, token in enumerate(head) if token not in _MODIFIERS), len(head))


def is_part_of_head(head: Sequence[str], depth: int) -> bool:
    """Whether a block that opens here is a type or a default in the head of a function: `function f(x: {a: T}): {`."""
    start = _beginning(head)
    return head[start : start + 1] == ["function"] and (depth > 0 or head[-1] in _TYPE_FOLLOWS)


def is_definition(tokens: Sequence[str]) -> bool:
    """Whether a statement outside of all functions only imports, exports, or names a function or a type."""
    start = _beginning(tokens)
    first = tokens[start] if start < len(tokens) else ""
    if first == "module":  # `module.exports = ...`, and no other statement with it
        return "=" in tokens
    if first in ("function", "import") or first in _HOLDERS or tokens[:1] in (["exports"], ["export"]):
        return True
    if first not in _BINDS or "=" not in tokens[:_REACH]:
        return False
    value = list(tokens[list(tokens).index("=") + 1 :])
    return value[:1] in (["require"], ["function"], ["class"]) or value[:2] == ["async", "function"] or _is_arrow(value)


def _is_arrow(value: Sequence[str]) -> bool:
    """Whether a value is a function: `x => ...`, `(a, b) => ...`, `(a: T): T => ...`."""
    start = 1 if value[:1] == ["async"] else 0
    if value[start + 1 : start + 2] == ["=>"]:
        return True
    depth = 0
    for place, token in enumerate(value[start : start + _REACH], start):
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return place > start and value[place + 1 : place + 2] in (["=>"], [":"])
    return False


def block_outside(head: Sequence[str]) -> str | None:
    """The function that a block outside of all functions is the body of; None for a type; OUTSIDE for other blocks."""
    start = _beginning(head)
    if head[start : start + 1] and head[start] in _HOLDERS:
        return None
    if head[-1:] == ["=>"] or "function" in head[:_REACH]:
        named = [token for token in head[start : start + 3] if token.isidentifier() and token not in _BINDS]
        return next((token for token in named if token != "function"), "function")
    return OUTSIDE
