"""From a run's events to the numbers in charts and tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from haloforge.records import Event, Run, Status
from haloforge.stages.shared.scores import score_name
from haloforge.store import Figures, Store
from haloforge.ui.formatting import number, percent

Rate = tuple[float, float, float | None, float | None]
"""A cycle, its pass rate, and the ends of the interval."""


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
    return [Cycle(int(step), rate) for step, rate, *_ in held_out_rates(store.metrics(run.id, "cycle"))]


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


def rows_written(store: Store, run: Run) -> int | None:
    """How many problems a data preparation wrote; None while it has written none."""
    rows = [event.data.get("rows") for event in store.events(run.id, kind="artifact")]
    return next((row for row in rows if row is not None), None)


class Figure(NamedTuple):
    """The one number that says how good a run is, and what it is; both empty where there is none yet."""

    value: str
    caption: str

    @property
    def text(self) -> str:
        """Both: 20.0 → 40.0 % pass@1."""
        return f"{self.value} {self.caption}".strip()


def figure(stage: str, figures: Figures) -> Figure:
    """20.0 to 40.0 %, pass@1: of a RAFT run before and at its best."""
    if figures.score is not None:
        before = figures.score_before
        value = percent(figures.score)
        since = f"{100 * before:.1f} → " if before is not None and before != figures.score else ""
        return Figure(since + value, score_name(figures.untested_share))
    if stage == "sft" and figures.loss is not None:
        return Figure(number(figures.loss), "loss")
    if figures.rows is not None:
        return Figure(number(figures.rows), "problems" if stage == "data-prepare" else "passed")
    return Figure("", "")
