"""Long lists: rows that the keyboard walks through, 50 a page; and the choices that narrow them."""

from collections.abc import Iterable, Sequence

from haloforge.ui.formatting import number
from haloforge.ui.markup import Child, Html, h, link
from haloforge.ui.view import View, query

PAGE_ROWS = 50
PAGED = ("runs", "samples", "after", "before", "sample")
"""Names of the address that say where in a list one is."""


def row(cells: Iterable[Html], *, is_chosen: bool) -> Html:
    """A row of a list; a click or the keys j and k follow the first link in it."""
    return h("tr", cells, data_row=True, cls="on" if is_chosen else None)


def picker(label: Child, name: str, options: Iterable[Html], **attributes: str) -> Html:
    """A choice that leads to another address: the value of each option."""
    return h("label", label, h("select", options, data_go=True, name=name, **attributes), cls="pick")


def pick(view: View, name: str, label: str, choices: Sequence[tuple[str, str]], *, nothing: str = "all") -> Html:
    """A filter with the value and the text of each choice; choosing one goes back to the first page."""
    at_start = dict.fromkeys(PAGED) | {name: None}
    options = [
        option(text, query(view, **(at_start | {name: value})), is_chosen=view.get(name, "") == value)
        for value, text in [("", nothing), *choices]
    ]
    return picker(label, name, options)


def search(view: View, name: str, label: str) -> Html:
    """A field whose words become `name` of the address, a moment after the last one was typed."""
    address = query(view, **dict.fromkeys(PAGED), **{name: None})
    return h(
        "input",
        type="search",
        name=name,
        value=view.get(name, ""),
        placeholder=label,
        aria_label=label,
        data_find=address,
        id=f"search-{name}",
        autocomplete="off",
    )


def option(text: str, address: str, *, is_chosen: bool) -> Html:
    """One option of a picker."""
    return h("option", text, value=address, selected=is_chosen)


def pager(view: View, name: str, page: int, total: int) -> Html:
    """ "51 to 100 of 412" with links; nothing when one page is all. `name` is the page number's name in the address."""
    if total <= PAGE_ROWS:
        return Html("")
    last = (total - 1) // PAGE_ROWS
    first, end = page * PAGE_ROWS + 1, min(total, (page + 1) * PAGE_ROWS)
    position = h("span", f"{number(first)} to {number(end)} of {number(total)}")
    return h(
        "nav",
        _to("Previous", view, name, page - 1, last),
        position,
        _to("Next", view, name, page + 1, last),
        cls="pager",
        aria_label="Pages",
    )


def _to(label: str, view: View, name: str, page: int, last: int) -> Html:
    if not 0 <= page <= last:
        return h("span", label)
    return link(label, query(view, **{name: page}))
