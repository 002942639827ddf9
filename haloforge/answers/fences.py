"""The fenced code blocks of a Markdown text. Every line is read once, however the fences are broken."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+#.-]*)")
_AT_LINE_START = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)
_MARKDOWN = ("", "markdown", "md")
"""Tags of a block that may hold fenced blocks itself."""
_MOST_BLOCKS = 200
_QUOTE = re.compile(r"\"\"\"|'''|#.*|\"(?:\\.|[^\"\\])*+\"?|'(?:\\.|[^'\\])*+'?")
"""What may begin or hide a long text of Python in a line; what is opened and not closed goes to the line's end."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `tag` is in lower case; `is_closed` is False for one that goes on to the end of the text."""

    tag: str
    code: str
    is_closed: bool


def fenced_blocks(text: str, *, python: bool) -> list[Block]:
    """The blocks in order; where a block holds blocks, as in an answer that is quoted whole, those.

    A fence with a tag inside an open block starts a new one. With `python` a fence inside a text of three quotes ends
    nothing, unless that text is never closed.
    """
    blocks = list(_blocks(text, heeds_texts=python))
    if python and any(_open_text(block.code) for block in blocks):
        blocks = list(_blocks(text, heeds_texts=False))
    inner = (list(_blocks(block.code, heeds_texts=python)) if _is_quoted(block) else [] for block in blocks)
    found = [part for block, parts in zip(blocks, inner, strict=True) for part in parts or [block]]
    return [block for block in found if block.code.strip()][-_MOST_BLOCKS:]


def before_blocks(text: str) -> str:
    """The text before its first fence."""
    found = _AT_LINE_START.search(text)
    return text[: found.start()] if found else text


def _is_quoted(block: Block) -> bool:
    return block.tag in _MARKDOWN and _AT_LINE_START.search(block.code) is not None


def _blocks(text: str, *, heeds_texts: bool) -> Iterator[Block]:
    fence, tag, quote, lines = "", "", "", list[str]()
    for line in text.split("\n"):
        found = None if quote else _FENCE.search(line)
        if not fence:
            if found:
                fence, tag, lines = found[1], found[2].lower(), []
                rest = line[found.end() :].strip()
                if rest.endswith(fence) and rest != fence:  # a whole block on one line
                    yield Block(tag, rest.removesuffix(fence).strip(), True)
                    fence = ""
        elif found and found[1][0] == fence[0] and len(found[1]) >= len(fence) and _ends_block(line, found):
            yield Block(tag, _joined([*lines, line[: found.start()].rstrip()]), True)
            is_new = bool(found[2]) and not line[: found.start()].strip() and line.rstrip().endswith(found[2])
            fence, tag, lines = (found[1], found[2].lower(), []) if is_new else ("", "", [])
        else:
            lines.append(line)
            quote = _quote_behind(line, quote) if heeds_texts else ""
    if fence:
        yield Block(tag, _joined(lines), False)


def _ends_block(line: str, found: re.Match[str]) -> bool:
    """A fence at the start of a line, or one that a line of code runs into; not one inside a string or comment."""
    before = line[: found.start()].strip()
    return not before or (line.rstrip().endswith(found[1]) and not before.startswith(("#", "//", '"', "'")))


def _joined(lines: Sequence[str]) -> str:
    return textwrap.dedent("\n".join(lines))


def _open_text(code: str) -> bool:
    quote = ""
    for line in code.split("\n"):
        quote = _quote_behind(line, quote)
    return bool(quote)


def _quote_behind(line: str, quote: str) -> str:
    """The quotes of the long text that is open behind a line, before which `quote` was; empty where none is."""
    position = 0
    while True:
        if quote:
            end = line.find(quote, position)
            if end < 0:
                return quote
            position, quote = end + len(quote), ""
        found = _QUOTE.search(line, position)
        if found is None:
            return ""
        position = found.end()
        quote = found[0] if len(found[0]) == 3 and found[0] in ('"""', "'''") else ""
