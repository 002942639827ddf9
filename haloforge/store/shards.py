"""Token ids and log-probs of large cycles: Parquet files in the run's folder, to whose rows the samples point.

A shard is written whole before the transaction that stores its samples ends, under the number after the last one that
any sample points to. So what a killed process left without samples is never read, and the next shard replaces it.
"""

import os
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.errors import DataError, MachineError, first_line
from haloforge.files import file_errors, sync_folder
from haloforge.records import Purpose, Sample
from haloforge.store.connection import Connection, Row

if TYPE_CHECKING:
    import pyarrow

FOLDER = "tokens"
_HELD = ("prompt_ids", "token_ids", "logprobs")
_Key = tuple[str, int]
"""Task id and index of a sample."""
_ROWS_AT_ONCE = 32
"""Rows that are decompressed together: few, since what a cycle kept is read in another order than it was sampled."""


def write_shard(db: Connection, run_id: str, cycle: int, purpose: Purpose, samples: Sequence[Sample]) -> int:
    """The number of a new shard, in whose rows the samples lie in their order. Call it inside the transaction."""
    import pyarrow
    from pyarrow import parquet

    path = _path(db, run_id, number := _last(db, run_id) + 1)
    columns = {
        "task_id": pyarrow.array([s.task_id for s in samples], pyarrow.string()),
        "index": pyarrow.array([s.index for s in samples], pyarrow.int32()),
        "cycle": pyarrow.array([cycle] * len(samples), pyarrow.int32()),
        "purpose": pyarrow.array([purpose] * len(samples), pyarrow.string()),
        "prompt_ids": _lists("i", pyarrow.int32(), [s.prompt_ids for s in samples]),
        "token_ids": _lists("i", pyarrow.int32(), [s.token_ids for s in samples]),
        "logprobs": _lists("f", pyarrow.float32(), [s.logprobs for s in samples]),
    }
    with file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".part")  # always this name: what a kill leaves is replaced, too
        with partial.open("wb") as file:
            table = pyarrow.table(columns)
            parquet.write_table(table, file, compression="zstd", row_group_size=_ROWS_AT_ONCE, write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        sync_folder(str(path.parent))
    return number


def with_tokens(db: Connection, rows: list[Row]) -> list[Row]:
    """The rows of samples with their token ids and log-probs as bytes, whether they lie in SQLite or in a shard.

    Rows carry task_id, idx, run, shard and place, or none of what is held. Raises MachineError where a shard is gone,
    broken, or holds other samples.
    """
    places: dict[tuple[str, int], dict[int, _Key]] = defaultdict(dict)
    for row in rows:
        if row.get("shard") is not None:
            places[row["run"], row["shard"]][row["place"]] = row["task_id"], row["idx"]
    if not places:
        return rows
    names = [name for name in _HELD if name in rows[0]]
    held = {
        (*shard, place): row
        for shard, wanted in places.items()
        for place, row in _read(_path(db, *shard), wanted, names).items()
    }
    return [row | held.get((row["run"], row["shard"], row["place"]), {}) for row in rows]


def _last(db: Connection, run_id: str) -> int:
    sql = "select shard from samples where run = ? and shard is not null order by shard desc limit 1"
    return next((int(row["shard"]) for row in db.rows(sql, [run_id])), 0)


def _path(db: Connection, run_id: str, number: int) -> Path:
    return db.root / run_id / FOLDER / f"{number:06}.parquet"


def _lists(code: str, kind: "pyarrow.DataType", rows: Iterable[Sequence[float]]) -> "pyarrow.ListArray":
    """A column of lists, by way of C arrays: a Python object for each number would take ten times the time."""
    import pyarrow

    values, ends = array(code), [0]
    for row in rows:
        values.extend(row)  # type: ignore[arg-type]
        ends.append(len(values))
    flat = pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(values)])
    return pyarrow.ListArray.from_arrays(pyarrow.array(ends, pyarrow.int32()), flat)


def _read(path: Path, places: Mapping[int, _Key], names: Sequence[str]) -> dict[int, Row]:
    """The rows of a shard by their place; only the groups that they stand in are decompressed.

    The places are those of the samples named: in a copy, a shard may be older than the database.
    """
    import pyarrow
    from pyarrow import parquet

    groups = sorted({place // _ROWS_AT_ONCE for place in places})
    begins = {group: number * _ROWS_AT_ONCE for number, group in enumerate(groups)}
    try:
        with file_errors(path), parquet.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as file:
            table = file.read_row_groups(groups, columns=["task_id", "index", *names], use_threads=False)
            columns = {name: table.column(name).combine_chunks() for name in table.column_names}
            at = {place: begins[place // _ROWS_AT_ONCE] + place % _ROWS_AT_ONCE for place in places}
            if any((columns["task_id"][at[p]].as_py(), columns["index"][at[p]].as_py()) != places[p] for p in places):
                raise IndexError("it holds other samples than the database says")
            return {p: {name: columns[name][at[p]].values.to_numpy().tobytes() for name in names} for p in places}
    except (pyarrow.ArrowException, DataError, IndexError, KeyError) as error:
        raise MachineError(
            f"token ids and log-probs of a run cannot be read from {path} ({first_line(error)}); put the file back "
            "from a copy of the run's folder, or delete the run"
        ) from error
