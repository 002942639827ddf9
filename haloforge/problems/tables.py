"""Rows of a file, whatever kind of table it is: JSON Lines, a JSON array, CSV or parquet."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from haloforge.errors import DataError
from haloforge.files import Row, StrPath, file_errors, read_jsonl, read_text

TABLE_SUFFIXES = (".jsonl", ".json", ".jsonl.gz", ".json.gz", ".csv", ".parquet")
"""Names of files that can be read."""
_LONGEST_CELL = 1 << 27
"""Characters. The csv module stops at 131,072 by default, which a set of tests easily has."""


def numbered_rows(path: StrPath) -> Iterator[tuple[int, Row]]:
    """Each row with the line it stands on (in a parquet file, its number), from 1.

    In CSV an empty cell is no value, and a cell that is a JSON object or array stands for it. Raises DataError that
    names the file, and the line where only that one is wrong.
    """
    name = str(path).lower()
    if name.endswith(".parquet"):
        return _parquet_rows(path)
    return _csv_rows(path) if name.endswith(".csv") else read_jsonl(path)


def _csv_rows(path: StrPath) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        heads = next(reader, [])
        if len(set(heads)) < len(heads) or not all(head.strip() for head in heads):
            raise DataError(f"{path} line 1: the heads of the columns are empty or repeat ({', '.join(heads)[:80]})")
        line = reader.line_num + 1
        for cells in reader:
            if cells and len(cells) != len(heads):
                raise DataError(f"{path} line {line}: {len(cells)} cells, and {len(heads)} columns are named")
            if cells:
                yield line, {head: _cell(cell) for head, cell in zip(heads, cells, strict=True) if cell}
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} line {reader.line_num}: not valid CSV ({error})") from error


def _cell(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return json.loads(text)
    except ValueError:  # a program may begin so too
        return text


def _parquet_rows(path: StrPath) -> Iterator[tuple[int, Row]]:
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    with file_errors(path):
        try:
            batches = ParquetFile(Path(path)).iter_batches(batch_size=100)
            yield from enumerate((row for batch in batches for row in batch.to_pylist()), start=1)
        except ArrowInvalid as error:
            raise DataError(f"{path} is no parquet file: {error}") from error
