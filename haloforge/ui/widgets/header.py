"""The line above the tabs: the product, the sandbox level, and the run at work."""

from haloforge.store import Store
from haloforge.ui import progress, space
from haloforge.ui.formatting import count, duration, title
from haloforge.ui.markup import Html, h, join, link, note
from haloforge.ui.palette import STAGES
from haloforge.ui.view import View, open_run
from haloforge.ui.widgets import chips
from haloforge.verify import isolation


def render(store: Store, view: View) -> Html:
    """Product, sandbox, and the run at work."""
    banner = note(space.BANNER, "accent") if space.is_space() else None
    return join(
        [
            h("h1", "halo-forge", cls="brand"),
            sandbox(),
            h("div", _now(store), cls="now"),
            banner,
        ]
    )


def sandbox() -> Html:
    """The sandbox level of this machine, as it was probed."""
    level = isolation()
    return h("span", f"sandbox: {level.name}", cls="bad" if level.name == "none" else "muted", title=level.reason)


def _now(store: Store) -> list[Html | str]:
    running = store.runs(status="running", limit=5)
    waiting = store.count_runs(status="queued")
    queue = h("span", f"{count(waiting, 'run')} queued", cls="muted") if waiting else ""
    if not running:
        return [h("span", "nothing is running", cls="muted"), queue]
    run = running[0]
    phase = progress.current(store, run)
    left = f"{duration(phase.left_s)} left of {phase.name}" if phase and phase.left_s else ""
    return [
        chips.run_status(run),
        link(f"{STAGES.get(run.stage, run.stage)} {title(run) if run.name else ''}".strip(), open_run(run.id)),
        h("span", chips.phase_text(phase) if phase else "starting", cls="muted"),
        h("span", left, cls="muted"),
        queue,
    ]
