"""Binaries of programs that were compiled before: other tests of the same program do not compile it again.

Each is one file, named by the digest of everything that went into the compiler, and holds the digest of its own
content: what was cut short by a kill, or changed by anybody, is not used. The folder belongs to this user alone.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from haloforge.verify.sandbox.kept import kept_folder

SHAPE = "1"
"""Part of every key: raise it when the same sources and arguments may give another binary."""
CAP_MB = 1024
"""When they take more room than this, those used longest ago go until they take three quarters of it."""
LARGEST = 64 << 20
"""Bytes of a binary that is worth keeping."""
_LOOK_AGAIN = 16
"""The folder is measured again when a process has written this part of the cap: others write there too."""
_ABANDONED_S = 3600
_LEASE_TRIES = 1000
_DIGEST = hashlib.sha256().digest_size
_log = logging.getLogger(__name__)


def key_of(*parts: object) -> str:
    """Digest of everything that decides the binary."""
    return hashlib.sha256(repr((SHAPE, *parts)).encode()).hexdigest()


class Binaries:
    """Binaries by key. Safe between threads and processes."""

    def __init__(self, folder: Path | None = None, cap_mb: int = CAP_MB) -> None:
        """`folder` is `binaries` among what is kept, by default; it is made when it is first needed."""
        self._folder = folder or kept_folder("binaries")
        self._cap = cap_mb << 20
        self._written = self._cap  # unknown: the first write measures
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(256)]

    def turn(self, key: str) -> threading.Lock:
        """To hold while that program is compiled: who needs the same meanwhile, waits and finds it."""
        return self._turns[int(key[:2], 16)]

    def fetch(self, key: str, target: Path) -> str | None:
        """Put the binary at `target`, which must not exist. Returns the compiler's diagnostics; None if not there."""
        try:
            content = _own_file(self._folder / key) if self._is_private() else b""
            if content[:_DIGEST] != _digest(key, content[_DIGEST:]):
                return None
            os.utime(self._folder / key)
            start = _DIGEST + 4 + int.from_bytes(content[_DIGEST : _DIGEST + 4], "little")
            _write_program(target, memoryview(content)[start:])
            return str(json.loads(content[_DIGEST + 4 : start]))
        except OSError:
            return None

    def keep(self, key: str, binary: Path, diagnostics: str) -> None:
        """Remember a binary. One that is too large, or has no room on the disk, is let go."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.chmod(0o700)
            said = json.dumps(diagnostics).encode()
            content = len(said).to_bytes(4, "little") + said + _own_file(binary)
            self._write(key, [_digest(key, content), content])
        except OSError as error:
            _log.warning("a binary could not be kept in %s: %s", self._folder, error)

    def _write(self, key: str, content: Sequence[bytes]) -> None:
        descriptor, partial = tempfile.mkstemp(dir=self._folder, prefix=".")
        try:
            with open(descriptor, "wb") as file:
                file.writelines(content)
            os.replace(partial, self._folder / key)
        except OSError:
            os.unlink(partial)
            raise
        with self._lock:
            self._written += sum(map(len, content))
            if self._written >= self._cap // _LOOK_AGAIN:
                self._written = 0
                self._make_room()

    def _make_room(self) -> None:
        """Remove what was used longest ago, and what a killed process left half-written."""
        now, entries = time.time(), []
        for entry in os.scandir(self._folder):
            with contextlib.suppress(FileNotFoundError):  # another process makes room too
                found = entry.stat(follow_symlinks=False)
                if entry.name.startswith(".") and now - found.st_mtime > _ABANDONED_S:
                    os.unlink(entry.path)
                elif not entry.name.startswith("."):
                    entries.append((found.st_mtime, found.st_size, entry.path))
        excess = sum(size for _, size, _ in entries) - self._cap
        if excess <= 0:
            return
        excess += self._cap // 4
        for _, size, path in sorted(entries):
            if excess <= 0:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            excess -= size

    def _is_private(self) -> bool:
        found = os.lstat(self._folder)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _digest(key: str, content: bytes) -> bytes:
    """Over the name too: a file under another's name is not used."""
    return hashlib.sha256(key.encode() + content).digest()


def _own_file(path: Path) -> bytes:
    """The content of a regular file of this user's. Raises OSError for anything else: a link, a device, a giant."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_size > LARGEST:
            raise OSError(f"{path} is no plain file of this user, or too large")
        return file.read()


def _write_program(path: Path, content: memoryview) -> None:
    """Write a file that can be executed at once.

    It could not be while any process has it open for writing, and one that another thread starts at this moment holds
    the descriptor until it becomes another program. A lease is granted when nobody does.
    """
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "wb") as file:
        file.write(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for _ in range(_LEASE_TRIES):
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:  # a file system without leases
                return
            else:
                return
    finally:
        os.close(descriptor)
