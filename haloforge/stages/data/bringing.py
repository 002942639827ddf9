"""`data import`: a file from elsewhere, checked row by row, becomes a data file with a manifest."""

from pathlib import Path

from haloforge.errors import DataError
from haloforge.files import sha256_of
from haloforge.problems import TABLE_SUFFIXES, Manifest, bundled_index
from haloforge.stages.data.own_files import OwnRow, Written, manifest_of, read_own, write_own


def bring(path: Path, output: Path, *, name: str = "", overwrite: bool = False) -> Written:
    """Write the rows of a .jsonl, .json, .csv or .parquet file as they are, as JSON Lines.

    `name` is what the file is called where that is not its path. Raises DataError, with the row, for the first row that
    cannot be used, and for the test split of a public benchmark; ConfigError for an output that is there already.
    """
    called = name or str(path)
    if not called.lower().endswith(TABLE_SUFFIXES):
        raise DataError(f"{called} is no file of rows; give {', '.join(s for s in TABLE_SUFFIXES if 'gz' not in s)}")
    try:
        rows = read_own(path)
    except DataError as error:
        raise DataError(str(error).replace(str(path), called)) from error
    old = manifest_of(path)
    manifest = old or Manifest(
        dataset=Path(called).name.partition(".")[0],
        source=called,
        source_sha256=sha256_of(path),
        rows_in=len(rows),
        rows_out=len(rows),
        contamination=contamination(rows),
        details={"made_by": "data import"},
    )
    return write_own(output, [own.row for own in rows], manifest, overwrite=overwrite)


def contamination(rows: list[OwnRow]) -> dict[str, int]:
    """How many problems come from a public benchmark, by the rule that says so."""
    counts: dict[str, int] = {}
    for own in rows:
        for hit in bundled_index().check(own.problem) if own.problem else ():
            if hit.drop:
                counts[hit.rule] = counts.get(hit.rule, 0) + 1
    return counts
