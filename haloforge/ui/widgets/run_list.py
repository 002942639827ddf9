"""The list of runs: one line each, newest first."""

from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui import metrics, progress
from haloforge.ui.formatting import duration, title
from haloforge.ui.markup import Html, empty, h, join, link, table
from haloforge.ui.palette import STAGES
from haloforge.ui.view import View, number, open_run, query
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.lists import PAGE_ROWS, pager, row

_HEADS = (
    h("th", "Run", scope="col"),
    h("th", "Status", scope="col"),
    h("th", "Result", scope="col", cls="num"),
    h("th", "Started", scope="col", cls="num wide"),
)


def render(store: Store, view: View) -> Html:
    """One page of runs, the chosen one marked."""
    total = store.count_runs()
    if not total:
        return empty(
            "No runs yet. Prepare a problem set first; SFT, RAFT and the benchmark follow from it.",
            link("Prepare data", query({"tab": "data"}), cls="act primary"),
        )
    chosen = chosen_run(store, view)
    page = min(number(view, "runs"), (total - 1) // PAGE_ROWS)
    shown = store.runs(limit=PAGE_ROWS, offset=page * PAGE_ROWS)
    rows = [_row(store, run, is_chosen=chosen is not None and run.id == chosen.id) for run in shown]
    return join([table(_HEADS, rows, label="Runs", cls="walk"), pager(view, "runs", page, total)])


def chosen_run(store: Store, view: View) -> Run | None:
    """The run in the address; if none is named, a running one, else the newest."""
    named = view.get("run", "")
    if named:
        return store.find_run(named)
    return next(iter(store.runs(status="running", limit=1) or store.runs(limit=1)), None)


def _row(store: Store, run: Run, *, is_chosen: bool) -> Html:
    phase = progress.current(store, run) if run.status != "queued" else None
    name = link(title(run), open_run(run.id), aria_current="true" if is_chosen else None, title=run.id)
    cells = [
        h("td", name, h("div", _about(store, run), cls="muted"), cls="main"),
        h("td", chips.run_status(run), _progress(run, phase)),
        h("td", metrics.key_figure(store, run), cls="num"),
        h("td", chips.ago(run.started or run.created), cls="num wide"),
    ]
    return row(cells, is_chosen=is_chosen)


def _about(store: Store, run: Run) -> Html:
    """RAFT, 32 min, after: first tuning."""
    before = store.find_run(run.parent) if run.parent else None
    after = [", after ", link(title(before) if before else run.parent, open_run(run.parent))] if run.parent else []
    time = took(run)
    return join([STAGES.get(run.stage, run.stage), *([", ", time] if time else []), *after])


def took(run: Run) -> Html | str:
    """How long a run has worked, from its first start to its end."""
    if run.started is None:
        return ""
    return duration(run.finished - run.started) if run.finished else chips.since(run.started)


def _progress(run: Run, phase: progress.Phase | None) -> Html | str:
    if phase is None or run.status == "done":
        return ""
    is_running = run.status == "running"
    left = f", {duration(phase.left_s)} left of it" if is_running and phase.left_s else ""
    return h("div", h("span", chips.phase_text(phase), left, cls="muted"), chips.bar(phase.share, moving=is_running))
