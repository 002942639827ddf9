"""Finished runs in one small file, to be shown where nobody has trained anything yet.

The file is gzipped JSON: the rows of every table, and the texts of the result files that the runs wrote. Token ids and
log-probs are left out, since nothing that is shown needs them.
"""

import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge.files import file_errors, write_text
from haloforge.store.connection import Connection, Row
from haloforge.store.figures import backfill

RECORDING = Path(__file__).with_name("recording.json.gz")
"""The one that ships with this package; `make record` makes it anew."""
_OF_RUNS = ("events", "problems", "samples", "phases")
_OF_SAMPLES = ("verdicts", "selections")
_NOT_SHOWN = ("prompt_ids", "token_ids", "logprobs")
_PLACES = ("shard", "place")
"""Where those lie when they are not in the row."""


def save_recording(db: Connection, runs: Sequence[str], files: Mapping[str, str], path: Path) -> None:
    """Write these runs to `path`. `files` are the texts of what they wrote, by its path in their configs.

    Paths below the folder that the runs worked in become relative, wherever they stand.
    """
    tables: dict[str, list[Row]] = {"runs": _select(db, "runs", "id", runs)}
    for table in _OF_RUNS:
        tables[table] = _select(db, table, "run", runs)
    samples = [row["id"] for row in tables["samples"]]
    for table in _OF_SAMPLES:
        tables[table] = _select(db, table, "sample", samples)
    folders = {row["cwd"] for row in tables["runs"]}
    for row in tables["runs"]:
        row |= {"pid": None, "cwd": ""}
    for row in tables["samples"]:
        row |= dict.fromkeys(_NOT_SHOWN, "") | dict.fromkeys(_PLACES)
    text = json.dumps({"tables": tables, "files": dict(files)})
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    with file_errors(path):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


def load_recording(db: Connection, path: Path) -> list[str]:
    """Add the runs of a recording to the store, as they were; returns their ids. Runs that are there stay as they are.

    What they wrote lies in the store's folder afterwards, which is also their working folder from then on.
    """
    with gzip.open(path, "rt", encoding="utf-8") as file:
        recording = json.load(file)
    tables = recording["tables"]
    for name, text in recording["files"].items():
        write_text(db.root / name, text)
    try:
        db.write(_insertions(tables, str(db.root), _first_free_sample(db)))
    except sqlite3.IntegrityError:  # they are there, perhaps since a moment, from another process
        return []
    for row in tables["runs"]:
        backfill(db.db, row["id"])
    return [row["id"] for row in tables["runs"]]


def _insertions(tables: Mapping[str, list[Row]], cwd: str, first_sample: int) -> Iterator[tuple[str, Sequence[Any]]]:
    places = {row["id"]: first_sample + place for place, row in enumerate(tables["samples"])}
    for table in ("runs", *_OF_RUNS, *_OF_SAMPLES):
        for row in tables[table]:
            if table == "runs":
                row |= {"cwd": cwd}
            if table == "events":
                del row["id"]
            if table == "samples":
                row |= {"id": places[row["id"]]} | dict.fromkeys(_NOT_SHOWN, b"")
            if table in _OF_SAMPLES:
                row |= {"sample": places[row["sample"]]}
            names = ", ".join(row)
            yield f"insert into {table} ({names}) values ({', '.join('?' * len(row))})", [*row.values()]


def _first_free_sample(db: Connection) -> int:
    return int(db.rows("select coalesce(max(id), 0) + 1 as n from samples")[0]["n"])


def _select(db: Connection, table: str, column: str, keys: Sequence[Any]) -> list[Row]:
    return [row for key in keys for row in db.rows(f"select * from {table} where {column} = ?", [key])]
