"""What the fields of a form may name: checkpoints, problem files and data files that are there already."""

from collections.abc import Sequence
from pathlib import Path

from haloforge.config import model_folder_of
from haloforge.models import EMBEDDED, find_checkpoints
from haloforge.problems.manifest import manifest_path
from haloforge.store import Store

_FOLDERS = ("data", "models", "results")
_FILES = (".jsonl", ".jsonl.gz")


def choices(kind: str, root: Path | None = None, here: Path | None = None) -> Sequence[str]:
    """Names for a setting of a kind: "model", or "problems" and "file" for data files. Newest first."""
    here = here or Path()
    if kind == "model":
        return [EMBEDDED, *models(root, here)]
    return data_files(here)


def models(root: Path | None, here: Path) -> list[str]:
    """Every checkpoint under models/ and where runs wrote theirs, relative to the working folder if they are in it."""
    folders = {here / "models", *_output_folders(root)}
    return [_relative(checkpoint.path, here) for checkpoint in find_checkpoints(sorted(folders))]


def data_files(here: Path) -> list[str]:
    """JSON Lines files under data/, those with a manifest first, then the newest."""
    folder = here / "data"
    found = [p for p in folder.rglob("*") if p.name.endswith(_FILES) and p.is_file()] if folder.is_dir() else []
    found.sort(key=lambda p: (not manifest_path(p).is_file(), -p.stat().st_mtime))
    return [_relative(str(p), here) for p in found]


def _output_folders(root: Path | None) -> set[Path]:
    with Store(root) as store:
        runs = store.runs(limit=10_000)
    return {folder for run in runs if (folder := model_folder_of(run))}


def _relative(path: str, here: Path) -> str:
    absolute = Path(path).absolute()
    return str(absolute.relative_to(here.absolute())) if absolute.is_relative_to(here.absolute()) else str(absolute)
