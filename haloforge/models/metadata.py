"""`haloforge.json`, which says where the weights of a folder came from, and folders that are whole or not there."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from haloforge.errors import ModelError
from haloforge.files import file_errors, read_text, write_text

METADATA_FILE = "haloforge.json"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where the weights of a folder came from; stored as `haloforge.json` beside them.

    `parent` is the checkpoint that training started from (a Hub id with its commit: `org/name@1f2e...`),
    `base_revision` the commit of a `base_model` from the Hub, empty for others. In the output folder of a run, above
    its checkpoints, `best` names the one to use, relative to that folder (`cycle_2/final_model`).
    """

    base_model: str = ""
    parent: str = ""
    run: str = ""
    stage: str = ""
    cycle: int | None = None
    best: str = ""
    base_revision: str = ""


def write_metadata(folder: str | Path, metadata: Metadata) -> None:
    """Write `haloforge.json` into a folder, atomically."""
    known = {key: value for key, value in asdict(metadata).items() if value not in ("", None)}
    write_text(Path(folder) / METADATA_FILE, json.dumps(known, indent=2, ensure_ascii=False) + "\n")


def read_metadata(folder: str | Path) -> Metadata:
    """The metadata of a folder, empty where it has none. Raises ModelError when the file is damaged."""
    path = Path(folder) / METADATA_FILE
    if not path.is_file():
        return Metadata()
    row = json_object(path)
    return Metadata(**{field.name: row[field.name] for field in fields(Metadata) if field.name in row})


@contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder` that takes its name when the block ends well, and is removed when not.

    Raises ModelError when `folder` exists and is not empty, MachineError when the disk is full.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ModelError(f"{folder} exists already; name another output folder or remove it first")
    with file_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield partial
            partial.chmod(0o755)  # mkdtemp makes it private; a model folder is as public as its neighbours
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def json_object(path: Path) -> Mapping[str, Any]:
    """The object in a JSON file. Raises ModelError when the file is damaged."""
    with file_errors(path):
        text = read_text(path)
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    if not isinstance(row, dict):
        raise ModelError(f"{path} is damaged: expected a JSON object")
    return row
