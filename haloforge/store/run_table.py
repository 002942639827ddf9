"""Runs: create, find, list, claim, finish, delete."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from haloforge.errors import RunError
from haloforge.records import FINISHED, Run, RunStatus
from haloforge.store.connection import Connection, Row

_RUNS_PER_PAGE = 50


def create_run(
    db: Connection, stage: str, config: Mapping[str, Any], *, parent: str | None = None, name: str = ""
) -> Run:
    """A new queued run. Its id names stage and time and is unique."""
    sql = """insert into runs (id, stage, name, status, config, created, parent, cwd)
             values (?, ?, ?, 'queued', ?, ?, ?, ?) on conflict (id) do nothing"""
    while True:  # of many runs in the same second two may draw the same end of their ids
        run_id = f"{stage}-{time.strftime('%Y%m%d-%H%M%S')}-{os.urandom(2).hex()}"
        row = (run_id, stage, name, json.dumps(config), time.time(), parent, os.getcwd())
        if db.write([(sql, row)]) == 1:
            break
    return run(db, run_id)


def run(db: Connection, run_id: str) -> Run:
    """Raises RunError when there is no such run. A unique prefix of an id is enough."""
    exact = find_run(db, run_id)
    if exact is not None:
        return exact
    rows = db.rows("select * from runs where substr(id, 1, ?) = ? limit 2", [len(run_id), run_id]) if run_id else []
    if len(rows) != 1:
        problem = "is the beginning of several ids" if rows else "is not the id of a run"
        raise RunError(f"{run_id!r} {problem}; `halo-forge runs list` shows them all")
    return to_run(rows[0])


def find_run(db: Connection, run_id: str) -> Run | None:
    """The run with exactly this id, or None."""
    rows = db.rows("select * from runs where id = ?", [run_id])
    return to_run(rows[0]) if rows else None


def runs(
    db: Connection, *, stage: str | None = None, status: RunStatus | None = None, limit: int = -1, offset: int = 0
) -> list[Run]:
    """Newest first; all of them unless there is a `limit`."""
    sql = """select * from runs where (? is null or stage = ?) and (? is null or status = ?)
             order by created desc, id limit ? offset ?"""
    return [to_run(r) for r in db.rows(sql, [stage, stage, status, status, limit, offset])]


def count_runs(db: Connection, *, status: RunStatus | None = None) -> int:
    """How many runs there are, or how many with a status."""
    return int(db.rows("select count(*) as n from runs where ? is null or status = ?", [status, status])[0]["n"])


def children(db: Connection, run_id: str) -> list[Run]:
    """The runs that name this one as their parent, newest first."""
    return [to_run(r) for r in db.rows("select * from runs where parent = ? order by created desc, id", [run_id])]


def next_queued(db: Connection) -> Run | None:
    """The first run of the queue whose parent is done, or was never there."""
    sql = """select * from runs where status = 'queued'
             and not exists (select 1 from runs p where p.id = runs.parent and p.status <> 'done')
             order by coalesce(place, created), created, id desc limit 1"""
    rows = db.rows(sql)
    return to_run(rows[0]) if rows else None


def runs_with_samples(db: Connection) -> Iterator[Run]:
    """Runs that have stored samples, newest first, read a page at a time: who stops early has not read them all."""
    sql = """select * from runs where exists (select 1 from samples where run = runs.id)
             order by created desc, id limit ? offset ?"""
    offset = 0
    while rows := db.rows(sql, [_RUNS_PER_PAGE, offset]):
        yield from map(to_run, rows)
        offset += len(rows)


def update_run(db: Connection, run_id: str, **values: Any) -> None:
    """Set columns of a run."""
    names = ", ".join(f"{name} = ?" for name in values)
    db.write([(f"update runs set {names} where id = ?", [*values.values(), run_id])])


def claim(db: Connection, run_id: str, pid: int) -> bool:
    """Take a queued run for a worker; False when another worker was faster."""
    sql = """update runs set status = 'running', pid = ?, started = coalesce(started, ?), finished = null
             where id = ? and status = 'queued'"""
    return db.write([(sql, (pid, time.time(), run_id))]) == 1


def finish(db: Connection, run_id: str, status: RunStatus, *, was: RunStatus | None = None) -> bool:
    """Record how a run ended; where `was` is given, only if that still is its status. True when recorded."""
    sql = "update runs set status = ?, finished = ? where id = ? and (? is null or status = ?)"
    return db.write([(sql, (status, time.time(), run_id, was, was))]) == 1


def requeue(db: Connection, run_id: str) -> Run:
    """Make a stopped, failed or interrupted run start again where it was. Raises RunError otherwise."""
    old = run(db, run_id)
    if not old.is_resumable:
        raise RunError(f"run {old.id} is {old.status}; only a stopped, failed or interrupted run can be resumed")
    update_run(db, old.id, status="queued", stop="", finished=None)
    return run(db, old.id)


def delete_run(db: Connection, run_id: str) -> None:
    """Delete a run and all that was recorded of it; its output folders stay. Raises RunError while it runs."""
    old = run(db, run_id)
    if old.status not in FINISHED | {"queued"}:
        raise RunError(f"run {old.id} is {old.status}; stop it before deleting it")
    db.write([("delete from runs where id = ?", (old.id,))])


def to_run(row: Row) -> Run:
    """From the columns of the table."""
    known = {name: value for name, value in row.items() if name != "place"}
    return Run(**{**known, "config": json.loads(row["config"])})
