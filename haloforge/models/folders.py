"""Folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haloforge.errors import ModelError
from haloforge.files import file_errors


def cache_folder() -> Path:
    """Where converted weights are kept: `$XDG_CACHE_HOME/halo-forge`, or `~/.cache/halo-forge`; not created here."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "halo-forge"


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
