"""The line above the tabs: the product, the sandbox level, and the run at work."""

from haloforge.store import Store
from haloforge.ui import progress, space
from haloforge.ui.formatting import count, left, title
from haloforge.ui.markup import Html, button, h, join, link, note
from haloforge.ui.palette import STAGES
from haloforge.ui.view import View, open_run
from haloforge.ui.widgets import chips
from haloforge.verify import isolation, lost_at


def render(store: Store, view: View) -> Html:
    """Product, sandbox, and the run at work."""
    banner = _demo(store) if space.is_space() else None
    return join(
        [
            h("h1", "halo-forge", cls="brand"),
            sandbox(),
            h("div", _now(store), cls="now"),
            banner,
        ]
    )


def _demo(store: Store) -> Html:
    """What a visitor of the public demo can do, and the one button that starts something."""
    if not space.runs_programs():
        return note(space.CLOSED, "error")
    ahead = space.waiting(store)
    queue = h("span", f"{count(ahead, 'run')} waiting before yours", cls="muted") if ahead else ""
    start = button("Start a tiny RAFT run: some minutes", "visit", cls="act primary")
    return h("div", h("p", space.BANNER), h("div", start, queue, cls="row"), cls="note accent stack")


def sandbox() -> Html:
    """The sandbox level of this machine, as it was probed."""
    level = isolation()
    words = f"sandbox: {_STRENGTHS[level.name]}" + ("" if level.name == "none" else f" ({level.name})")
    about = f"{level.reason}; lost at this level: {lost_at(level.name)}"
    return h("span", words, cls="bad" if level.name == "none" else "muted", title=about)


_STRENGTHS = {"ns": "full", "landlock": "partial", "noopen": "Python only", "none": "none"}


def _now(store: Store) -> list[Html | str]:
    running = store.runs(status="running", limit=5)
    waiting = store.count_runs(status="queued")
    queue = h("span", f"{count(waiting, 'run')} queued", cls="muted") if waiting else ""
    if not running:
        return [h("span", "nothing is running", cls="muted"), queue]
    run = running[0]
    seen = progress.outlook(store, run)
    phase = next((p for p in reversed(seen.phases) if p.done < p.total), None) or next(iter(seen.phases[-1:]), None)
    remains = left(seen.run_left_s, "run") or (left(phase.left_s, phase.name) if phase else "")
    return [
        chips.run_status(run),
        link(f"{STAGES.get(run.stage, run.stage)} {title(run) if run.name else ''}".strip(), open_run(run.id)),
        h("span", chips.phase_text(phase) if phase else "starting", cls="muted"),
        h("span", remains, cls="muted left"),
        queue,
    ]
