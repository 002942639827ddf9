"""The manifest of a data file, NAME.manifest.json beside NAME.jsonl: where its rows come from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from haloforge import __version__
from haloforge.errors import ConfigError, DataError
from haloforge.files import StrPath, read_text, sha256_of, write_text

SCHEMA = "halo-forge/manifest/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Where the rows of a file come from, and how many were dropped for which reason."""

    dataset: str
    source: str
    """Address of the Hub dataset, path of the file, or what generated the rows."""
    revision: str = ""
    """Commit of a Hub dataset."""
    source_sha256: str = ""
    """Hash of the file that the rows were read from; empty where there was none."""
    license: str = ""
    noncommercial: bool = False
    split: str = ""
    language: str = ""
    for_training: bool = True
    is_benchmark_test: bool = False
    """The rows are a public benchmark's test split: a model trained on them has seen the test."""
    rows_in: int = 0
    rows_out: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many rows were dropped for it."""
    contamination: Mapping[str, int] = field(default_factory=dict)
    """Rule of `decontaminate` -> how many rows it matched, including rows that were kept."""
    details: Mapping[str, Any] = field(default_factory=dict)


def manifest_path(output: StrPath) -> Path:
    """data/train.jsonl -> data/train.manifest.json"""
    path = Path(output)
    name = path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".json")
    return path.with_name(f"{name}.manifest.json")


def write_manifest(output: StrPath, manifest: Manifest) -> Path:
    """Write the manifest of a finished file, with the file's own hash, the tool's version and the time."""
    path = manifest_path(output)
    content = {
        "schema": SCHEMA,
        "file": Path(output).name,
        "sha256": sha256_of(output),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "created_by": f"halo-forge {__version__}",
        **asdict(manifest),
    }
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def refuse_benchmark(data_file: StrPath) -> None:
    """Raises DataError for a file whose manifest says that it is a benchmark's test split: it is not for training."""
    manifest = read_manifest(data_file) if Path(data_file).is_file() else None
    if manifest and manifest["is_benchmark_test"]:
        raise DataError(
            f"{data_file} is the test split of {manifest['dataset']}, and a model trained on it could not be judged "
            "by it; train on another file"
        )


def refuse_other_data(output: StrPath, new: Mapping[str, str], *, overwrite: bool) -> None:
    """Raises ConfigError when `output` holds other data than `new`, unless `overwrite`.

    `new` holds entries of the manifest that the new file will have. The same data may be written again; a file that
    was changed after it was written, or that never had a manifest, is other data.
    """
    if overwrite or not Path(output).exists():
        return
    old = read_manifest(output) if Path(output).is_file() else None
    what = "no manifest says where it comes from, or it was changed since"
    if old is not None:
        what = "it holds " + (", ".join(f"{name} {old[name]}" for name in new if old.get(name)) or "other data")
    if old is None or any(old.get(name) != value for name, value in new.items()):
        raise ConfigError(f"{output} is there already, and {what}; give another --output, or --overwrite to replace it")


def read_manifest(output: StrPath) -> dict[str, Any] | None:
    """The manifest of a data file; None where there is none, or where the data file has changed since.

    Raises DataError for a manifest that is not JSON.
    """
    path = manifest_path(output)
    if not path.is_file():
        return None
    try:
        manifest = json.loads(read_text(path))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON ({error}); prepare the data again, or delete it") from error
    is_current = isinstance(manifest, dict) and manifest.get("sha256") == sha256_of(output)
    return manifest if is_current else None
