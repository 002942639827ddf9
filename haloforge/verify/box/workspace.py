"""The folder that samples write in, one after the other: seen to by the warm process, but never read by it.

A warm process must not learn even the name of a file of a sample: all later children would inherit it. So it only asks
the kernel how long the list of names is, and leaves what needs the names to a child of its own.
"""

import contextlib
import ctypes
import os
from collections.abc import Callable
from typing import Any

from .confinement.syscalls import numbers
from .forking import fork

MAX_MB = 64
"""What a sample's files may take, in MiB."""
MAX_FILES = 4096
"""Files and folders that a sample may make."""
_MAX_SHRINKING = 512 << 20
"""Bytes by which the free space may shrink while a sample runs that uses its folder: files without a name count too."""
_EMPTY = 48
"""Bytes of a list that names only the folder and its parent."""

_system_call = ctypes.PyDLL(None).syscall
"""The system calls without the objects of Python around them: after every fork each page of those would be copied."""


class Workspace:
    """The warm process's hold on the folder. It makes it the working folder and the one for temporary files."""

    def __init__(self, path: str, *, is_bounded: bool) -> None:
        """`is_bounded`: the file system itself holds no more than `MAX_MB` and `MAX_FILES`."""
        os.chdir(path)
        os.environ.update(TMPDIR=path, HOME=path)
        self.path = path
        self.is_bounded = is_bounded
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._names = ctypes.create_string_buffer(512)
        self._allow_all = numbers()["fchmod"], self._folder, 0o700
        self._list = numbers()["getdents64"], self._folder, self._names, len(self._names)
        self._rewind = numbers()["lseek"], self._folder, 0, os.SEEK_SET
        self._free = 0

    def empty(self) -> None:
        """Remove all that is in it. Raises OSError where that fails."""
        _system_call(*self._allow_all)  # whatever a sample has made of it
        if not self._is_empty() and not _in_child(lambda: _remove_all(self._folder)):
            raise OSError(f"{self.path} cannot be emptied")
        if not self.is_bounded:
            self._free = _free_bytes(self._folder)

    def is_overfull(self) -> bool:
        """Whether a sample has written more than it may, where nothing else stops it."""
        if self._is_empty():
            return False
        shrinks = self._free - _free_bytes(self._folder) > _MAX_SHRINKING
        return shrinks or not _in_child(lambda: _check_size(self.path))

    def _is_empty(self) -> bool:
        size, more = _system_call(*self._list), _system_call(*self._list)  # some file systems list in several parts
        _system_call(*self._rewind)
        is_empty: bool = size == _EMPTY and more == 0
        if not is_empty:
            ctypes.memset(self._names, 0, len(self._names))
        return is_empty


def contents(folder: str, most: int) -> tuple[int, int]:
    """Files below a folder, and the bytes they take; counting stops soon after `most` files."""
    files, size, folders = 0, 0, [folder]
    while folders and files <= most:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                files += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
    return files, size


def _in_child(action: Callable[[], object]) -> bool:
    """Whether it went without an error, in a process of its own."""
    child = int(fork())
    if child == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _free_bytes(folder: int) -> int:
    about = os.fstatvfs(folder)
    return about.f_bavail * about.f_frsize


def _check_size(path: str) -> None:
    files, size = contents(path, MAX_FILES)
    if files > MAX_FILES or size > MAX_MB << 20:
        raise OSError("too much")


def _remove_all(folder: int) -> None:
    """Level by level: what lies in an inner folder is moved up first, so that no depth is too deep."""
    number = 0
    while names := os.listdir(folder):
        for name in names:
            with contextlib.suppress(IsADirectoryError):
                os.unlink(name, dir_fd=folder)
                continue
            number = _lift_contents(folder, name, number)
            os.rmdir(name, dir_fd=folder)


def _lift_contents(folder: int, name: str, number: int) -> int:
    """Remove the files of an inner folder and move its folders up, under numbers. Returns the last number."""
    os.chmod(name, 0o700, dir_fd=folder)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        for each in os.listdir(inner):
            with contextlib.suppress(IsADirectoryError):
                os.unlink(each, dir_fd=inner)
                continue
            number += 1
            _move_up(inner, each, folder, f".{number}-{os.getpid()}")
    finally:
        os.close(inner)
    return number


def _move_up(source: int, name: str, target: int, new_name: str) -> None:
    try:
        os.chmod(name, 0o700, dir_fd=source)
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
    except OSError:  # an old landlock moves nothing from folder to folder
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=source)
        _remove_all(inner)
        os.close(inner)
        os.rmdir(name, dir_fd=source)


def opened(config: dict[str, Any]) -> Workspace | None:
    """The folder that the configuration names, if any."""
    place = config["workspace"]
    return Workspace(place["path"], is_bounded=place["is_bounded"]) if place else None
