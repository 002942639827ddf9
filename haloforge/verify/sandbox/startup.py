"""How a warm process is started at a level of isolation: by which command, and with which configuration."""

import glob
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from haloforge.verify.box.confinement import landlock
from haloforge.verify.sandbox.interpreter import OWN, Interpreter
from haloforge.verify.sandbox.kept import headers_folder
from haloforge.verify.sandbox.levels import BOX, ENVIRONMENT, NAMESPACES, PACKAGES, PYTHON, UNSAFE
from haloforge.verify.sandbox.reach import (
    FOLDERS_OF_PACKAGES,
    PROGRAM_REACH,
    command_reach,
    package_folders,
    python_reach,
    tool_reach,
)
from haloforge.verify.sandbox.workspace import MOUNTED_AT, NOWHERE, Places
from haloforge.verify.toolchains import toolchain_files, toolchain_folders, toolchain_links

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_TOOLS = ("/bin", "/usr", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


@dataclass(frozen=True)
class Startup:
    """How to start a warm process: the command in front of Python's own, and what the process has to do to itself."""

    prefix: tuple[str, ...]
    config: dict[str, Any]


def startup(
    role: str,
    level: str,
    places: Places = NOWHERE,
    *,
    packages_too: bool = False,
    readable: tuple[str, ...] = (),
    python: Interpreter = OWN,
) -> Startup:
    """How to start a warm process of that role at that level.

    `places` are the only folders that its children can write in. A command reads and executes what is `readable`,
    besides the system's own folders. With `packages_too` the warm process imports `PACKAGES` before it
    forks; without, it is smaller and forks in half the time.
    """
    packages = package_folders() if packages_too and python is OWN else {}
    reach = _reach(role, packages, readable, python)
    scratch, workspace = places.scratch, places.workspace
    seen = workspace.for_box() if workspace else None
    writable = (seen["path"],) if seen else ()
    config = {
        "seccomp": level != UNSAFE,
        "landlock": level in ("ns", "landlock") and landlock.version() > 0,
        "noopen": level == "noopen",
        "own_file_system": level == "ns",
        "workspace": seen,
        "reach": asdict(replace(reach, writable=() if role == "launcher" else writable)),
        "reach_of_programs": asdict(replace(PROGRAM_REACH, writable=writable)),
        "cores": sorted(os.sched_getaffinity(os.getpid())),
        "packages": [*packages, *(python.installed(PACKAGES) if packages_too else [])],
        "package_paths": sorted({str(Path(paths[0]).parent) for paths in packages.values()}),
        "site": list(python.packages),
        "prefix": python.prefix,
    }
    if level != "ns":
        return Startup((), config)
    if role == "command":
        mounts = _command_mounts(reach, scratch)
    else:
        tops = _tops() if role == "launcher" else ()
        mounts = _mounts(tops, packages, places, python)
    command = _bubblewrap(mounts) if bubblewrap() else _own_namespaces(mounts)
    return Startup((*(workspace.entrance if workspace else ()), *command), config)


def _tops() -> tuple[str, ...]:
    return (*_TOOLS, *toolchain_files(), *toolchain_folders(), *toolchain_links(), str(headers_folder()))


def _reach(role: str, packages: dict[str, list[str]], readable: tuple[str, ...], python: Interpreter) -> landlock.Reach:
    if role == "command":
        return command_reach(readable)
    return tool_reach() if role == "launcher" else python_reach(packages, python)


def bubblewrap() -> str | None:
    """Path of bwrap, or None."""
    return shutil.which("bwrap")


def namespaces_by() -> str:
    """What makes the namespaces on this machine, for people."""
    return "bubblewrap" if bubblewrap() else "our own system calls, as bubblewrap is not installed"


def _command_mounts(reach: landlock.Reach, scratch: Path | None) -> list[tuple[str, str]]:
    """The reach of a command as mounts; a folder stands before what lies in it."""
    bound = sorted({*reach.readable, *reach.executable})
    mounts = [("tmpfs", "/tmp")]
    for path in bound:
        if not any(path.startswith(other + "/") for other in bound if not os.path.islink(other)):
            mounts += _bound(path)
    mounts += [("dev-bind", device) for device in _DEVICES]
    mounts += [("bind", str(scratch))] if scratch else []
    return [*mounts, ("remount-ro", "/tmp"), ("remount-ro", "/")]


def _bubblewrap(mounts: list[tuple[str, str]]) -> list[str]:
    command = [bubblewrap() or "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    for name, value in ENVIRONMENT.items():
        command += ["--setenv", name, value]
    for operation, path in mounts:
        if operation == "workspace":
            command += ["--bind", path, MOUNTED_AT]
            continue
        source = os.readlink(path) if operation == "symlink" else path
        command += [f"--{operation}", *([] if operation in ("tmpfs", "remount-ro") else [source]), path]
    return [*command, "--chdir", "/"]


def _own_namespaces(mounts: list[tuple[str, str]]) -> list[str]:
    return [PYTHON, "-I", "-S", "-B", str(NAMESPACES), json.dumps(mounts)]


def _mounts(
    tops: tuple[str, ...], packages: dict[str, list[str]], places: Places, python: Interpreter
) -> list[tuple[str, str]]:
    """(operation, path) in the order of mounting, in bubblewrap's words, and `workspace` for that folder.

    Only libraries, the folders `tops` and our `box` are there. Folders of packages are empty except for `packages`.
    Nothing is writable except `places`.
    """
    mounts = []
    library = Path(python.library)
    own = {str(library), *glob.glob(f"{library.parent}/libpython*"), python.executable, "/usr/share/zoneinfo"}
    bound = sorted({*_LIBRARIES, *tops, *own, str(BOX)})
    for path in bound:
        if not any(path.startswith(other + "/") for other in bound if not os.path.islink(other)):
            mounts += _bound(path)
    hidden = [folder for folder in _installed_packages(library) if os.path.isdir(folder)]
    mounts += [("tmpfs", folder) for folder in hidden]
    mounts += [("ro-bind", path) for paths in packages.values() for path in paths]
    mounts += [("ro-bind", path) for path in python.readable]
    mounts += [("remount-ro", folder) for folder in hidden]
    mounts += [("dev-bind", device) for device in _DEVICES]
    mounts += [("bind", str(places.scratch))] if places.scratch else []
    mounts += [("workspace", str(places.workspace.path))] if places.workspace else []
    return [*mounts, ("remount-ro", "/")]


def _installed_packages(library: Path) -> list[str]:
    patterns = [f"{library}", "/usr/lib/python3*", "/usr/lib64/python3*", "/usr/local/lib/python3*"]
    return sorted(
        {path for pattern in patterns for name in FOLDERS_OF_PACKAGES for path in glob.glob(f"{pattern}/{name}")}
    )


def _bound(path: str) -> list[tuple[str, str]]:
    if os.path.islink(path):
        return [("symlink", path)]
    return [("ro-bind", path)] if os.path.exists(path) else []
