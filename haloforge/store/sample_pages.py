"""Samples of a run read in full, page by page: as many as there are, in the memory of one page.

Every page starts after the last key of the page before, on an index, so the last page costs no more than the first;
and no cursor stays open between two pages, so whoever reads may write in between.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import Any, Unpack

from haloforge.records import Verdict
from haloforge.store.connection import Connection, Row
from haloforge.store.sample_tables import JOINED, SampleFilter, where_clause
from haloforge.store.shards import with_tokens
from haloforge.store.stored import (
    SUMMARY_COLUMNS,
    VERDICT_COLUMNS,
    WHOLE_COLUMNS,
    SampleSummary,
    StoredProgram,
    StoredSample,
    StoredTokens,
    to_stored_sample,
    to_summary,
    to_tokens,
    to_verdict,
)

PAGE_ROWS = 500


def summaries(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> Iterator[SampleSummary]:
    """Samples without texts and tokens, by cycle, purpose, problem and index."""
    shared: dict[str, str] = {}
    return (to_summary(row, shared) for row in _pages(db, SUMMARY_COLUMNS, run_id, which))


def programs(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> Iterator[StoredProgram]:
    """Samples with their code, by cycle, purpose, problem and index."""
    shared: dict[str, str] = {}
    rows = _pages(db, f"{SUMMARY_COLUMNS}, s.code", run_id, which)
    return (StoredProgram(to_summary(row, shared), row["code"]) for row in rows)


def whole_samples(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> Iterator[StoredSample]:
    """Samples with text, verdict and selection, by cycle, purpose, problem and index."""
    return (to_stored_sample(row) for row in _pages(db, WHOLE_COLUMNS, run_id, which))


def verdicts(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> Iterator[Verdict]:
    """The verdicts of verified samples, by cycle, purpose, problem and index."""
    columns = ", ".join(f"v.{name}" for name in VERDICT_COLUMNS)
    rows = _pages(db, columns, run_id, SampleFilter(**which) | {"verified": True})
    return (to_verdict({name: row[name] for name in VERDICT_COLUMNS}) for row in rows)


def nats(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> float:
    """Minus the sum of all log-probs of the samples: how many nats the model that sampled them was surprised by."""
    rows = _pages(db, "s.task_id, s.idx, s.run, s.shard, s.place, s.logprobs", run_id, which)
    return float(-sum(sum(array("f", row["logprobs"])) for row in rows))


def tokens(db: Connection, sample_ids: Iterable[int]) -> Iterator[StoredTokens]:
    """Token ids and log-probs of these samples, by cycle, problem and index: never by id, which is the order in which
    they were finished and stored."""
    before = None
    for ids in _batches(_in_order(db, sample_ids)):
        found = _rows_of(db, "id, task_id, idx, run, shard, place, prompt_ids, token_ids, logprobs", ids)
        rows = {row["id"]: row for row in with_tokens(db, found)}
        for sample_id in ids:
            before = to_tokens(rows[sample_id], before)
            yield before


def unverified_ids(
    db: Connection, run_id: str, task_ids: Iterable[str], **which: Unpack[SampleFilter]
) -> dict[tuple[str, int], int]:
    """(task id, index) -> sample id of the stored samples of these problems that have no verdict."""
    where, args = where_clause(run_id, SampleFilter(**which) | {"verified": False})
    ids: dict[tuple[str, int], int] = {}
    for task_id in task_ids:
        rows = db.rows(f"select s.id, s.task_id, s.idx {JOINED} where {where} and s.task_id = ?", [*args, task_id])
        ids |= {(row["task_id"], row["idx"]): row["id"] for row in rows}
    return ids


def sample_keys(db: Connection, run_id: str, **which: Unpack[SampleFilter]) -> set[tuple[str, int]]:
    """(task id, index) of the samples; of every task id there is one copy."""
    shared: dict[str, str] = {}
    rows = _pages(db, "s.task_id, s.idx", run_id, which)
    return {(shared.setdefault(row["task_id"], row["task_id"]), row["idx"]) for row in rows}


def _pages(db: Connection, columns: str, run_id: str, which: SampleFilter) -> Iterator[Row]:
    """All rows that the filter selects, read PAGE_ROWS at a time in the order of the index on samples."""
    where, args = where_clause(run_id, which)
    names = _key(which)
    key = ", ".join(f"s.{name}" for name in names)
    select = f"select {columns}, {', '.join(f's.{name} as key_{name}' for name in names)} {JOINED} where {where}"
    later = ""
    last: list[Any] = []
    while True:
        rows = db.rows(f"{select} {later} order by {key} limit ?", [*args, *last, PAGE_ROWS])
        yield from with_tokens(db, rows)
        if len(rows) < PAGE_ROWS:
            return
        later = f"and ({key}) > ({', '.join('?' * len(names))})"
        last = [rows[-1][f"key_{name}"] for name in names]


def _in_order(db: Connection, sample_ids: Iterable[int]) -> list[int]:
    pages = (_rows_of(db, "cycle, task_id, idx, id", ids) for ids in _batches(sorted(sample_ids)))
    places = sorted(tuple(row.values()) for page in pages for row in page)
    return [place[-1] for place in places]


def _rows_of(db: Connection, columns: str, ids: list[int]) -> list[Row]:
    return db.rows(f"select {columns} from samples where id in ({', '.join('?' * len(ids))})", ids)


def _key(which: SampleFilter) -> list[str]:
    """The columns of the index that the filter leaves open, from the first open one on."""
    names = ["cycle", "purpose", "task_id", "idx"]
    while names and which.get(names[0]) is not None:
        names.pop(0)
    return names


def _batches(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + PAGE_ROWS] for start in range(0, len(ids), PAGE_ROWS))
