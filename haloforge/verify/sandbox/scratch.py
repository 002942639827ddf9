"""The folder that compilers and compiled programs write in: created when first needed, and removed in the end.

An engine that is killed cannot remove its folder. So each engine holds a lock on its folder while it lives, and whoever
creates the next folder removes those that nobody has locked.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "halo-forge-scratch_"
_MIN_AGE_S = 60
"""A younger folder is left alone, for its engine may not have locked it yet."""


class Scratch:
    """One worker's folder. Used by one thread."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = -1

    @property
    def folder(self) -> Path:
        """Its path; the folder is created the first time that this is asked for."""
        if self._folder is None:
            sweep()
            self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
            self._lock = os.open(self._folder.name, os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        return Path(self._folder.name)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        if self._folder is not None:
            self._folder.cleanup()
            os.close(self._lock)
            self._folder = None


def sweep() -> None:
    """Remove the folders of this user's engines that are gone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, of another user, or gone meanwhile
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    lock = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        about = os.fstat(lock)
        if about.st_uid == os.geteuid() and time.time() - about.st_mtime > _MIN_AGE_S:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)
