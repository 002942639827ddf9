"""The folder that compilers and compiled programs write in: made when it is first needed, and not left behind for good.

An engine that is killed cannot remove its own. So each holds a lock on its folder while it lives, and whoever makes the
next one removes those that nobody holds.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "halo-forge-scratch_"
_TOO_NEW_S = 60
"""A folder may not be locked yet in the moment after it was made."""


class Scratch:
    """One worker's folder. Used by one thread."""

    def __init__(self) -> None:
        self._made: tempfile.TemporaryDirectory[str] | None = None
        self._lock = -1

    @property
    def folder(self) -> Path:
        """Exists from the first time that somebody asks."""
        if self._made is None:
            sweep()
            self._made = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
            self._lock = os.open(self._made.name, os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
        return Path(self._made.name)

    def remove(self) -> None:
        """With all that is in it."""
        if self._made is not None:
            self._made.cleanup()
            os.close(self._lock)
            self._made = None


def sweep() -> None:
    """Remove the folders of this user's engines that are gone."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # somebody's, somebody else's, or gone meanwhile
            _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    lock = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        about = os.fstat(lock)
        if about.st_uid == os.geteuid() and time.time() - about.st_mtime > _TOO_NEW_S:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)
