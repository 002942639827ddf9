"""The overview of a run: figures, charts, what it made."""

from collections.abc import Sequence

from haloforge.records import Event, Run
from haloforge.stages.shared.costs import Cost, costs, energy_text, seconds_text
from haloforge.store import Store
from haloforge.ui import charts, series
from haloforge.ui.markup import Child, Html, h, join, note, table
from haloforge.ui.view import View
from haloforge.ui.widgets import result
from haloforge.ui.widgets.chips import ago
from haloforge.ui.wording import number, percent


def render(store: Store, run: Run, view: View) -> Html:
    """Charts and artifacts; a sentence while there is neither."""
    numbers, boxes = figures(store, run), run_charts(store, run)
    made = artifacts(store.events(run.id, kind="artifact"))
    if not (numbers or boxes or made):
        return h("p", _WAITING.get(run.status, "This run reported no numbers."), cls="muted")
    spent = cost_table(costs(store, run.id))
    return join([notes(store, run), numbers, h("div", boxes, cls="grid2") if boxes else None, spent, made])


def notes(store: Store, run: Run) -> list[Html]:
    """What a run warns of in its newest cycle, and how it ended."""
    lines = [str(event.data["text"]) for event in store.events(run.id, kind="log")]
    alarms = [line for line in lines if line.startswith(_ALARM)]
    newest = alarms[-1].partition(":")[0] if alarms else ""
    out = [note(line[:1].upper() + line[1:], "error") for line in alarms if line.startswith(f"{newest}:")]
    if run.status == "done" and run.stage != "benchmark" and lines:
        out.append(note(lines[-1][:1].upper() + lines[-1][1:], "good"))
    return out


def figures(store: Store, run: Run) -> Html | None:
    """The few numbers that tell how the run went."""
    if run.stage == "benchmark":
        return result.figures(run) if run.status == "done" else None
    shown = raft_figures(store, run) if run.stage == "raft" else []
    if run.stage == "data-prepare":
        rows = series.made_rows(store, run)
        shown = [] if rows is None else [_figure(number(rows), "problems written")]
    return h("div", shown, cls="figures") if shown else None


def raft_figures(store: Store, run: Run) -> list[Html]:
    """Held-out pass@1 before and at its best, and what the newest cycle was made of."""
    cycles = series.held_out(store, run)
    top = series.best(cycles)
    shown = [_figure(percent(cycles[0].rate), "held-out pass@1 before")] if cycles and cycles[0].number == 0 else []
    if top and top.number:
        shown.append(_figure(percent(top.rate), f"held-out pass@1 at its best, cycle {top.number}"))
    values = series.newest(store, run.id, "cycle")
    for name, words, is_share in _CYCLE_FIGURES:
        if values.get(name) is not None:
            shown.append(_figure(percent(values[name]) if is_share else number(values[name]), words))
    return shown


def _figure(value: str, words: str) -> Html:
    return h("div", h("b", value), h("span", words), cls="figure")


def run_charts(store: Store, run: Run) -> list[Html]:
    """Loss, pass rates by cycle, verdict shares by cycle: those there are numbers for."""
    events = store.events(run.id, kind="metric")
    loss = series.losses(events)
    rates = series.cycle_rates(events)
    out = []
    if rates:
        out.append(charts.chart(f"rates-{run.id}", charts.rates(rates, x="cycle", key=run.id), "Pass rate"))
    if loss:
        out.append(charts.chart(f"loss-{run.id}", charts.lines(loss, x="step", key=run.id), "Loss"))
    for purpose, counts in series.status_shares(store.status_counts(run.id)).items():
        figure = charts.shares(counts, x="cycle" if len(counts) > 1 or run.stage == "raft" else "", key=run.id)
        total = number(sum(n for group in counts.values() for n in group.values()))
        title = f"Verdicts, {_PURPOSES[purpose]}"
        name = f"verdicts-{purpose}-{run.id}"
        out.append(charts.chart(name, figure, title, f"{total} samples", flat=len(counts) == 1))
    return out


def cost_table(spent: Sequence[Cost]) -> Html | None:
    """What every phase cost; where a phase was resumed, what its last process measured is the least of it."""
    if not spent:
        return None
    rows = [
        h(
            "tr",
            h("td", f"cycle {cost.cycle} {cost.phase}" if cost.cycle else cost.phase),
            h("td", ("at least " if cost.is_resumed else "") + seconds_text(cost.seconds), cls="num"),
            h("td", "" if cost.cpu_s is None else seconds_text(cost.cpu_s), cls="num"),
            h("td", "" if cost.tokens is None else number(cost.tokens), cls="num"),
            h("td", energy_text(cost), cls="num wide"),
        )
        for cost in spent
    ]
    heads: list[Child] = ["Cost of", *(h("th", name, scope="col", cls="num") for name in ("Time", "CPU", "Tokens"))]
    return table([*heads, h("th", "Energy", scope="col", cls="num wide")], rows, label="Costs")


def artifacts(events: Sequence[Event]) -> Html | None:
    """What the run made; of things made again the newest."""
    newest = {(e.data["name"], e.data["path"]): e for e in events}
    if not newest:
        return None
    rows = [
        h("tr", h("td", name), h("td", h("code", path)), h("td", ago(e.time), cls="num wide"))
        for (name, path), e in newest.items()
    ]
    heads: list[Child] = ["Made", "Where", h("th", "When", scope="col", cls="num wide")]
    return table(heads, rows, label="Artifacts")


_ALARM = "alarm in cycle"
_CYCLE_FIGURES = (
    ("train_pass_rate", "of the newest cycle's samples passed", True),
    ("kept", "of them kept", False),
    ("duplicates_share", "of passing samples are copies", True),
    ("truncated_share", "of samples cut off", True),
    ("seconds_per_kept", "seconds per kept sample", False),
    ("useful_tokens_per_s", "sampled tokens per second, to the end token", False),
)
"""Value of the metric "cycle", what it is, is it a share."""
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
