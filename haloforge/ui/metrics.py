"""From a run's events to the numbers that charts and tables show."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from haloforge.records import Event, Run, Status
from haloforge.store import Store
from haloforge.ui.wording import number, percent

HELD_OUT = "held-out pass@1, 95 % interval"
Points = list[tuple[float, float]]


def losses(events: Iterable[Event]) -> dict[str, Points]:
    """Training and held-out loss by step, a line per cycle; a step that was reported again counts as the later one."""
    found: dict[str, dict[float, float]] = {}
    for event in events:
        name, values = event.data["name"], event.data["values"]
        if name not in ("train", "eval") or values.get("loss") is None:
            continue
        line = {"train": "training", "eval": "held out"}[name]
        if values.get("cycle") is not None:
            line = f"cycle {values['cycle']}" + ("" if name == "train" else ", held out")
        found.setdefault(line, {})[float(event.data["step"])] = float(values["loss"])
    return {line: sorted(points.items()) for line, points in found.items()}


def cycle_rates(events: Iterable[Event]) -> dict[str, list[tuple[float, float, float | None, float | None]]]:
    """Pass rates by cycle: held out with its interval, and on the training samples. Cycle 0 is the starting model."""
    evaluated, training = {}, {}
    for event in events:
        if event.data["name"] != "cycle":
            continue
        step, values = float(event.data["step"]), event.data["values"]
        if values.get("eval_pass@1") is not None:
            evaluated[step] = (step, values["eval_pass@1"], values.get("eval_low"), values.get("eval_high"))
        if values.get("train_pass_rate") is not None:
            training[step] = (step, values["train_pass_rate"], None, None)
    found = {HELD_OUT: evaluated, "training samples": training}
    return {name: [points[step] for step in sorted(points)] for name, points in found.items() if points}


class Cycle(NamedTuple):
    """A cycle of a RAFT run and its held-out pass@1; number 0 is the model it started from."""

    number: int
    rate: float


def held_out(store: Store, run: Run) -> list[Cycle]:
    """The cycles that were evaluated so far, in their order."""
    points = cycle_rates(store.events(run.id, kind="metric")).get(HELD_OUT, [])
    return [Cycle(int(step), rate) for step, rate, *_ in points]


def best(cycles: Iterable[Cycle]) -> Cycle | None:
    """The highest held-out pass@1; of equals the earliest."""
    return max(cycles, key=lambda cycle: (cycle.rate, -cycle.number), default=None)


def status_shares(counts: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[Status, int]]]:
    """Purpose -> cycle -> verdict status -> how many, from `Store.status_counts`."""
    found: dict[str, dict[str, dict[Status, int]]] = {}
    for row in counts:
        found.setdefault(row["purpose"], {}).setdefault(str(row["cycle"]), {})[cast(Status, row["status"])] = row["n"]
    return found


def newest(store: Store, run_id: str, name: str) -> Mapping[str, Any]:
    """The values of the newest metric of one name; empty when there is none."""
    for event in reversed(store.events(run_id, kind="metric")):
        if event.data["name"] == name:
            return cast(Mapping[str, Any], event.data["values"])
    return {}


def made_rows(store: Store, run: Run) -> int | None:
    """How many problems a finished preparation wrote."""
    rows = [event.data.get("rows") for event in store.events(run.id, kind="artifact")]
    return next((row for row in rows if row is not None), None)


def key_figure(store: Store, run: Run) -> str:
    """The one number that tells how a run stands, for a line of a list."""
    if run.stage == "data-prepare":
        rows = made_rows(store, run)
        return "" if rows is None else f"{number(rows)} problems"
    if run.stage == "raft":
        top = best(held_out(store, run))
        return f"pass@1 {percent(top.rate)}" if top else ""
    wanted = _KEY_FIGURES.get(run.stage)
    if wanted is None:
        return ""
    metric, name, text = wanted
    value = newest(store, run.id, metric).get(name)
    if value is None:
        return ""
    return text.format(percent(value) if "pass@" in name else number(value))


_KEY_FIGURES = {
    "sft": ("train", "loss", "loss {}"),
    "benchmark": ("benchmark", "pass@1", "pass@1 {}"),
}
"""Stage -> the metric, its value, and how it is said."""
