"""Events and phases of a run: what it reported, and which steps of its work are begun and done."""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from haloforge.records import Event, EventKind, dumps
from haloforge.store.connection import Connection, Row
from haloforge.store.figures import statements


class Point(NamedTuple):
    """A number that was reported at a step, and in which event; `cycle` is None outside the cycles of RAFT."""

    event: int
    step: float
    cycle: int | None
    value: float


def emit(db: Connection, run_id: str, kind: EventKind, data: Mapping[str, Any]) -> None:
    """Append one event, and write what it says into the figures of the run."""
    sql, now = "insert into events (run, time, kind, data) values (?, ?, ?, ?)", time.time()
    db.write([(sql, (run_id, now, kind, dumps(data))), *statements(run_id, kind, data, now)])


def events(db: Connection, run_id: str, after: int = 0, kind: EventKind | None = None, limit: int = -1) -> list[Event]:
    """Events of a run with an id above `after`, oldest first; all of them unless there is a `limit`."""
    which, args = ("and kind = ?", [kind]) if kind else ("", [])
    sql = f"select * from events where run = ? and id > ? {which} order by id limit ?"
    return [_event(row) for row in db.rows(sql, [run_id, after, *args, limit])]


def last_events(db: Connection, run_id: str, kind: EventKind, limit: int) -> list[Event]:
    """The newest events of one kind, oldest first."""
    rows = db.rows("select * from events where run = ? and kind = ? order by id desc limit ?", [run_id, kind, limit])
    return [_event(row) for row in reversed(rows)]


def metrics(db: Connection, run_id: str, *names: str) -> list[Event]:
    """The metrics of a run with one of these names, oldest first, found on an index: others are not read."""
    marks = ", ".join("?" * len(names))
    sql = f"""select * from events indexed by events_metric
              where run = ? and kind = 'metric' and json_extract(data, '$.name') in ({marks}) order by id"""
    return _measured(db.rows(sql, [run_id, *names]))


def points(db: Connection, run_id: str, name: str, value: str, after: int = 0) -> list[Point]:
    """One number of a metric over time, above event id `after`; reports without that number are left out."""
    sql = """select id, json_extract(data, '$.step'), json_extract(data, '$.values.cycle'), json_extract(data, ?)
             from events indexed by events_metric
             where run = ? and kind = 'metric' and json_extract(data, '$.name') = ? and id > ? order by id"""
    found = db.db.conn.execute(sql, [f'$.values."{value}"', run_id, name, after])  # 100,000 rows: no dict for each
    return [Point(*row) for row in found if _is_number(row[1]) and _is_number(row[3])]


def metrics_named(db: Connection, run_ids: Sequence[str], name: str, after: int = 0) -> list[Event]:
    """The metrics of one name that these runs reported in events with an id above `after`, oldest first."""
    sql = f"""select * from events where run in ({", ".join("?" * len(run_ids))}) and id > ? and kind = 'metric'
              and json_extract(data, '$.name') = ? order by id"""
    return _measured(db.rows(sql, [*run_ids, after, name]))


def newest_event_id(db: Connection) -> int:
    """The id of the newest event of all runs; 0 while there is none."""
    return int(db.rows("select max(id) as id from events")[0]["id"] or 0)


def last_event(db: Connection, run_id: str, kind: EventKind) -> Event | None:
    """The newest event of one kind."""
    return next(iter(last_events(db, run_id, kind, 1)), None)


def begin_phase(db: Connection, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
    """Record that a phase starts, before its work does; a phase that is already there stays as it was."""
    sql = "insert or ignore into phases (run, cycle, phase, status, data, started) values (?, ?, ?, 'running', ?, ?)"
    db.write([(sql, (run_id, cycle, phase, dumps(data or {}), time.time()))])


def end_phase(db: Connection, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
    """Record that a phase is done, and what it found."""
    sql = "update phases set status = 'done', data = ?, finished = ? where run = ? and cycle = ? and phase = ?"
    db.write([(sql, (dumps(data or {}), time.time(), run_id, cycle, phase))])


def phase(db: Connection, run_id: str, cycle: int, phase: str) -> Row | None:
    """{status: running | done, data, started, finished} of one phase, or None when it has not begun."""
    rows = db.rows("select * from phases where run = ? and cycle = ? and phase = ?", [run_id, cycle, phase])
    return _phase(rows[0]) if rows else None


def phases(db: Connection, run_id: str) -> list[Row]:
    """All phases of a run in the order they began."""
    return [_phase(row) for row in db.rows("select * from phases where run = ? order by started, rowid", [run_id])]


def _measured(rows: Iterable[Row]) -> list[Event]:
    """Metrics that charts and tables can take: what is no number in them, as another version wrote it, is a gap."""
    events = (_event(row) for row in rows)
    return [
        replace(event, data={**event.data, "values": {n: v if _is_number(v) else None for n, v in values.items()}})
        for event in events
        if _is_number(event.data.get("step")) and isinstance(values := event.data.get("values"), dict)
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _event(row: Row) -> Event:
    return Event(row["id"], row["run"], row["time"], row["kind"], json.loads(row["data"]))


def _phase(row: Row) -> Row:
    return row | {"data": json.loads(row["data"])}
