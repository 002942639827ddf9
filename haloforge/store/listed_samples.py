"""Samples as a list shows them: newest first, a page after a sample, in the time of one page however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from haloforge.store.connection import Connection, Row
from haloforge.store.sample_tables import JOINED, SampleFilter, where_clause
from haloforge.store.stored import WHOLE_COLUMNS, StoredSample, to_stored_sample

LIST_ROWS = 50
MOST_EXAMINED = 10_000
"""Samples that are looked at for one page; a rare match is further on, and the page says from where."""


class ListFilter(SampleFilter, total=False):
    """The same, and by `reward`, a range with both ends, and `text`, a part of the answer, whatever its case."""

    reward: tuple[float, float] | None
    text: str | None


@dataclass(frozen=True, slots=True)
class SamplePage:
    """Samples from newer to older; `older` and `newer` are the ids after which the neighbouring pages begin, or None.

    A page may be short although there are older samples: so many were examined for it.
    """

    samples: Sequence[StoredSample]
    newer: int | None
    older: int | None


def sample_page(
    db: Connection, run_id: str, *, after: int | None = None, before: int | None = None, **which: Unpack[ListFilter]
) -> SamplePage:
    """The newest samples; or those older than the sample `after`; or those next to and newer than `before`."""
    upwards = before is not None
    cursor = before if before is not None else after
    rows, ends_at = _examined(db, run_id, cursor, upwards, which)
    samples = [to_stored_sample(row) for row in rows]
    if upwards:
        newer = samples[-1].id if samples and ends_at is not None else None
        oldest = samples[0].id if samples else before
        return SamplePage(samples[::-1], newer, oldest)
    return SamplePage(samples, samples[0].id if after is not None and samples else after, ends_at)


def count_list(db: Connection, run_id: str, **which: Unpack[ListFilter]) -> int | None:
    """How many samples the filter selects; None where only reading them all could tell."""
    if which.get("text") or which.get("reward"):
        return None
    if which.get("task_id"):
        where, args = _where(run_id, which)
        return int(db.rows(f"select count(*) as n {JOINED} where {where}", args)[0]["n"])
    columns = {name: which.get(name) for name in ("cycle", "purpose", "status", "kept", "reason")}
    given = {name: value for name, value in columns.items() if value is not None}
    where = " and ".join(["run = ?", *(f"{name} = ?" for name in given)])
    return int(
        db.rows(f"select coalesce(sum(n), 0) as n from tallies where {where}", [run_id, *given.values()])[0]["n"]
    )


def tallies(db: Connection, run_id: str, cycle: int | None = None) -> list[Row]:
    """Rows {cycle, purpose, status, kept, reason, n}; status "" is not verified, kept -1 not selected from yet."""
    sql = """select cycle, purpose, status, kept, reason, n from tallies
             where run = ? and (? is null or cycle = ?) and n > 0 order by cycle, purpose, status"""
    return db.rows(sql, [run_id, cycle, cycle])


def problem_counts(db: Connection, run_id: str, task_id: str) -> list[Row]:
    """Rows {cycle, total, passed, kept} of the samples of one problem, by cycle."""
    sql = f"""select s.cycle, count(*) as total, sum(coalesce(v.status = 'passed', 0)) as passed,
                  sum(coalesce(x.kept, 0)) as kept
              {JOINED} where s.run = ? and s.task_id = ? group by s.cycle order by s.cycle"""
    return db.rows(sql, [run_id, task_id])


def sample(db: Connection, sample_id: int) -> StoredSample | None:
    """The sample with this row id."""
    rows = db.rows(f"select {WHOLE_COLUMNS} {JOINED} where s.id = ?", [sample_id])
    return to_stored_sample(rows[0]) if rows else None


def problem_ids(db: Connection, run_id: str) -> list[str]:
    """The problems of a run in their order, without reading them."""
    rows = db.rows("select task_id from problems where run = ? order by held_out, position", [run_id])
    return [row["task_id"] for row in rows]


def _examined(
    db: Connection, run_id: str, cursor: int | None, upwards: bool, which: ListFilter
) -> tuple[list[Row], int | None]:
    """A page of rows from the cursor on, and the id after which to go on; None where there is no more."""
    column, table, conditions, keys = _source(run_id, which)
    low, high = _ends(db, run_id, which)
    if cursor is not None:
        low, high = (max(low, cursor + 1), high) if upwards else (low, min(high, cursor - 1))
    order = f"order by d.{column} {'asc' if upwards else 'desc'}"
    walk = f"from {table} d where {conditions} and d.{column} between ? and ? {order}"
    last = db.rows(f"select d.{column} as id {walk} limit 1 offset {MOST_EXAMINED - 1}", [*keys, low, high])
    end = last[0]["id"] if last else None
    if end is not None:
        low, high = (low, end) if upwards else (end, high)
    where, args = _where(run_id, which)
    sql = f"""select {WHOLE_COLUMNS} from {table} d cross join samples s on s.id = d.{column}
              left join verdicts v on v.sample = s.id left join selections x on x.sample = s.id
              where {conditions} and d.{column} between ? and ? and {where} {order} limit {LIST_ROWS + 1}"""
    rows = db.rows(sql, [*keys, low, high, *args])
    if len(rows) > LIST_ROWS:
        return rows[:LIST_ROWS], rows[LIST_ROWS - 1]["id"]
    return rows, end


def _source(run_id: str, which: ListFilter) -> tuple[str, str, str, list[Any]]:
    """The index to walk along, the most selective for the filter: column of sample ids, table d, where, arguments."""
    if which.get("task_id"):
        return "id", "samples", "d.run = ? and d.task_id = ?", [run_id, which["task_id"]]
    if which.get("status"):
        return "sample", "verdicts", "d.status = ?", [which["status"]]
    if which.get("reason"):
        return "sample", "selections", "d.reason = ?", [which["reason"]]
    if which.get("kept") is not None:
        return "sample", "selections", "d.kept = ?", [which["kept"]]
    if which.get("cycle") is not None and which.get("purpose"):
        keys = [run_id, which["cycle"], which["purpose"]]
        return "id", "samples", "d.run = ? and d.cycle = ? and d.purpose = ?", keys
    return "id", "samples", "d.run = ?", [run_id]


def _ends(db: Connection, run_id: str, which: ListFilter) -> tuple[int, int]:
    """The first and the last sample id of the run, or of its cycle: ids grow as samples are stored."""
    group = "from samples where run = ? and cycle = ? and purpose = ?"
    sql = f"select (select min(id) {group}) as low, (select max(id) {group}) as high"  # together they would scan
    keys = {(row["cycle"], row["purpose"]) for row in tallies(db, run_id, which.get("cycle"))}
    ends = [db.rows(sql, [run_id, *key, run_id, *key])[0] for key in keys]
    return min((end["low"] for end in ends), default=0), max((end["high"] for end in ends), default=-1)


def _where(run_id: str, which: ListFilter) -> tuple[str, list[Any]]:
    where, args = where_clause(run_id, which)
    if reward := which.get("reward"):
        where += " and v.reward between ? and ?"
        args += reward
    if text := which.get("text"):
        where += " and instr(lower(s.text), lower(?))"
        args.append(text)
    return where, args
