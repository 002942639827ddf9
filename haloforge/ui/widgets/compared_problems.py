"""The problems of a comparison: five lists, one of them a page at a time, and one problem with both answers."""

from collections.abc import Sequence
from typing import NamedTuple, cast

from haloforge.reports.answers import Shown, problem_box
from haloforge.reports.matrix import matrix
from haloforge.reports.side_by_side import GROUPS, ORDERS, Order, Row, SideBySide, ordered
from haloforge.reports.sources import Source
from haloforge.store import Store
from haloforge.ui.markup import Html, h, link
from haloforge.ui.view import View, number, query
from haloforge.ui.widgets.lists import PAGE_ROWS, option, pager, picker, row

ALL = "all"
_ORDER_WORDS: dict[Order, str] = {
    "gain": "largest gain",
    "loss": "largest loss",
    "passes": "fewest passes",
    "file": "as in the file",
}
_TITLES = {
    ALL: "Every problem",
    "gained": "Only {other} solves it",
    "lost": "Only {first} solves it",
    "both": "Both solve it",
    "neither": "Neither solves it",
}


class Listed(NamedTuple):
    """One list of problems in its order, the page of it that is shown, and the problem that is chosen."""

    name: str
    order: Order
    rows: Sequence[Row]
    page: int
    chosen: Row | None


def problems(store: Store, view: View, shown: SideBySide, found: Sequence[Source], other: int) -> Html:
    """The lists on the left, the chosen problem on the right."""
    groups = {ALL: list(shown.rows), **{str(name): rows for name, rows in shown.grouped(other).items()}}
    listed = chosen_list(view, groups, other)
    first, second = shown.sides[0], shown.sides[other]
    tabs = [
        link(
            f"{name.capitalize()} {len(rows)}",
            query({**view, "list": name}, task=None),
            aria_current="page" if name == listed.name else None,
        )
        for name, rows in groups.items()
    ]
    words = _TITLES[listed.name].format(first=first.letter, other=second.letter)
    left = h(
        "div",
        h("nav", tabs, cls="sections", aria_label="Lists"),
        h("div", h("span", words, cls="muted"), _orders(view, listed.order), cls="row spread"),
        _table(view, shown, listed, other),
        cls="stack tight",
    )
    return h("div", left, _detail(store, shown, found, listed, other), cls="split thin")


def chosen_list(view: View, groups: dict[str, list[Row]], other: int) -> Listed:
    """What the address says; by default the first of gained, lost, both, neither that has a problem, and its first."""
    name = view.get("list", "")
    if name not in groups:
        name = next((group for group in GROUPS if groups[group]), ALL)
    order = cast(Order, view.get("order")) if view.get("order") in ORDERS else "gain"
    rows = ordered(groups[name], order, other)
    last = max(0, (len(rows) - 1) // PAGE_ROWS)
    page = min(last, number(view, "samples"))
    task = view.get("task", "")
    first = rows[page * PAGE_ROWS] if rows else None
    return Listed(name, order, rows, page, next((r for r in rows if r.task_id == task), first))


def _orders(view: View, order: Order) -> Html:
    options = [
        option(words, query({**view, "order": name}, task=None), is_chosen=name == order)
        for name, words in _ORDER_WORDS.items()
    ]
    return picker("Order", "order", options)


def _table(view: View, shown: SideBySide, listed: Listed, other: int) -> Html:
    if not listed.rows:
        return h("p", "None.", cls="muted")
    view = {**view, "list": listed.name, "order": listed.order}

    def name(problem: Row) -> Html:
        address = query({**view, "task": problem.task_id})
        return link(problem.task_id, address, aria_current="true" if problem == listed.chosen else None)

    def line(problem: Row, cells: list[Html]) -> Html:
        return row(cells, is_chosen=problem == listed.chosen)

    rows = listed.rows[listed.page * PAGE_ROWS : (listed.page + 1) * PAGE_ROWS]
    pages = pager({**view, "task": ""}, "samples", listed.page, len(listed.rows))
    return h("div", matrix(shown, rows, other, name, line), pages)


def _detail(store: Store, shown: SideBySide, found: Sequence[Source], listed: Listed, other: int) -> Html:
    if listed.chosen is None:
        return h("p", "No problem is in this list.", cls="muted")
    pair = [Shown(shown.sides[i], found[i].evidence(store)) for i in (0, other)]
    return h(
        "article",
        h("h2", listed.chosen.task_id, cls="mono"),
        problem_box(listed.chosen, pair),
        cls="card stack",
        aria_label="Answers",
    )
