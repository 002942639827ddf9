"""Earlier and later pages of a long list; the pages are cut on the server."""

from haloforge.ui.markup import Html, h, link
from haloforge.ui.view import View, query
from haloforge.ui.wording import number

PAGE = 50


def pager(view: View, name: str, page: int, total: int) -> Html:
    """ "51 to 100 of 412" with links; nothing when one page is all. `name` is the page number's name in the address."""
    if total <= PAGE:
        return Html("")
    last = (total - 1) // PAGE
    first, end = page * PAGE + 1, min(total, (page + 1) * PAGE)
    words = h("span", f"{number(first)} to {number(end)} of {number(total)}")
    return h(
        "nav",
        _to("Previous", view, name, page - 1, last),
        words,
        _to("Next", view, name, page + 1, last),
        cls="pager",
        aria_label="Pages",
    )


def _to(word: str, view: View, name: str, page: int, last: int) -> Html:
    if not 0 <= page <= last:
        return h("span", word)
    target = query(view, page=page) if name == "page" else query({**view, name: str(page)}, page=None)
    return link(word, target)
