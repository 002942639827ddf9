"""Problems, samples, verdicts and selections: what is saved, counted, and shown a page at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypedDict, Unpack

from haloforge.records import Problem, Purpose, Sample, Verdict, dumps
from haloforge.store.connection import Connection, Row
from haloforge.store.shards import write_shard
from haloforge.store.stored import (
    VERDICT_COLUMNS,
    WHOLE_COLUMNS,
    StoredSample,
    sample_row,
    to_stored_sample,
    verdict_row,
)

JOINED = """from samples s left join verdicts v on v.sample = s.id left join selections x on x.sample = s.id"""


class SampleFilter(TypedDict, total=False):
    """Which samples of a run are meant; what is absent or None filters nothing. `status` is a verdict status.

    `reason` says why a sample was kept or not.
    """

    cycle: int | None
    purpose: Purpose | None
    task_id: str | None
    status: str | None
    kept: bool | None
    reason: str | None
    verified: bool | None


def save_problems(db: Connection, run_id: str, problems: Sequence[Problem], *, held_out: bool = False) -> None:
    """Record what a run works on; saving the same problem again changes nothing."""
    sql = "insert or ignore into problems (run, task_id, position, held_out, data) values (?, ?, ?, ?, ?)"
    db.write((sql, (run_id, p.task_id, i, held_out, dumps(p.to_json()))) for i, p in enumerate(problems))


def problems(db: Connection, run_id: str, *, held_out: bool | None = None) -> list[Problem]:
    """The problems of a run, in their order."""
    sql = "select data from problems where run = ? and (? is null or held_out = ?) order by held_out, position"
    return [Problem.from_json(json.loads(r["data"])) for r in db.rows(sql, [run_id, held_out, held_out])]


def problem(db: Connection, run_id: str, task_id: str) -> Problem | None:
    """One problem of a run."""
    rows = db.rows("select data from problems where run = ? and task_id = ?", [run_id, task_id])
    return Problem.from_json(json.loads(rows[0]["data"])) if rows else None


def save_samples(
    db: Connection, run_id: str, cycle: int, purpose: Purpose, samples: Sequence[Sample], *, in_shard: bool = False
) -> None:
    """Record samples in one transaction; a sample that is already there stays as it was.

    `in_shard` puts token ids and log-probs into a Parquet file of the run, which takes a quarter of the space.
    """
    db.write(_insertions(db, run_id, cycle, purpose, samples, in_shard=in_shard))


def _insertions(
    db: Connection, run_id: str, cycle: int, purpose: Purpose, samples: Sequence[Sample], *, in_shard: bool
) -> Iterator[tuple[str, Sequence[Any]]]:
    sql = f"""insert into samples (run, cycle, purpose, task_id, idx, text, code, finish_reason, seed, prompt_ids,
              token_ids, logprobs, seconds, prompt_tokens, completion_tokens, shard, place)
              values (?{", ?" * 16}) on conflict do nothing"""
    shard = write_shard(db, run_id, cycle, purpose, samples) if in_shard and samples else None
    for number, sample in enumerate(samples):
        place = None if shard is None else number
        yield sql, (run_id, cycle, purpose, *sample_row(sample, with_tokens=shard is None), shard, place)


def save_verdicts(db: Connection, verdicts: Iterable[tuple[int, Verdict]]) -> None:
    """Record verdicts by sample id; a newer verdict replaces an older one."""
    newer = ", ".join(f"{name} = excluded.{name}" for name in VERDICT_COLUMNS)
    marks = ", ".join("?" * (1 + len(VERDICT_COLUMNS)))
    sql = f"insert into verdicts values ({marks}) on conflict (sample) do update set {newer}"
    db.write((sql, (sample_id, *verdict_row(verdict))) for sample_id, verdict in verdicts)


def save_selections(db: Connection, rows: Iterable[tuple[int, bool, str]]) -> None:
    """Record (sample id, kept, reason) for every sample of a cycle; a later selection replaces an earlier one."""
    sql = """insert into selections values (?, ?, ?)
             on conflict (sample) do update set kept = excluded.kept, reason = excluded.reason"""
    db.write((sql, row) for row in rows)


def samples(
    db: Connection, run_id: str, *, offset: int = 0, limit: int = -1, **which: Unpack[SampleFilter]
) -> list[StoredSample]:
    """Samples with text, verdict and selection, by cycle, purpose, problem and index; for a page, or a few."""
    where, args = where_clause(run_id, which)
    order = "s.cycle, s.purpose, s.task_id, s.idx"
    sql = f"select {WHOLE_COLUMNS} {JOINED} where {where} order by {order} limit ? offset ?"
    return [to_stored_sample(row) for row in db.rows(sql, [*args, limit, offset])]


def count_samples(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> int:
    """How many samples the filter selects."""
    where, args = where_clause(run_id, which)
    return int(db.rows(f"select count(*) as n {JOINED} where {where}", args)[0]["n"])


def status_counts(db: Connection, run_id: str) -> list[Row]:
    """Rows {cycle, purpose, status, n}: verdicts counted per cycle and purpose."""
    sql = """select cycle, purpose, status, sum(n) as n from tallies where run = ? and status <> ''
             group by 1, 2, 3 having sum(n) > 0 order by 1, 2, 3"""
    return db.rows(sql, [run_id])


def where_clause(run_id: str, which: SampleFilter) -> tuple[str, list[Any]]:
    """The condition over JOINED that a filter stands for, and its arguments."""
    clauses = ["s.run = ?"]
    args: list[Any] = [run_id]
    columns = {
        "s.cycle": which.get("cycle"),
        "s.purpose": which.get("purpose"),
        "s.task_id": which.get("task_id"),
        "v.status": which.get("status"),
        "x.kept": which.get("kept"),
        "x.reason": which.get("reason"),
    }
    for column, value in columns.items():
        if value is not None:
            clauses.append(f"{column} = ?")
            args.append(value)
    verified = which.get("verified")
    if verified is not None:
        clauses.append(f"v.sample is {'not ' if verified else ''}null")
    return " and ".join(clauses), args
