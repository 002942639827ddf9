"""The list of runs: searched, filtered and sorted, one line each; above it the queue."""

from haloforge.records import Run, RunStatus
from haloforge.store import ORDERS, RunFilter, RunLine, Store
from haloforge.ui import metrics, progress
from haloforge.ui.formatting import count, duration, left, title
from haloforge.ui.markup import Html, button, empty, h, join, link, table
from haloforge.ui.palette import RUNS, STAGES
from haloforge.ui.view import View, number, open_run, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.lists import PAGE_ROWS, pager, pick, row, search

_HEADS = (
    h("th", "Run", scope="col"),
    h("th", "Status", scope="col"),
    h("th", "Result", scope="col", cls="num"),
    h("th", "Started", scope="col", cls="num wide"),
)
_FILTERS = ("find", "stage", "was", "tag")


def render(store: Store, view: View) -> Html:
    """The queue, the filters, and one page of runs, the chosen one marked."""
    if not store.count_runs():
        return empty(
            "No runs yet. Prepare a problem set first; SFT, RAFT and the benchmark follow from it.",
            link("Prepare data", query({"tab": "data"}), cls="act primary"),
        )
    which = filters(view)
    total = store.count_lines(**which)
    page = min(number(view, "runs"), max(0, total - 1) // PAGE_ROWS)
    order = view["sort"] if view.get("sort") in ORDERS else "newest"
    lines = store.run_lines(limit=PAGE_ROWS, offset=page * PAGE_ROWS, order=order, **which)
    chosen = chosen_run(store, view)
    rows = [_row(store, line, view, is_chosen=chosen is not None and line.run.id == chosen.id) for line in lines]
    listing = table(_HEADS, rows, label="Runs", cls="walk") if rows else empty("No run fits.", _show_all(view))
    return h(
        "div",
        queue(store, view),
        _filters(store, view),
        h("div", listing, pager(view, "runs", page, total)),
        cls="stack tight",
    )


def filters(view: View) -> RunFilter:
    """What the address asks of the list; a stage or status that does not exist filters nothing."""
    return {
        "text": view.get("find", ""),
        "stage": view["stage"] if view.get("stage") in STAGES else "",
        "status": view["was"] if view.get("was") in RUNS else "",
        "tag": view.get("tag", ""),
    }


def chosen_run(store: Store, view: View) -> Run | None:
    """The run in the address; if none is named, a running one, else the newest."""
    named = view.get("run", "")
    if named:
        return store.find_run(named)
    return next(iter(store.runs(status="running", limit=1) or store.runs(limit=1)), None)


def queue(store: Store, view: View) -> Html:
    """The runs that wait, in the order in which they are taken; nothing where none waits."""
    waiting = store.waiting()
    if not waiting:
        return Html("")
    items = [_waiting(run, view, is_first=place == 0) for place, run in enumerate(waiting[:PAGE_ROWS])]
    rest = len(waiting) - len(items)
    more = h("p", f"and {count(rest, 'more run')}", cls="muted") if rest else None
    return h("section", h("h3", "Queue"), h("ol", items, cls="queue"), more, cls="card", aria_label="Queue")


def took(run: Run) -> Html | str:
    """How long a run has worked, from its first start to its end."""
    if run.started is None:
        return ""
    return duration(run.finished - run.started) if run.finished else chips.since(run.started)


def _filters(store: Store, view: View) -> Html:
    stages = [(stage, name) for stage, name in STAGES.items()]
    statuses: list[tuple[RunStatus, str]] = [(status, look.word) for status, look in RUNS.items()]
    tags = [(tag, tag) for tag in store.tags()]
    parts = [
        search(view, "find", "Search runs"),
        pick(view, "stage", "Stage", stages),
        pick(view, "was", "Status", statuses),
        bool(tags) and pick(view, "tag", "Tag", tags),
        pick(view, "sort", "Sort", [(name, name) for name in ORDERS if name != "newest"], nothing="newest"),
        any(view.get(name) for name in _FILTERS) and _show_all(view),
    ]
    return h("div", [p for p in parts if p], cls="row filters")


def _show_all(view: View) -> Html:
    return link("Show all", query(view, runs=None, **dict.fromkeys(_FILTERS)), cls="act")


def _waiting(run: Run, view: View, *, is_first: bool) -> Html:
    up = button("Up", "up", run.id, aria_label=f"Move {title(run)} up", disabled=is_first)
    out = button("Remove", "stop", f"now {run.id}", aria_label=f"Take {title(run)} out of the queue")
    name = link(title(run), open_run(run.id, view))
    return h(
        "li",
        h("span", name, h("span", f" {STAGES.get(run.stage, run.stage)}", cls="muted")),
        h("span", up, out, cls="row"),
    )


def _row(store: Store, line: RunLine, view: View, *, is_chosen: bool) -> Html:
    run, found = line.run, metrics.figure(line.run.stage, line.figures)
    name = link(title(run), open_run(run.id, view), aria_current="true" if is_chosen else None, title=run.id)
    phase, is_running = _phase(line), run.status == "running"
    stands = [h("div", chips.phase_text(phase), cls="muted"), is_running and chips.bar(phase.share)] if phase else None
    remains = left(progress.outlook(store, run).run_left_s) if is_running else ""
    cells = [
        h(
            "td",
            name,
            h("div", _about(line), [h("span", f" #{tag}") for tag in run.tags.split()], cls="muted"),
            stands,
            cls="main",
        ),
        h("td", chips.run_status(run), h("div", remains, cls="muted left") if remains else None),
        h("td", found.value, h("div", found.caption, cls="muted"), cls="num"),
        h("td", chips.ago(run.started or run.created), cls="num wide"),
    ]
    return row(cells, is_chosen=is_chosen)


def _about(line: RunLine) -> Html:
    """RAFT, 32 min, after first tuning."""
    run, parts = line.run, [h("span", STAGES.get(line.run.stage, line.run.stage))]
    if time := took(run):
        parts.append(h("span", time))
    if run.parent:
        parts.append(h("span", "after ", line.parent_name or run.parent))
    return join(parts, between=", ")


def _phase(line: RunLine) -> progress.Phase | None:
    """Where a run stands that has begun and is not done, from its row alone."""
    now = line.figures
    if now.total is None or now.done is None or line.run.status in ("done", "queued"):
        return None
    return progress.Phase(now.phase or "", now.done, now.total, now.cycle)
