"""What a model name means, where a checkpoint came from, and its folder. Reads JSON files, no weights or network."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.errors import ModelError
from haloforge.files import file_errors, read_text, write_text
from haloforge.records import Checkpoint

EMBEDDED = "smollm2-135m"
"""The name of the model that comes as a package."""
METADATA_FILE = "haloforge.json"
FINAL_MODEL = "final_model"

_ADAPTER_FILE = "adapter_config.json"
_CONFIG_FILE = "config.json"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_LOCAL_FOLDERS = frozenset({"models", "runs", "data", "checkpoints", "results", "output", "outputs", "tmp"})
_SCAN_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where the weights of a folder came from; stored as `haloforge.json` beside them.

    `parent` is the checkpoint that training started from. In the output folder of a run, above its checkpoints,
    `best` names the one to use, relative to that folder (`cycle_2/final_model`).
    """

    base_model: str = ""
    parent: str = ""
    run: str = ""
    stage: str = ""
    cycle: int | None = None
    best: str = ""


def write_metadata(folder: str | Path, metadata: Metadata) -> None:
    """Write `haloforge.json` into a folder, atomically."""
    known = {key: value for key, value in asdict(metadata).items() if value not in ("", None)}
    write_text(Path(folder) / METADATA_FILE, json.dumps(known, indent=2, ensure_ascii=False) + "\n")


def read_metadata(folder: str | Path) -> Metadata:
    """The metadata of a folder, empty where it has none. Raises ModelError when the file is damaged."""
    path = Path(folder) / METADATA_FILE
    if not path.is_file():
        return Metadata()
    row = _json_object(path)
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


def resolve(name: str) -> Checkpoint:
    """What `name` stands for: the embedded model, a folder (model, adapter or run output), or a Hub id.

    A Hub id is not looked up here. Raises ModelError, one sentence, for everything else.
    """
    name = name.strip()
    if name == EMBEDDED:
        return Checkpoint(path=EMBEDDED, base_model=EMBEDDED, is_adapter=False)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return checkpoint_in(folder)
    if name and folder.exists():
        raise ModelError(f"{name} is a file, not a model; name the folder that holds config.json or {_ADAPTER_FILE}")
    if _looks_local(name):
        raise ModelError(f"The folder {name} does not exist; train it first, or name another model")
    if _HUB_ID.fullmatch(name):
        return Checkpoint(path=name, base_model=name, is_adapter=False)
    raise ModelError(
        f"Unknown model {name!r}; name {EMBEDDED}, a folder, or a Hub id such as Qwen/Qwen2.5-Coder-0.5B-Instruct"
    )


def checkpoint_in(folder: Path) -> Checkpoint:
    """The checkpoint of a folder: itself, the best of a run's output, or its newest cycle. Raises ModelError."""
    lineage = lineage_of(folder)
    weights = lineage.adapters[0] if lineage.adapters else Path(lineage.root)
    metadata = read_metadata(weights)
    return Checkpoint(
        path=str(weights),
        base_model=resolve(lineage.root).base_model if lineage.adapters else metadata.base_model or str(weights),
        is_adapter=bool(lineage.adapters),
        parent=metadata.parent or (lineage.bases[0] if lineage.adapters else ""),
        run=metadata.run,
        cycle=metadata.cycle,
    )


class Lineage(NamedTuple):
    """Adapter folders from the top one down, and the name of the full model below them all."""

    adapters: tuple[Path, ...]
    root: str

    @property
    def bases(self) -> tuple[str, ...]:
        """What each adapter sits on, in the same order."""
        return (*map(str, self.adapters[1:]), self.root)


def lineage_of(folder: Path) -> Lineage:
    """Follow adapters down to a full model; no adapters for a full model. Raises ModelError."""
    adapters: list[Path] = []
    weights = _weights_folder(folder).resolve()
    while (weights / _ADAPTER_FILE).is_file():
        if weights in adapters:
            raise ModelError(f"The adapter {weights} rests on itself; mend base_model_name_or_path in {_ADAPTER_FILE}")
        adapters.append(weights)
        base = _base_of(weights)
        if not Path(base).is_dir():
            return Lineage(tuple(adapters), base)
        weights = _weights_folder(Path(base)).resolve()
    return Lineage(tuple(adapters), str(weights))


def _base_of(adapter: Path) -> str:
    """A relative path in `adapter_config.json` is tried from the adapter's folder, then from the working folder."""
    base = _json_object(adapter / _ADAPTER_FILE).get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise ModelError(f"{adapter / _ADAPTER_FILE} does not say which base_model_name_or_path it belongs on")
    return str(adapter / base) if (adapter / base).is_dir() else base


def find_checkpoints(folders: Iterable[str | Path]) -> list[Checkpoint]:
    """Every `final_model` under the given folders, newest first; folders that cannot be used are left out."""
    changed: dict[Path, float] = {}
    for root in folders:
        for weights in _final_models(Path(root)):
            changed[weights.resolve()] = weights.stat().st_mtime
    newest_first = sorted(changed, key=lambda folder: (-changed[folder], str(folder)))
    return [checkpoint for folder in newest_first if (checkpoint := _readable(folder))]


def _readable(folder: Path) -> Checkpoint | None:
    try:
        return checkpoint_in(folder)
    except ModelError:  # a half-deleted folder or a lost base must not empty the whole list
        return None


def _final_models(root: Path) -> Iterator[Path]:
    for place, names, _ in os.walk(root):
        here = Path(place)
        if here.name == FINAL_MODEL and _holds_weights(here):
            yield here
            names.clear()
        elif len(here.relative_to(root).parts) >= _SCAN_DEPTH:
            names.clear()
        names[:] = sorted(name for name in names if not name.startswith("."))


def _weights_folder(folder: Path) -> Path:
    if _holds_weights(folder):
        return folder
    best = read_metadata(folder).best
    cycles = sorted(folder.glob(f"cycle_*/{FINAL_MODEL}"), key=lambda path: _cycle_number(path.parent.name))
    for candidate in [*([folder / best] if best else []), folder / FINAL_MODEL, *reversed(cycles)]:
        if _holds_weights(candidate):
            return candidate
    raise ModelError(f"{folder} holds no model: there is no config.json, {_ADAPTER_FILE} or {FINAL_MODEL} in it")


def _cycle_number(name: str) -> int:
    digits = name.removeprefix("cycle_")
    return int(digits) if digits.isdigit() else -1


def _holds_weights(folder: Path) -> bool:
    return (folder / _ADAPTER_FILE).is_file() or (folder / _CONFIG_FILE).is_file()


def _looks_local(name: str) -> bool:
    parts = Path(name).parts
    return (
        name.startswith((".", "/", "~"))
        or "\\" in name
        or len(parts) > 2
        or (len(parts) == 2 and parts[0] in _LOCAL_FOLDERS)
        or bool(parts and parts[-1] == FINAL_MODEL)
    )


def _json_object(path: Path) -> Mapping[str, Any]:
    with file_errors(path):
        text = read_text(path)
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{path} is damaged: {error}") from error
    if not isinstance(row, dict):
        raise ModelError(f"{path} is damaged: expected a JSON object")
    return row
