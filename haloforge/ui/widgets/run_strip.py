"""Where a run stands: the steps of its cycle from left to right, each with its rate, and what is left of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui import progress
from haloforge.ui.formatting import left, number, rate
from haloforge.ui.markup import Child, Html, h, join
from haloforge.ui.widgets import chips

_SHOWN = ("running", "stopped", "interrupted", "failed")
_NAMES = {"sample": "Sample", "verify": "Verify", "train": "Train", "evaluate": "Evaluate", "generate": "Generate"}


@dataclass(frozen=True)
class Step:
    """One box of the strip: a phase, or (without a total) a plain number."""

    name: str
    phase: progress.Phase | None = None
    text: str = ""


def render(store: Store, run: Run) -> Html:
    """The strip; nothing for a run that is done or has not begun."""
    if run.status not in _SHOWN:
        return Html("")
    seen = progress.outlook(store, run)
    is_running = run.status == "running"
    if not seen.phases:
        return _waiting() if is_running else Html("")
    steps = (
        raft_steps(store, run, seen) if run.stage == "raft" and seen.cycle else [Step(_name(p), p) for p in seen.phases]
    )
    boxes = [_box(step, is_running=is_running) for step in steps]
    head = _head(seen, is_running=is_running)
    return h("div", head, h("ol", boxes, cls="strip", aria_label="Progress"), cls="stack tight")


def raft_steps(store: Store, run: Run, seen: progress.Outlook) -> list[Step]:
    """sample, verify, keep, train, evaluate: those counted by the run's own reports, those by what is in the store."""
    begun = {p.name: p for p in seen.phases}
    counts = _counts(store, run, seen.cycle or 0)
    steps = []
    if sampled := begun.get("sample"):
        steps.append(Step("Sample", sampled))
        steps.append(Step("Verify", progress.Phase("verify", counts["verified"], sampled.total, seen.cycle)))
    if counts["selected"]:
        steps.append(Step("Keep", text=number(counts["kept"])))
    return steps + [Step(_name(begun[name]), begun[name]) for name in ("train", "evaluate") if name in begun]


def _counts(store: Store, run: Run, cycle: int) -> Mapping[str, int]:
    rows = [row for row in store.tallies(run.id, cycle) if row["purpose"] == "train"]
    return {
        "verified": sum(row["n"] for row in rows if row["status"]),
        "selected": sum(row["n"] for row in rows if row["kept"] >= 0),
        "kept": sum(row["n"] for row in rows if row["kept"] == 1),
    }


def _head(seen: progress.Outlook, *, is_running: bool) -> Html:
    """Cycle 2 of 5, with what is left of the cycle and of the run."""
    cycle = "Starting model" if seen.cycle == 0 else f"Cycle {seen.cycle}"
    place = f"{cycle} of {seen.cycles}" if seen.cycles and seen.cycle else cycle if seen.cycle is not None else ""
    lefts: Sequence[str] = [left(seen.cycle_left_s, "cycle"), left(seen.run_left_s, "run")] if is_running else []
    parts: list[Child] = [
        h("b", place) if place else None,
        *(h("span", text, cls="muted left") for text in lefts if text),
    ]
    return h("div", parts, cls="row") if any(parts) else Html("")


def _box(step: Step, *, is_running: bool) -> Html:
    phase = step.phase
    if phase is None:
        return h("li", h("span", step.name, cls="muted"), h("b", step.text))
    is_at_work = is_running and phase.done < phase.total
    speed = [rate(phase.rate) if phase.rate else "", left(phase.left_s)] if is_at_work else []
    return h(
        "li",
        h("span", step.name, cls="muted"),
        h("b", f"{number(phase.done)}/{number(phase.total)}"),
        chips.bar(phase.share, moving=is_at_work),
        h("span", join([text for text in speed if text], between=", "), cls="muted left"),
        cls="now" if is_at_work else None,
    )


def _name(phase: progress.Phase) -> str:
    return _NAMES.get(phase.name, phase.name.capitalize())


def _waiting() -> Html:
    return h("p", "At work, nothing counted yet: it loads the model, or no sample is finished.", cls="muted")
