"""From a run's events to the numbers in charts and tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from haloforge.records import Event, Run, Status
from haloforge.stages.shared.scores import score_name
from haloforge.store import Store
from haloforge.ui.formatting import number, percent

Points = list[tuple[float, float]]
Rate = tuple[float, float, float | None, float | None]
"""A cycle, its pass rate, and the ends of the interval."""


def losses(events: Iterable[Event]) -> dict[str, Points]:
    """Training and held-out loss by step, a line per cycle. Of two values for a step, the later counts."""
    lines: dict[str, dict[float, float]] = {}
    for event in events:
        name, values = event.data["name"], event.data["values"]
        if name not in ("train", "eval") or values.get("loss") is None:
            continue
        line = {"train": "training", "eval": "held out"}[name]
        if values.get("cycle") is not None:
            line = f"cycle {values['cycle']}" + ("" if name == "train" else ", held out")
        lines.setdefault(line, {})[float(event.data["step"])] = float(values["loss"])
    return {line: sorted(points.items()) for line, points in lines.items()}


def held_out_score(events: Sequence[Event]) -> str:
    """What a RAFT run's held-out score is called: a compile rate where the problems have no tests."""
    shares = (e.data["values"].get("untested_share") for e in events if e.data["name"] == "cycle")
    return f"held-out {score_name(next((share for share in shares if share is not None), 0.0))}"


def cycle_rates(events: Sequence[Event]) -> dict[str, list[Rate]]:
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
    rates = {f"{held_out_score(events)}, 95 % interval": evaluated, "training samples": training}
    return {name: [points[step] for step in sorted(points)] for name, points in rates.items() if points}


class Cycle(NamedTuple):
    """A cycle of a RAFT run and its held-out pass@1; number 0 is the model it started from."""

    number: int
    rate: float


def held_out(store: Store, run: Run) -> list[Cycle]:
    """The cycles that were evaluated so far, in order."""
    return [Cycle(int(step), rate) for step, rate, *_ in held_out_rates(store.events(run.id, kind="metric"))]


def held_out_rates(events: Sequence[Event]) -> list[Rate]:
    """The held-out score of every evaluated cycle."""
    return next((points for name, points in cycle_rates(events).items() if name.startswith("held-out")), [])


def best(cycles: Iterable[Cycle]) -> Cycle | None:
    """The cycle with the highest held-out pass@1, the earliest of equals; None where none was evaluated."""
    return max(cycles, key=lambda cycle: (cycle.rate, -cycle.number), default=None)


def status_shares(counts: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[Status, int]]]:
    """Purpose -> cycle -> verdict status -> number of samples, from `Store.status_counts`."""
    shares: dict[str, dict[str, dict[Status, int]]] = {}
    for row in counts:
        shares.setdefault(row["purpose"], {}).setdefault(str(row["cycle"]), {})[cast(Status, row["status"])] = row["n"]
    return shares


def newest(store: Store, run_id: str, name: str) -> Mapping[str, Any]:
    """The values of the newest metric of one name; empty when there is none."""
    for event in reversed(store.events(run_id, kind="metric")):
        if event.data["name"] == name:
            return cast(Mapping[str, Any], event.data["values"])
    return {}


def rows_written(store: Store, run: Run) -> int | None:
    """How many problems a data preparation wrote; None while it has written none."""
    rows = [event.data.get("rows") for event in store.events(run.id, kind="artifact")]
    return next((row for row in rows if row is not None), None)


def key_figure(store: Store, run: Run) -> str:
    """The one number that says how good a run is, for a line of a list; empty where there is none yet."""
    if run.stage == "data-prepare":
        rows = rows_written(store, run)
        return "" if rows is None else f"{number(rows)} problems"
    if run.stage == "raft":
        top = best(held_out(store, run))
        name = held_out_score(store.events(run.id, kind="metric")).removeprefix("held-out ")
        return f"{name} {percent(top.rate)}" if top else ""
    if run.stage not in _KEY_FIGURES:
        return ""
    metric, name, text = _KEY_FIGURES[run.stage]
    value = newest(store, run.id, metric).get(name)
    if value is None:
        return ""
    untested = newest(store, run.id, metric).get("untested_share", 0.0)
    return text.format(percent(value) if "pass@" in name else number(value), score=score_name(untested))


_KEY_FIGURES = {
    "sft": ("train", "loss", "loss {}"),
    "benchmark": ("benchmark", "pass@1", "{score} {}"),
    "data-generate": ("verified", "written", "{} that passed"),
}
"""Stage -> name of the metric, name of its value, and the text around it."""
