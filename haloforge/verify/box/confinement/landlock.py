"""Landlock: after one call, this process and its children can reach only the files that were named in it."""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every architecture
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = (1 << bit for bit in range(4))
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_MAKE_DEVICES_AND_SOCKETS = sum(1 << bit for bit in (6, 9, 10, 11))
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}


_library = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Reach:
    """Paths that stay in reach, if they exist. Of a `listed` folder the names can be seen, not the contents."""

    readable: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def version() -> int:
    """Version of the kernel's landlock interface; 0 where there is none."""
    return max(0, int(_library.syscall(_CREATE, None, 0, 1)))


def restrict(reach: Reach) -> None:
    """Give up everything beyond `reach`, for good. Raises OSError where the kernel has no landlock."""
    abi = version()
    if abi < 1:
        raise OSError("this kernel has no landlock")
    handled = (1 << _RIGHTS_BY_ABI.get(abi, 16)) - 1
    attributes = struct.pack(
        "QQQ", handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0
    )  # files, TCP, signals and sockets
    attributes = attributes[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _call(_CREATE, attributes, len(attributes), 0)
    read = _READ_FILE | _READ_DIR
    _add(ruleset, reach.readable, read & handled)
    _add(ruleset, reach.executable, (read | _EXECUTE) & handled)
    _add(ruleset, reach.writable, handled & ~_MAKE_DEVICES_AND_SOCKETS & ~_IOCTL_DEVICE)
    _add(ruleset, reach.listed, _READ_DIR & handled)
    _add(ruleset, reach.devices, (_READ_FILE | _WRITE_FILE) & handled)
    if _library.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _call(_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _add(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = rights if stat.S_ISDIR(os.fstat(descriptor).st_mode) else rights & _FILE_RIGHTS
        _call(_ADD, ruleset, 1, struct.pack("=Qi", allowed, descriptor), 0)
        os.close(descriptor)


def _call(*arguments: object) -> int:
    result: int = _library.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result
