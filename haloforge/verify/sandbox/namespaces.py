"""Namespaces by our own system calls, where bubblewrap is not installed: python namespaces.py MOUNTS COMMAND...

Runs the command as bwrap --unshare-all --die-with-parent does: without network, with a process tree of its own, and
seeing only what MOUNTS names, a JSON list of [operation, path] in the words of bwrap's options; one word is our own:
`workspace` binds that path, writable, at /workspace. An ordinary user needs user namespaces for that. This script
imports nothing of ours, so that its process holds nothing worth protecting.

python namespaces.py hold PATH OPTIONS: mounts a file system in memory at PATH, in namespaces that last as long as
somebody holds them, prints a line, and ends when its input does.
"""

import contextlib
import ctypes
import errno
import json
import os
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

_NEW_USER, _NEW_MOUNTS = 0x10000000, 0x00020000
_NEW_ALL = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000
"""Mounts, cgroups, host name, IPC, processes, network."""
_MS_BIND, _MS_RECURSIVE, _MS_PRIVATE, _MS_NOSUID, _MS_NODEV = 4096, 16384, 1 << 18, 2, 4
_DETACH = 2
_READ_ONLY, _NO_SUID, _NO_DEVICES = 1, 2, 4
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_PIVOT_ROOT, _CAPSET = {"x86_64": (155, 126), "aarch64": (41, 91)}.get(os.uname().machine, (-1, -1))
_SET_PARENT_DEATH_SIGNAL, _DROP_BOUNDING, _NO_NEW_PRIVILEGES, _AMBIENT = 1, 24, 38, 47
_CAPABILITY_VERSION_3 = 0x20080522

_BASE = "/tmp"
_OLD, _NEW = "/old", "/new"
_WORKSPACE = "/workspace"
"""The same as `MOUNTED_AT` in workspace.py, which this script must not import."""

_library = ctypes.CDLL(None, use_errno=True)


def main(mounts: list[list[str]], command: list[str]) -> NoReturn:
    """Never returns; ends with 1 where the kernel refuses."""
    _call(_library.prctl, _SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _unshare((_NEW_USER | _NEW_ALL, _NEW_ALL))
    _build(mounts)
    _run_and_reap(lambda: _become_first(command))


def _call(function: Callable[..., int], *arguments: object) -> None:
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def hold(path: str, options: str) -> None:
    """Root needs no user namespace for the mount, and could not reach other users' files from one."""
    _call(_library.prctl, _SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _unshare((_NEW_MOUNTS, _NEW_USER | _NEW_MOUNTS))
    _call(_library.mount, None, b"/", None, _MS_PRIVATE | _MS_RECURSIVE, None)
    _mount_memory(path, f"mode=0700,{options}")
    print("mounted", flush=True)
    sys.stdin.read()


def _unshare(choices: Sequence[int]) -> None:
    """Leave namespaces of the parent, by the first choice that the kernel allows."""
    user, group = os.geteuid(), os.getegid()
    chosen = next((choice for choice in choices if _library.unshare(choice) == 0), None)
    if chosen is None:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if not chosen & _NEW_USER:
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _build(mounts: list[list[str]]) -> None:
    """Make a new root in memory, bind the named paths of the old root into it, then detach the old root."""
    sources = {path: os.path.realpath(path) for _, path in mounts}
    links = {path: os.readlink(path) for operation, path in mounts if operation == "symlink"}
    _call(_library.mount, None, b"/", None, _MS_PRIVATE | _MS_RECURSIVE, None)
    _mount_memory(_BASE)
    for folder in (_OLD, _NEW):
        os.mkdir(_BASE + folder)
    _pivot(_BASE, _BASE + _OLD)
    os.chdir("/")
    _mount_memory(_NEW)
    for operation, path in mounts:
        target = _NEW + path.rstrip("/")
        if operation == "symlink":
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.symlink(links[path], target)
        elif operation == "tmpfs":
            os.makedirs(target, exist_ok=True)
            _mount_memory(target)
        elif operation == "remount-ro":
            _restrict(target, _READ_ONLY, recursive=False)
        elif operation == "workspace":
            _bind(_OLD + sources[path], _NEW + _WORKSPACE, "bind")
        else:
            _bind(_OLD + sources[path], target, operation)
    _call(_library.umount2, _OLD.encode(), _DETACH)
    os.chdir(_NEW)
    _pivot(".", ".")
    _call(_library.umount2, b".", _DETACH)
    os.chdir("/")


_RESTRICTIONS = {
    "ro-bind": _READ_ONLY | _NO_SUID | _NO_DEVICES,
    "bind": _NO_SUID | _NO_DEVICES,
    "dev-bind": _NO_SUID,
}


def _bind(source: str, target: str, operation: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT, 0o600))
    _call(_library.mount, source.encode(), target.encode(), None, _MS_BIND | _MS_RECURSIVE, None)
    _restrict(target, _RESTRICTIONS[operation], recursive=True)


def _mount_memory(target: str, options: str = "mode=0755") -> None:
    _call(_library.mount, b"tmpfs", target.encode(), b"tmpfs", _MS_NOSUID | _MS_NODEV, options.encode())


def _restrict(target: str, attributes: int, *, recursive: bool) -> None:
    """mount_setattr, since Linux 5.12: one call for all mounts below, whatever flags they have already."""
    request = struct.pack("QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _call(_library.syscall, _MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, request, len(request))


def _pivot(new: str, old: str) -> None:
    _call(_library.syscall, _PIVOT_ROOT, new.encode(), old.encode())


def _become_first(command: list[str]) -> NoReturn:
    """Become process 1 of the new tree: it dies with its parent, and all others with it. The command is its child."""
    _call(_library.prctl, _SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    _run_and_reap(lambda: _start(command))


def _start(command: list[str]) -> NoReturn:
    os.setsid()
    _give_up_privileges()
    os.execv(command[0], command)


def _give_up_privileges() -> None:
    """No capability, not even within the namespaces, and no way to gain one by a program."""
    _call(_library.prctl, _AMBIENT, 4, 0, 0, 0)  # PR_CAP_AMBIENT_CLEAR_ALL
    for capability in range(64):
        if _library.prctl(_DROP_BOUNDING, capability, 0, 0, 0) and ctypes.get_errno() == errno.EINVAL:
            break  # the kernel has no more capabilities
    _call(_library.syscall, _CAPSET, struct.pack("Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    _call(_library.prctl, _NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _run_and_reap(run: Callable[[], NoReturn]) -> NoReturn:
    """Call `run` in a child and end when that ends; until then reap every orphan of the tree."""
    child = os.fork()
    if child == 0:
        run()
    os.closerange(0, 1 << 10)  # so that the child's sockets close when the child ends
    with contextlib.suppress(ChildProcessError):
        while os.wait()[0] != child:
            pass
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        hold(*sys.argv[2:])
    else:
        main(json.loads(sys.argv[1]), sys.argv[2:])
