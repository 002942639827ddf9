"""Code as coloured text. Pygments escapes what it marks up; the colours are in the style sheet."""

from haloforge.ui.markup import Html, h

_ALIASES = {"c++": "cpp", "golang": "go", "py": "python", "": "text"}


def code(text: str, language: str, *, label: str = "Code", cls: str = "") -> Html:
    """A block of code in a language of ours; an unknown one is plain text."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(_ALIASES.get(language, language), stripnl=False)
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


def gradio_language(language: str) -> str | None:
    """The name by which gr.Code highlights a language; it has no Rust, Go or Java."""
    return {"python": "python", "c": "c", "cpp": "cpp", "rust": "cpp", "go": "c", "java": "cpp"}.get(language)
