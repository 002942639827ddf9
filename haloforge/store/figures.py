"""The few numbers that say how a run goes and how it went, in columns: written with the event that carries them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haloforge.records import EventKind

Statement = tuple[str, Sequence[Any]]
COLUMNS = ("score", "score_before", "untested_share", "loss", "rows", "cycle", "phase", "done", "total", "at")


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands beside a run in a list; None is what was not reported.

    `score` is pass@1, of a RAFT run that of its best cycle on held-out problems; `score_before` that of the model it
    started from; where `untested_share` is 1 it is a compile rate. `loss` is the newest training loss, `rows` the rows
    written. The newest progress: `done` of `total` in `phase` of `cycle`, reported `at` (seconds since the epoch).
    """

    score: float | None = None
    score_before: float | None = None
    untested_share: float = 0.0
    loss: float | None = None
    rows: int | None = None
    cycle: int | None = None
    phase: str | None = None
    done: int | None = None
    total: int | None = None
    at: float | None = None


def statements(run_id: str, kind: EventKind, data: Mapping[str, Any], time: float) -> list[Statement]:
    """What an event changes in the figures of its run; mostly nothing."""
    values = _values(kind, data, time)
    return [_written(run_id, values)] if values else []


def backfill(db: Any, run_id: str | None = None) -> None:
    """Fill the figures of one run, or of all, from the events that are there already."""
    rows = db.conn.execute(
        """select run, kind, data, time from events where (? is null or run = ?) and (kind in ('artifact', 'progress')
           or kind = 'metric' and json_extract(data, '$.name') in ('cycle', 'benchmark', 'train', 'verified'))
           order by id""",
        [run_id, run_id],
    )
    found: dict[str, dict[str, Any]] = {}
    for run, kind, data, time in rows:
        so_far, values = found.setdefault(run, {}), _values(kind, json.loads(data), time)
        best = {"score": max(so_far["score"], values["score"])} if "score" in so_far and "score" in values else {}
        so_far |= values | best
    for run, values in found.items():
        if values:
            db.conn.execute(*_written(run, values))


def _written(run_id: str, values: Mapping[str, Any]) -> Statement:
    """A score is the best so far; every other column holds the newest value."""
    best = {"score": "score = max(coalesce(figures.score, excluded.score), excluded.score)"}
    changes = ", ".join(best.get(name, f"{name} = excluded.{name}") for name in values)
    sql = f"""insert into figures (run, {", ".join(values)}) values (?{", ?" * len(values)})
              on conflict (run) do update set {changes}"""
    return sql, [run_id, *values.values()]


def _values(kind: EventKind, data: Mapping[str, Any], time: float) -> dict[str, Any]:
    if kind == "progress":
        return {"at": time, "cycle": data.get("cycle"), **{name: data[name] for name in ("phase", "done", "total")}}
    if kind == "artifact":
        return {} if data.get("rows") is None else {"rows": data["rows"]}
    return _of_metric(data) if kind == "metric" else {}


def _of_metric(data: Mapping[str, Any]) -> dict[str, Any]:
    values = data["values"]
    if data["name"] == "cycle" and values.get("eval_pass@1") is not None:
        score = values["eval_pass@1"]
        first = {"score_before": score} if data["step"] == 0 else {}
        return {"score": score, "untested_share": values.get("untested_share") or 0.0, **first}
    if data["name"] == "benchmark" and values.get("pass@1") is not None:
        return {"score": values["pass@1"], "untested_share": values.get("untested_share") or 0.0}
    name, column = {"train": ("loss", "loss"), "verified": ("written", "rows")}.get(data["name"], ("", ""))
    return {} if values.get(name) is None else {column: values[name]}
