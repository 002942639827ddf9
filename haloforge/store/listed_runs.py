"""Runs as a list shows them: one query for a page of them, searched, filtered and sorted in the database."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from haloforge.records import Run
from haloforge.store.connection import Connection
from haloforge.store.figures import COLUMNS, Figures
from haloforge.store.run_table import to_run

ORDERS = {
    "newest": "r.created desc, r.id",
    "oldest": "r.created, r.id",
    "name": "lower(case when r.name = '' then r.id else r.name end), r.created desc",
    "score": "f.score is null, f.score desc, r.created desc",
    "longest": "r.started is null, coalesce(r.finished, strftime('%s', 'now')) - r.started desc",
}
"""Name of an order -> the columns it sorts by."""
_FROM = "from runs r left join figures f on f.run = r.id left join runs p on p.id = r.parent"


class RunFilter(TypedDict, total=False):
    """Which runs are meant; what is absent or "" filters nothing. `text` is part of a name, id, tag or note."""

    stage: str
    status: str
    tag: str
    text: str


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run, its figures, and the name of its parent ("" where that has none)."""

    run: Run
    figures: Figures
    parent_name: str = ""


def run_lines(
    db: Connection, *, limit: int, offset: int = 0, order: str = "newest", **which: Unpack[RunFilter]
) -> list[RunLine]:
    """One page of the runs that the filter selects. `order` is a key of ORDERS."""
    where, args = _where(which)
    columns = ", ".join(f"f.{name} as f_{name}" for name in COLUMNS)
    sql = f"""select r.*, {columns}, coalesce(p.name, '') as parent_name {_FROM} where {where}
              order by {ORDERS[order]} limit ? offset ?"""
    return [_line(row) for row in db.rows(sql, [*args, limit, offset])]


def count_lines(db: Connection, **which: Unpack[RunFilter]) -> int:
    """How many runs the filter selects."""
    where, args = _where(which)
    return int(db.rows(f"select count(*) as n from runs r where {where}", args)[0]["n"])


def run_line(db: Connection, run_id: str) -> RunLine | None:
    """The run with exactly this id."""
    columns = ", ".join(f"f.{name} as f_{name}" for name in COLUMNS)
    sql = f"select r.*, {columns}, coalesce(p.name, '') as parent_name {_FROM} where r.id = ?"
    return next((_line(row) for row in db.rows(sql, [run_id])), None)


def newest_done(db: Connection, stages: Iterable[str]) -> RunLine | None:
    """The newest finished run of any of these stages."""
    lines = [line for stage in stages for line in run_lines(db, limit=1, stage=stage, status="done")]
    return max(lines, key=lambda line: line.run.created, default=None)


def tags(db: Connection) -> list[str]:
    """Every tag that some run has, in alphabetical order."""
    rows = db.rows("select distinct tags from runs where tags <> ''")
    return sorted({tag for row in rows for tag in row["tags"].split()})


def waiting(db: Connection) -> list[Run]:
    """The queued runs in the order in which they are taken, those whose parent is not done among them."""
    rows = db.rows("select * from runs where status = 'queued' order by coalesce(place, created), created, id desc")
    return [to_run(row) for row in rows]


def move_up(db: Connection, run_id: str) -> bool:
    """Let a queued run change places with the one before it; False where none is before it."""
    queue = waiting(db)
    at = next((index for index, run in enumerate(queue) if run.id == run_id), 0)
    if not at:
        return False
    order = [run.id for run in queue]
    order[at - 1], order[at] = order[at], order[at - 1]
    first = queue[0].created
    db.write(("update runs set place = ? where id = ?", (first + place / 1e3, i)) for place, i in enumerate(order))
    return True


def _where(which: RunFilter) -> tuple[str, list[Any]]:
    clauses, args = ["1"], list[Any]()
    for column in ("stage", "status"):
        if which.get(column):
            clauses.append(f"r.{column} = ?")
            args.append(which[column])
    if tag := which.get("tag"):
        clauses.append("instr(' ' || r.tags || ' ', ?)")
        args.append(f" {tag} ")
    for word in which.get("text", "").lower().split():
        clauses.append("instr(lower(r.name || ' ' || r.id || ' ' || r.tags || ' ' || r.notes), ?)")
        args.append(word)
    return " and ".join(clauses), args


def _line(row: dict[str, Any]) -> RunLine:
    found = {name: row.pop(f"f_{name}") for name in COLUMNS}
    parent_name = row.pop("parent_name")
    return RunLine(to_run(row), Figures(**(found | {"untested_share": found["untested_share"] or 0.0})), parent_name)
