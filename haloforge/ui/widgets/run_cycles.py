"""The cycles of a RAFT run as columns: held-out score with its interval, what was sampled, kept and copied, seconds."""

from collections.abc import Callable, Mapping
from typing import Any

from haloforge.records import Run
from haloforge.stages.shared.costs import Cost
from haloforge.store import Store
from haloforge.ui import metrics
from haloforge.ui.formatting import duration, interval, number, percent
from haloforge.ui.markup import Child, Html, h, link, table
from haloforge.ui.view import View, query

Values = Mapping[str, Any]


def render(store: Store, run: Run, view: View, spent: list[Cost]) -> Html | None:
    """The table; None before the first cycle was evaluated."""
    events = store.metrics(run.id, "cycle")
    cycles: dict[int, Values] = {int(event.data["step"]): event.data["values"] for event in events}
    if not cycles:
        return None
    top = metrics.best(metrics.held_out(store, run))
    score = metrics.held_out_score(events)
    heads = [
        h("th", "", scope="col"),
        *(_head(n, view, is_best=top is not None and n == top.number) for n in sorted(cycles)),
    ]
    lines: list[tuple[str, Callable[[int, Values], Child]]] = [
        (score[:1].upper() + score[1:], lambda _n, v: _held_out(v)),
        *((words, _getter(name, text)) for words, name, text in _ROWS),
        *((f"Time to {phase}", _seconds(spent, phase)) for phase in ("sample", "train", "evaluate")),
    ]
    rows = []
    for words, value in lines:
        cells = [value(n, cycles[n]) for n in sorted(cycles)]
        if any(cell not in ("", None) for cell in cells):
            rows.append(h("tr", h("th", words, scope="row"), [h("td", cell, cls="num") for cell in cells]))
    return table(heads, rows, label="Cycles", cls="cycles")


def _head(cycle: int, view: View, *, is_best: bool) -> Html:
    name = "start" if cycle == 0 else f"cycle {cycle}"
    address = query(view, section="samples", cycle=cycle)
    return h("th", link(name, address, title="its samples"), " best" if is_best else "", scope="col", cls="num")


def _held_out(values: Values) -> Child:
    if values.get("eval_pass@1") is None:
        return ""
    low, high = values.get("eval_low"), values.get("eval_high")
    around = h("div", interval(low, high), cls="muted") if low is not None and high is not None else None
    return [h("b", percent(values["eval_pass@1"])), around]


def _getter(name: str, text: Callable[[Any], str]) -> Callable[[int, Values], Child]:
    return lambda _n, values: "" if values.get(name) is None else text(values[name])


def _seconds(spent: list[Cost], phase: str) -> Callable[[int, Values], Child]:
    by_cycle = {cost.cycle: cost for cost in spent if cost.phase == phase}

    def text(cycle: int, _values: Values) -> str:
        cost = by_cycle.get(cycle)
        return "" if cost is None else ("over " if cost.is_resumed else "") + duration(cost.seconds)

    return text


_ROWS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("Training samples passed", "train_pass_rate", percent),
    ("Mean reward", "train_mean_reward", lambda v: f"{v:.2f}"),
    ("Kept", "kept", number),
    ("Copies among passing", "duplicates_share", percent),
    ("Tokens per answer", "mean_tokens", lambda v: f"{v:.0f}"),
    ("Cut off", "truncated_share", percent),
    ("Nats per token", "nats_per_token", lambda v: f"{v:.2f}"),
    ("Seconds per kept sample", "seconds_per_kept", lambda v: f"{v:.1f}"),
    ("Tokens per second", "useful_tokens_per_s", lambda v: f"{v:.0f}"),
)
"""Words, name in the metric "cycle", and how the value is written."""
