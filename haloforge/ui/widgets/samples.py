"""The samples of a run: filters, 50 a page, and one sample in full."""

from collections.abc import Sequence
from typing import Any, cast

from haloforge.records import STATUSES, Purpose, Run
from haloforge.store import Store, StoredSample
from haloforge.ui.formatting import number as number_text
from haloforge.ui.markup import Html, empty, h, join, link, table
from haloforge.ui.palette import VERDICTS
from haloforge.ui.view import View, number, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.lists import PAGE_ROWS, option, pager, picker, row
from haloforge.ui.widgets.sample_detail import detail, reason_words

_MAX_OPTIONS = 2000
_FILTERS = ("cycle", "purpose", "status", "kept", "problem")


def render(store: Store, run: Run, view: View) -> Html:
    """Filters and one page of samples on the left, the chosen sample on the right."""
    total = store.count_samples(run.id, **filters(view))
    page = min(number(view, "samples"), max(0, total - 1) // PAGE_ROWS)
    rows = store.samples(run.id, **filters(view), offset=page * PAGE_ROWS, limit=PAGE_ROWS)
    if not rows:
        return join([_filters(store, run, view), empty("No sample fits these filters.", _show_all(view))])
    chosen = _chosen(store, run, view, rows)
    heads = (
        "Problem",
        "Verdict",
        h("th", "Reward", scope="col", cls="num wide"),
        h("th", "Tests", scope="col", cls="num"),
        h("th", "Kept", scope="col", cls="wide"),
    )
    body = [_row(judged, view, is_chosen=judged.id == chosen.id) for judged in rows]
    listing = h("div", table(heads, body, label="Samples", cls="walk"), pager(view, "samples", page, total))
    problem = store.problem(run.id, chosen.sample.task_id)
    return join([_filters(store, run, view), h("div", listing, detail(chosen, problem), cls="split")])


def filters(view: View) -> dict[str, Any]:
    """The filters of `Store.samples` that the address names; an impossible value is no filter."""
    cycle, kept = view.get("cycle", ""), view.get("kept", "")
    return {
        "cycle": int(cycle) if cycle.isdecimal() else None,
        "purpose": cast(Purpose | None, view.get("purpose") or None),
        "status": view["status"] if view.get("status") in STATUSES else None,
        "kept": {"yes": True, "no": False}.get(kept),
        "task_id": view.get("problem") or None,
    }


def _filters(store: Store, run: Run, view: View) -> Html:
    counts = store.status_counts(run.id)
    cycles = sorted({row["cycle"] for row in counts})
    purposes = sorted({row["purpose"] for row in counts})
    present = {row["status"] for row in counts}
    problems = [p.task_id for p in store.problems(run.id)]
    pickers = [
        len(cycles) > 1 and _pick(view, "cycle", "Cycle", [(str(c), str(c)) for c in cycles]),
        len(purposes) > 1 and _pick(view, "purpose", "For", [(p, _PURPOSES.get(p, p)) for p in purposes]),
        _pick(view, "status", "Verdict", [(s, look.word) for s, look in VERDICTS.items() if s in present]),
        run.stage == "raft" and _pick(view, "kept", "Kept", [("yes", "kept"), ("no", "not kept")]),
        _pick(view, "problem", "Problem", [(p, p) for p in problems[:_MAX_OPTIONS]]),
    ]
    chosen = any(view.get(name) for name in _FILTERS)
    return h("div", [p for p in pickers if p], chosen and _show_all(view), cls="row")


def _pick(view: View, name: str, label: str, choices: Sequence[tuple[str, str]]) -> Html:
    """A filter with the value and the text of each choice; choosing goes back to the first page."""
    options = [
        option(text, query({**view, name: value}, samples=None, sample=None), is_chosen=view.get(name, "") == value)
        for value, text in [("", "all"), *choices]
    ]
    return picker(label, name, options)


def _show_all(view: View) -> Html:
    return link("Show all", query(view, **dict.fromkeys(_FILTERS)), cls="act")


def _chosen(store: Store, run: Run, view: View, rows: Sequence[StoredSample]) -> StoredSample:
    wanted = number(view, "sample", -1)
    return next((judged for judged in rows if judged.id == wanted), rows[0])


def _row(judged: StoredSample, view: View, *, is_chosen: bool) -> Html:
    verdict = judged.verdict
    tests = f"{verdict.tests_passed}/{verdict.tests_total}" if verdict and verdict.tests_total else ""
    name = link(
        f"{judged.sample.task_id} #{judged.sample.index}",
        query(view, sample=judged.id),
        aria_current="true" if is_chosen else None,
    )
    kept = {True: "kept", False: reason_words(judged.reason), None: ""}[judged.kept]
    cells = [
        h("td", name, cls="mono clip"),
        h("td", chips.verdict(verdict.status if verdict else None)),
        h("td", number_text(verdict.reward) if verdict else "", cls="num wide"),
        h("td", tests, cls="num"),
        h("td", kept, cls="muted wide"),
    ]
    return row(cells, is_chosen=is_chosen)


_PURPOSES = {"train": "training", "eval": "held out", "benchmark": "benchmark", "data": "data"}
