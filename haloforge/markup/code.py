"""Code as coloured text. Pygments escapes what it marks up; the colours are in the style sheet.

Its lexers take quadratic time for some texts, and the whole server stands still meanwhile. So they are given a piece of
whole lines at a time, and what is behind the first pieces, or in a piece without line ends, has no colours.
"""

from haloforge.languages import language_of
from haloforge.markup.elements import Html, h, join

_PIECE = 4_000
_COLOURED = 40_000
"""Characters that are coloured, in one piece and in all."""


def code(text: str, language: str, *, label: str = "Code", cls: str = "") -> Html:
    """A block of code in a language of ours; an unknown one is plain text."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    known = language_of(language)
    try:
        lexer = get_lexer_by_name(known.highlighter or known.name or "text", stripnl=False)
    except ClassNotFound:
        return plain(text, label=label, cls=cls)
    marked, end = [], 0
    while end < min(len(text), _COLOURED) and (piece := _piece(text, end)):
        marked.append(Html(highlight(piece, lexer, HtmlFormatter(nowrap=True))))
        end += len(piece)
    return h(
        "pre",
        h("code", join([*marked, text[end:]])),
        cls=f"code {cls}".strip(),
        tabindex=0,
        role="region",
        aria_label=label,
        data_keep=label,
    )


def _piece(text: str, start: int) -> str:
    """The whole lines from there on that fit into a piece; empty where a line is too long."""
    if len(text) - start <= _PIECE:
        return text[start:]
    return text[start : text.rfind("\n", start, start + _PIECE) + 1]


def plain(text: str, *, label: str, cls: str = "wrap") -> Html:
    """Text with its line breaks and no colours."""
    return h("pre", text, cls=cls, tabindex=0, role="region", aria_label=label, data_keep=label)
