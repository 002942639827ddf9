"""Code as coloured text. Pygments escapes what it marks up; the colours are in the style sheet."""

from haloforge.languages import language_of
from haloforge.ui.markup import Html, h


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
    marked = Html(highlight(text, lexer, HtmlFormatter(nowrap=True)))
    return h(
        "pre",
        h("code", marked),
        cls=f"code {cls}".strip(),
        tabindex=0,
        role="region",
        aria_label=label,
        data_keep=label,
    )


def plain(text: str, *, label: str, cls: str = "wrap") -> Html:
    """Text with its line breaks and no colours."""
    return h("pre", text, cls=cls, tabindex=0, role="region", aria_label=label, data_keep=label)
