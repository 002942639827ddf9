"""HTML made by calls: all text is escaped unless it is markup already, so model output cannot add elements."""

from collections.abc import Iterable
from html import escape
from typing import TypeAlias


class Html(str):
    """Text that is markup already and must not be escaped again."""

    __slots__ = ()


Child: TypeAlias = "str | int | float | bool | None | Iterable[Child]"
Attribute: TypeAlias = str | int | float | bool | None


def h(tag: str, *children: Child, **attributes: Attribute) -> Html:
    """An element. `cls` is class, underscores become dashes; True writes a bare attribute, False and None nothing."""
    given = {name: value for name, value in attributes.items() if not (value is None or value is False)}  # 0 is given
    start = [tag, *(_attribute(name, value) for name, value in given.items())]
    return Html(f"<{' '.join(start)}>{join(children)}</{tag}>")


def join(children: Child, between: str = "") -> Html:
    """Children one after another: strings are escaped, markup is not, None and False are left out."""
    if children is None or children is False:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str | int | float):
        return Html(_escaped(children))
    return Html(between.join(part for child in children if (part := join(child))))


def table(heads: Iterable[Child], rows: Iterable[Html], *, label: str, cls: str = "") -> Html:
    """A dense table in a box that scrolls; `heads` are texts or ready <th> elements."""
    cells = [
        head if isinstance(head, Html) and head.startswith("<th") else h("th", head, scope="col") for head in heads
    ]
    body = h("table", h("thead", h("tr", cells)), h("tbody", rows), aria_label=label, cls=cls or None)
    return h("div", body, cls="scroll", data_keep=label, tabindex=0, role="region", aria_label=label)


def facts(pairs: Iterable[tuple[Child, Child]]) -> Html:
    """Names and values in two columns."""
    return h("dl", [[h("dt", name), h("dd", value)] for name, value in pairs], cls="facts")


def note(text: Child, kind: str = "") -> Html:
    """One sentence in a box; `kind` is error, good or empty."""
    return h("p", text, cls=f"note {kind}".strip(), role="alert" if kind == "error" else None)


def _escaped(value: object) -> str:
    """Without half characters, which models write and no browser can be sent."""
    return escape(str(value)).encode(errors="replace").decode()


def _attribute(name: str, value: Attribute) -> str:
    key = {"cls": "class"}.get(name, name.replace("_", "-"))
    return key if value is True else f'{key}="{_escaped(value)}"'
