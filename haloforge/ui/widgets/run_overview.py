"""The overview of a run: its key numbers, charts, costs and artifacts."""

from collections.abc import Sequence
from pathlib import Path

from haloforge.config import STAGES
from haloforge.records import Event, Run
from haloforge.settings import settings
from haloforge.stages.shared.costs import NOT_READABLE, Cost, costs, energy_text, seconds_text
from haloforge.store import Store
from haloforge.ui import charts, curves, metrics
from haloforge.ui.fields import in_labels
from haloforge.ui.formatting import number, percent
from haloforge.ui.launch import next_steps
from haloforge.ui.markup import Child, Html, h, join, link, note, table
from haloforge.ui.recorded import is_recorded
from haloforge.ui.view import View, cycle_key, query
from haloforge.ui.widgets import released, result, run_alarms, run_cycles, run_lineage, run_live
from haloforge.ui.widgets.chips import ago


def render(store: Store, run: Run, view: View) -> Html:
    """Alarms, numbers, cycles, charts, lineage, costs and artifacts; a sentence while there are none."""
    numbers, boxes, spent = figures(store, run), run_charts(store, run), costs(store, run.id)
    files = artifacts(store.events(run.id, kind="artifact"), run)
    parts = [
        *notes(store, run),
        numbers,
        next_links(store, run),
        released.render(store, run),
        run_cycles.render(store, run, view, spent) if run.stage == "raft" else None,
        run_live.newest_samples(store, run) if run.status == "running" else None,
        h("div", boxes, cls="grid2") if boxes else None,
        run_lineage.render(store, run, view),
        cost_table(spent),
        files,
    ]
    if not any(parts):
        return h("p", _WAITING.get(run.status, "This run reported no numbers."), cls="muted")
    return join(parts)


def next_links(store: Store, run: Run) -> Html | None:
    """What a run that is done offers next, each with its form filled in; None for others."""
    offered = next_steps.steps(store, run)
    links = [link(step.text, step.address, cls="act") for step in offered]
    return h("nav", h("span", "Next", cls="muted"), links, cls="row", aria_label="Next steps") if links else None


def notes(store: Store, run: Run) -> list[Html]:
    """The alarms of the newest cycle, and the last line of a run that is done."""
    shown = run_alarms.render(store, run)
    last = next(iter(store.last_events(run.id, "log", 1)), None)
    if run.status == "done" and run.stage != "benchmark" and last is not None:
        line = in_labels(str(last.data["text"]), settings(STAGES[run.stage]) if run.stage in STAGES else ())
        kind = "error" if line.startswith(_TRAINED_NOTHING) else "" if _NO_CHANGE in line else "good"
        shown.append(note(line[:1].upper() + line[1:], kind))
    return shown


def figures(store: Store, run: Run) -> Html | None:
    """The few numbers that say how the run went; None for none."""
    if run.stage == "benchmark":
        return result.figures(run) if run.status == "done" else None
    cycles = metrics.held_out(store, run) if run.stage == "raft" else []
    shown = raft_figures(store, run, cycles) if run.stage == "raft" else []
    if run.stage == "data-prepare":
        rows = metrics.rows_written(store, run)
        shown = [] if rows is None else [_figure(number(rows), "problems written")]
    return join([h("div", shown, cls="figures"), compare_link(run, cycles)]) if shown else None


def compare_link(run: Run, cycles: Sequence[metrics.Cycle]) -> Html | None:
    """To the comparison of the starting model with the best of the cycles that were trained; None where one lacks.

    A run that is done offers it among the next steps.
    """
    if run.status == "done" or len(cycles) < 2 or cycles[0].number:
        return None
    top = metrics.best(cycles[1:])
    assert top is not None
    address = query({"tab": "compare"}, a=cycle_key(run.id, 0), b=cycle_key(run.id, top.number))
    return link(f"Compare cycle {top.number} with the starting model", address, cls="act")


def raft_figures(store: Store, run: Run, cycles: Sequence[metrics.Cycle]) -> list[Html]:
    """Held-out pass@1 before and at its best."""
    score = metrics.held_out_score(store.metrics(run.id, "cycle"))
    top = metrics.best(cycles)
    shown = [_figure(percent(cycles[0].rate), f"{score} before")] if cycles and cycles[0].number == 0 else []
    if top and top.number:
        shown.append(_figure(percent(top.rate), f"{score} at its best, cycle {top.number}"))
    return shown


def _figure(value: str, caption: str) -> Html:
    return h("div", h("b", value), h("span", caption), cls="figure")


def run_charts(store: Store, run: Run) -> list[Html]:
    """Loss, pass rates by cycle, verdict shares by cycle: those that have numbers."""
    loss = curves.losses(store, run.id)
    rates = metrics.cycle_rates(store.metrics(run.id, "cycle"))
    boxes = []
    if rates:
        boxes.append(charts.chart(f"rates-{run.id}", charts.rates(rates, x="cycle", key=run.id), "Pass rate"))
    if loss:
        boxes.append(charts.chart(f"loss-{run.id}", charts.lines(loss, x="step", key=run.id), "Loss"))
    for purpose, counts in metrics.status_shares(store.status_counts(run.id)).items():
        by_cycle = len(counts) > 1 or run.stage == "raft"
        figure = charts.shares(counts, x="cycle" if by_cycle else "", key=run.id)
        total = number(sum(n for group in counts.values() for n in group.values()))
        title = f"Verdicts, {_PURPOSES[purpose]}"
        name = f"verdicts-{purpose}-{run.id}"
        boxes.append(charts.chart(name, figure, title, f"{total} samples", flat=not by_cycle))
    return boxes


def cost_table(spent: Sequence[Cost]) -> Html | None:
    """The cost of every phase; energy where it could be read. A resumed phase was measured in its last process only."""
    if not spent:
        return None
    has_energy = any(energy_text(cost) != NOT_READABLE for cost in spent)
    rows = [
        h(
            "tr",
            h("td", f"cycle {cost.cycle} {cost.phase}" if cost.cycle else cost.phase),
            h("td", ("at least " if cost.is_resumed else "") + seconds_text(cost.seconds), cls="num"),
            h("td", "" if cost.cpu_s is None else seconds_text(cost.cpu_s), cls="num"),
            h("td", "" if cost.tokens is None else number(cost.tokens), cls="num"),
            h("td", energy_text(cost), cls="num wide") if has_energy else None,
        )
        for cost in spent
    ]
    heads: list[Child] = ["Cost of", *(h("th", name, scope="col", cls="num") for name in ("Time", "CPU", "Tokens"))]
    energy = [h("th", "Energy", scope="col", cls="num wide")] if has_energy else []
    return table([*heads, *energy], rows, label="Costs")


def artifacts(events: Sequence[Event], run: Run) -> Html | None:
    """The artifacts of the run; of one that was written twice, the newest."""
    newest = {(e.data["name"], e.data["path"]): e for e in events}
    if not newest:
        return None
    rows = [
        h("tr", h("td", name), h("td", h("code", path), _gone(run, path)), h("td", ago(e.time), cls="num wide"))
        for (name, path), e in newest.items()
    ]
    heads: list[Child] = ["Made", "Where", h("th", "When", scope="col", cls="num wide")]
    return table(heads, rows, label="Artifacts")


def _gone(run: Run, path: str) -> Html | None:
    if Path(run.cwd, path).exists():
        return None
    return h("div", "not part of the recording" if is_recorded(run) else "not there any more", cls="muted")


_TRAINED_NOTHING = "nothing was trained"
_NO_CHANGE = "no detectable change"
_WAITING = {
    "queued": "Waiting in the queue: one run works at a time, and one with a parent waits until that is done.",
    "running": "Nothing to chart yet.",
}
_PURPOSES = {
    "train": "training samples",
    "eval": "held-out samples",
    "benchmark": "benchmark samples",
    "data": "generated",
}
