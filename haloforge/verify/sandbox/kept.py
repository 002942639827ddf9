"""What is built once and kept on disk between runs: precompiled libraries, and the binaries of programs."""

import hashlib
import logging
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

BUILD_LIMIT_S = 120
"""Seconds that making one of them may take."""
_making = threading.Lock()
_log = logging.getLogger(__name__)


def kept_folder(name: str) -> Path:
    """The folder of that name in `$XDG_CACHE_HOME/halo-forge` or `~/.cache/halo-forge`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "halo-forge" / name


def headers_folder() -> Path:
    """Where precompiled libraries are kept; readable in the sandbox of compilers."""
    return kept_folder("headers")


def digest_of(*content: object) -> str:
    """What a kept folder's name ends with: other content is kept apart."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def unwritable() -> FileNotFoundError:
    """What to raise where something that is needed could not be kept."""
    return FileNotFoundError(f"{headers_folder()} cannot be written; XDG_CACHE_HOME says where else")


def made_once(folder: Path, make: Callable[[Path], None]) -> Path | None:
    """`folder`, filled by `make` if it is not there yet; None, with a warning, where it cannot be made.

    It is made in another folder and then moved, so it is whole or absent, whoever is killed when.
    """
    with _making:
        if folder.is_dir():
            return folder
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent, ignore_cleanup_errors=True) as place:
                partial = Path(place, folder.name)
                partial.mkdir()
                make(partial)
                partial.rename(folder)
        except (OSError, subprocess.SubprocessError) as error:
            if not folder.is_dir():  # else another process was faster
                _log.warning("%s could not be made: %s", folder, error)
                return None
        return folder
