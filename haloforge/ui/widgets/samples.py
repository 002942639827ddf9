"""The samples of a run: filters, 50 a page from new to old, one sample in full, and one problem across the cycles."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from urllib.parse import urlencode

from haloforge.records import STATUSES, Purpose, Run
from haloforge.stages.raft.selection import Reason
from haloforge.store import LIST_ROWS, ListFilter, SamplePage, Store, StoredSample
from haloforge.ui.formatting import number as number_text
from haloforge.ui.markup import Child, Html, empty, h, join, link, table
from haloforge.ui.palette import VERDICTS
from haloforge.ui.view import View, number, query
from haloforge.ui.widgets import across, chips
from haloforge.ui.widgets.lists import PAGED, pick, row, search
from haloforge.ui.widgets.sample_detail import detail, reason_words

EXPORT = "samples.jsonl"
"""Where the server sends the samples of an address as JSON Lines."""
PURPOSES = {"train": "training", "eval": "held out", "benchmark": "benchmark", "data": "data"}
_MAX_OPTIONS = 2000
_FILTERS = ("cycle", "purpose", "status", "kept", "problem", "reward", "text")
_REWARDS = {"0": (0.0, 0.0), "low": (1e-9, 0.5 - 1e-9), "mid": (0.5, 1 - 1e-9), "1": (1.0, 1.0)}
_REWARD_WORDS = [("0", "0"), ("low", "above 0, below 0.5"), ("mid", "0.5 or more, below 1"), ("1", "1")]


def render(store: Store, run: Run, view: View) -> Html:
    """Filters and one page of samples, and the chosen sample; or the samples of one problem across the cycles."""
    if view.get("across"):
        return across.render(store, run, view)
    which = filters(view)
    page = store.sample_page(run.id, after=_place(view, "after"), before=_place(view, "before"), **which)
    total = store.count_list(run.id, **which)
    if not page.samples:
        return join([_filters(store, run, view), _nothing(page, view, total)])
    chosen = _chosen(store, run, view, page.samples)
    heads = (
        "Problem",
        "Verdict",
        h("th", "Reward", scope="col", cls="num wide"),
        h("th", "Tests", scope="col", cls="num"),
        h("th", "Cycle", scope="col", cls="num wide"),
        h("th", "Kept", scope="col", cls="wide"),
    )
    body = [_row(judged, view, is_chosen=judged.id == chosen.id) for judged in page.samples]
    listing = h("div", table(heads, body, label="Samples", cls="walk"), pager(view, page, total))
    shown = detail(chosen, store.problem(run.id, chosen.sample.task_id), view)
    return join([_filters(store, run, view), h("div", listing, shown, cls="split")])


def filters(view: Mapping[str, str]) -> ListFilter:
    """What the address asks of the list of samples; an impossible value is no filter."""
    cycle, kept = view.get("cycle", ""), view.get("kept", "")
    return {
        "cycle": int(cycle) if cycle.isdecimal() and len(cycle) < 10 else None,
        "purpose": cast(Purpose, view["purpose"]) if view.get("purpose") in PURPOSES else None,
        "status": view["status"] if view.get("status") in STATUSES else None,
        "kept": {"yes": True, "no": False}.get(kept),
        "reason": kept if kept in get_args(Reason) else None,
        "task_id": view.get("problem") or None,
        "reward": _REWARDS.get(view.get("reward", "")),
        "text": view.get("text") or None,
    }


def pager(view: View, page: SamplePage, total: int | None) -> Html:
    """51 to 100 of 412, newest first, with links to the newer and the older page; nothing when one page is all."""
    at = _page_number(view)
    if page.older is None and at == 0 and page.newer is None:
        return Html("")
    first = at * LIST_ROWS + 1
    known = f" of {number_text(total)}" if total is not None else ""
    position = f"{number_text(first)} to {number_text(first + len(page.samples) - 1)}{known}"
    if page.older is not None and len(page.samples) < LIST_ROWS:
        position = f"{len(page.samples)} among the newest that were looked at"
    newer = query(view, samples=at - 1 or None, before=page.newer if at > 1 else None, after=None, sample=None)
    older = query(view, samples=at + 1, after=page.older, before=None, sample=None)
    return h(
        "nav",
        link("Previous", newer, rel="prev") if at else h("span", "Previous"),
        h("span", position),
        link("Next", older, rel="next") if page.older is not None else h("span", "Next"),
        cls="pager",
        aria_label="Pages",
    )


def _page_number(view: View) -> int:
    """From 0 on; an address without a place in the list is that of the newest page."""
    return number(view, "samples") if view.get("after") or view.get("before") else 0


def _place(view: View, name: str) -> int | None:
    at = number(view, name, -1)
    return None if at < 0 else at


def _nothing(page: SamplePage, view: View, total: int | None) -> Html:
    if page.older is not None:
        further = link(
            "Look further",
            query(view, samples=_page_number(view) + 1, after=page.older, before=None, sample=None),
            cls="act",
        )
        return empty("None of the samples that were looked at so far fits.", further, _show_all(view))
    if _page_number(view) and total != 0:
        return empty(
            "There are no more samples.", link("To the newest", query(view, **dict.fromkeys(PAGED)), cls="act")
        )
    return empty("No sample fits these filters.", _show_all(view))


def _filters(store: Store, run: Run, view: View) -> Html:
    counts = store.tallies(run.id)
    cycles = sorted({row["cycle"] for row in counts})
    purposes = sorted({row["purpose"] for row in counts})
    present = {row["status"] for row in counts}
    reasons = sorted({row["reason"] for row in counts if row["kept"] == 0 and row["reason"]})
    kept = [("yes", "kept"), ("no", "not kept"), *((reason, f"no: {reason_words(reason)}") for reason in reasons)]
    problems = store.problem_ids(run.id)[:_MAX_OPTIONS]
    parts: list[Child] = [
        search(view, "text", "Search answers"),
        len(cycles) > 1 and pick(view, "cycle", "Cycle", [(str(c), str(c)) for c in cycles]),
        len(purposes) > 1 and pick(view, "purpose", "For", [(p, PURPOSES.get(p, p)) for p in purposes]),
        pick(view, "status", "Verdict", [(s, look.word) for s, look in VERDICTS.items() if s in present]),
        pick(view, "reward", "Reward", _REWARD_WORDS),
        run.stage == "raft" and pick(view, "kept", "Kept", kept),
        pick(view, "problem", "Problem", [(p, p) for p in problems]),
        any(view.get(name) for name in _FILTERS) and _show_all(view),
        bool(counts) and _export(run, view),
    ]
    return h("div", [p for p in parts if p], cls="row filters")


def _export(run: Run, view: View) -> Html:
    asked = {name: view[name] for name in _FILTERS if view.get(name)}
    address = f"{EXPORT}?{urlencode({'run': run.id, **asked})}"
    text = "Download these" if asked else "Download all"
    return h("a", text, href=address, download=f"{run.id}.jsonl", cls="act", title="JSON Lines, one sample a line")


def _show_all(view: View) -> Html:
    return link("Show all", query(view, **dict.fromkeys(_FILTERS)), cls="act")


def _chosen(store: Store, run: Run, view: View, rows: Sequence[StoredSample]) -> StoredSample:
    """The sample in the address, on this page or (as newer ones have come since) not; else the first of the page."""
    named = store.sample(number(view, "sample", -1)) if view.get("sample") else None
    return named if named and named.run == run.id else rows[0]


def _row(judged: StoredSample, view: View, *, is_chosen: bool) -> Html:
    verdict = judged.verdict
    tests = f"{verdict.tests_passed}/{verdict.tests_total}" if verdict and verdict.tests_total else ""
    name = link(
        f"{judged.sample.task_id} #{judged.sample.index}",
        query(view, sample=judged.id),
        aria_current="true" if is_chosen else None,
    )
    kept: Any = {True: "kept", False: reason_words(judged.reason), None: ""}[judged.kept]
    cells = [
        h("td", name, cls="mono clip"),
        h("td", chips.verdict(verdict.status if verdict else None)),
        h("td", number_text(verdict.reward) if verdict else "", cls="num wide"),
        h("td", tests, cls="num"),
        h("td", judged.cycle, cls="num wide"),
        h("td", kept, cls="muted wide"),
    ]
    return row(cells, is_chosen=is_chosen)
