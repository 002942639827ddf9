"""What is there to choose from: checkpoints, data files, and the problems of a file, a bundled set or a run."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from haloforge.config import model_folder_of
from haloforge.errors import ConfigError, DataError
from haloforge.files import read_text, write_jsonl
from haloforge.models import EMBEDDED, find_checkpoints
from haloforge.problems import SOURCES, load_problems, load_starter, manifest_path
from haloforge.records import Problem
from haloforge.stages.data.own_files import OwnRow, read_own
from haloforge.store import Store

_SUFFIXES = (".jsonl", ".jsonl.gz")
_RUN_PREFIX = "run "


def choices(kind: str, root: Path | None = None, here: Path | None = None) -> Sequence[str]:
    """Names for a setting of a kind: "model", or "problems" and "file" for data files. Newest first."""
    here = here or Path()
    if kind == "model":
        return [EMBEDDED, *models(root, here)]
    return data_files(here)


def models(root: Path | None, here: Path) -> list[str]:
    """Every checkpoint under models/ and in the outputs of runs; paths in the folder `here` are relative to it."""
    folders = {here / "models", *_output_folders(root)}
    return [_relative(checkpoint.path, here) for checkpoint in find_checkpoints(sorted(folders))]


def data_files(here: Path) -> list[str]:
    """JSON Lines files under data/, those with a manifest first, then the newest."""
    folder = here / "data"
    files = [p for p in folder.rglob("*") if p.name.endswith(_SUFFIXES) and p.is_file()] if folder.is_dir() else []
    files.sort(key=lambda p: (not manifest_path(p).is_file(), -p.stat().st_mtime))
    return [_relative(str(p), here) for p in files]


_MOST_NAME_BYTES = 200
"""Of a file's name; Linux takes 255, and names of manifests and temporary files are longer."""


def own_files() -> list[str]:
    """Data files that can be added to."""
    return [name for name in data_files(Path()) if name.endswith(".jsonl")]


def own_file(name: str) -> Path:
    """A data file that the page may write. Raises ConfigError for a place outside of data/, and for another ending.

    Only there, so that what a browser asks for cannot replace any other file of this machine.
    """
    path = Path(name.strip() if name.isprintable() else "")
    is_short = len(path.name.encode(errors="replace")) <= _MOST_NAME_BYTES
    is_inside = path.resolve().is_relative_to(Path("data").resolve())
    if not is_inside or not is_short or path.suffix != ".jsonl":
        raise ConfigError(f"{name.strip() or 'the file'} should be a name such as data/mine.jsonl")
    return path


def data_files_here() -> list[str]:
    """JSON Lines files under data/ of the working folder."""
    return data_files(Path())


def manifest_beside(file: str) -> Mapping[str, Any] | None:
    """The manifest that lies beside a data file, whether or not that has changed since; None where there is none.

    For lists: that the file is still the one described takes reading all of it, which `read_manifest` does.
    """
    path = manifest_path(file)
    try:
        return _manifest(str(path), path.stat().st_mtime_ns)
    except OSError:
        return None


def problem_sets() -> list[str]:
    """Names that `read_problems` reads: data files, then the sets that come with the package."""
    return [*data_files(Path()), *(s.name for s in SOURCES.values() if s.is_bundled)]


def problems_of_run(run_id: str) -> str:
    """The name under which `read_problems` reads the problems of a run."""
    return f"{_RUN_PREFIX}{run_id}"


def read_problems(name: str, root: Path | None = None) -> Sequence[Problem]:
    """The problems of a data file, a bundled set or a run. Raises ForgeError when they are not there any more.

    Only listed files are read, so that an address cannot open any other file of this machine.
    """
    if name in SOURCES:
        return _bundled(name)
    if name.startswith(_RUN_PREFIX):
        with Store(root) as store:
            return store.problems(name.removeprefix(_RUN_PREFIX))
    if name not in data_files(Path()):
        raise DataError(f"{name} is not among the data files any more")
    return _read(name, Path(name).stat().st_mtime_ns)


def read_rows(name: str) -> Sequence[OwnRow]:
    """Every row of a data file or a bundled set: problems, chats, texts. Raises DataError as `read_problems` does."""
    if name in SOURCES:
        return [OwnRow(i, problem.to_json(), problem) for i, problem in enumerate(_bundled(name), 1)]
    if name not in data_files_here():
        raise DataError(f"{name} is not among the data files any more")
    return _rows(name, Path(name).stat().st_mtime_ns)


@contextmanager
def as_file(name: str) -> Iterator[Path]:
    """A file with the rows of a data file or a bundled set, for as long as the block lasts."""
    if name not in SOURCES:
        if name not in data_files_here():
            raise DataError(f"{name} is not among the data files any more")
        yield Path(name)
        return
    with TemporaryDirectory(prefix="halo-forge-") as folder:
        path = Path(folder, f"{name}.jsonl")
        write_jsonl(path, (problem.to_json() for problem in _bundled(name)))
        yield path


@lru_cache(maxsize=256)
def _manifest(path: str, _changed_ns: int) -> Mapping[str, Any] | None:
    try:
        found = json.loads(read_text(path))
    except (ValueError, DataError):
        return None
    return found if isinstance(found, dict) else None


@lru_cache(maxsize=4)
def _rows(name: str, _changed_ns: int) -> Sequence[OwnRow]:
    return read_own(Path(name))


@lru_cache(maxsize=2)
def _bundled(name: str) -> Sequence[Problem]:
    return list(load_starter(name))


@lru_cache(maxsize=4)
def _read(name: str, _changed_ns: int) -> Sequence[Problem]:
    return load_problems(name)


def _output_folders(root: Path | None) -> set[Path]:
    with Store(root) as store:
        runs = store.runs(limit=10_000)
    return {folder for run in runs if (folder := model_folder_of(run))}


def _relative(path: str, here: Path) -> str:
    absolute = Path(path).absolute()
    return str(absolute.relative_to(here.absolute())) if absolute.is_relative_to(here.absolute()) else str(absolute)
