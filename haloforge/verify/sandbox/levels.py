"""Levels of isolation, and how a warm process is started at each of them. `probe.py` finds out which one holds.

ns        namespaces (no network, its own file system) by bubblewrap or, without it, by our own system calls;
          with landlock where the kernel has it, and seccomp
landlock  landlock and seccomp: the same prohibitions without namespaces, as in most containers
noopen    seccomp alone: no file can be opened any more; Python with its library in memory only, no compilers
none      resource limits only; refused unless the user asks for it
"""

import glob
import json
import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from haloforge.languages import toolchain_folders
from haloforge.verify.box.confinement import landlock
from haloforge.verify.compiled.headers import headers_folder

LEVELS = ("ns", "landlock", "noopen")
"""Accepted levels, strongest first."""
UNSAFE = "none"

BOX = Path(__file__).parents[1] / "box"
NAMESPACES = Path(__file__).with_name("namespaces.py")
PYTHON = os.path.realpath(sys.executable)
PACKAGES = ("numpy",)
"""What solutions and tests may import besides the standard library, where it is installed."""

_FOLDERS_OF_PACKAGES = ("site-packages", "dist-packages")
"""Out of reach, except `PACKAGES`: a package may contain the very tests that judge a solution."""
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_TOOLS = ("/bin", "/usr", "/etc/alternatives")
_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/opt", "/sbin", "/usr")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "LD_BIND_NOW": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""All environment variables that a child has: none of ours, and the same order of sets in every run."""


@dataclass(frozen=True)
class Level:
    """A level of isolation, and why this machine has no stronger one."""

    name: str
    reason: str

    @property
    def accepted(self) -> bool:
        """False where model-written code is refused unless running without a sandbox is asked for."""
        return self.name != UNSAFE


@dataclass(frozen=True)
class Plan:
    """How to start a warm process: the command in front of Python's own, and what the process has to do to itself."""

    prefix: tuple[str, ...]
    config: dict[str, Any]


def plan(
    role: str, level: str, scratch: Path | None = None, *, packages_too: bool = False, readable: tuple[str, ...] = ()
) -> Plan:
    """How to start a warm process of that role at that level.

    `scratch` is the one folder that children of a launcher or a command can write in. A command reads and executes what
    is `readable`, besides the system's own folders. With `packages_too` the warm process imports `PACKAGES` before it
    forks; without, it is smaller and forks in half the time.
    """
    packages = _packages() if packages_too else {}
    reach = _reach(role, packages, readable)
    config = {
        "seccomp": level != UNSAFE,
        "landlock": level in ("ns", "landlock") and landlock.version() > 0,
        "noopen": level == "noopen",
        "reach": asdict(reach),
        "reach_of_programs": asdict(_PROGRAM_REACH),
        "cores": sorted(os.sched_getaffinity(os.getpid())),
        "packages": list(packages),
        "package_paths": sorted({str(Path(paths[0]).parent) for paths in packages.values()}),
    }
    if level != "ns":
        return Plan((), config)
    if role == "command":
        mounts = _command_mounts(reach, scratch)
    else:
        tops = (*_TOOLS, *toolchain_folders(), str(headers_folder())) if role == "launcher" else ()
        mounts = _mounts(tops, packages, scratch if role == "launcher" else None)
    return Plan(tuple(_bubblewrap(mounts) if bubblewrap() else _own_namespaces(mounts)), config)


def _reach(role: str, packages: dict[str, list[str]], readable: tuple[str, ...]) -> landlock.Reach:
    if role == "command":
        return _command_reach(readable)
    return _tool_reach() if role == "launcher" else _python_reach(packages)


def bubblewrap() -> str | None:
    """Path of bwrap, or None."""
    return shutil.which("bwrap")


def namespaces_by() -> str:
    """What makes the namespaces on this machine, for people."""
    return "bubblewrap" if bubblewrap() else "our own system calls, as bubblewrap is not installed"


def _packages() -> dict[str, list[str]]:
    """For each installed package its folder, and the folder of its shared libraries beside it."""
    specs = {name: find_spec(name) for name in PACKAGES}
    folders = {name: Path(spec.origin).parent for name, spec in specs.items() if spec and spec.origin}
    return {name: [str(f), *glob.glob(f"{f}.libs")] for name, f in folders.items()}


def _python_reach(packages: dict[str, list[str]]) -> landlock.Reach:
    """What Python reads while it runs: its library without the folders of packages, and the named packages."""
    library = Path(sysconfig.get_path("stdlib"))
    modules = [str(entry) for entry in library.iterdir() if entry.name not in _FOLDERS_OF_PACKAGES]
    shared = [f"{folder}/{sysconfig.get_config_var('MULTIARCH')}" for folder in ("/lib", "/usr/lib")]
    shared += [str(library.parent / name) for name in ("lib-dynload",)] + glob.glob(f"{library.parent}/libpython*")
    named = [path for paths in packages.values() for path in paths]
    return landlock.Reach(
        readable=(*sorted(modules), *shared, "/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", *named),
        listed=(str(library),),
    )


_TOOL_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/usr/include", "/usr/local/include", "/usr/share")


def _tool_reach() -> landlock.Reach:
    return landlock.Reach(
        readable=(*_TOOL_FILES, str(headers_folder())),
        executable=(
            "/lib",
            "/lib64",
            "/usr/lib",
            "/usr/lib64",
            "/usr/libexec",
            "/bin",
            "/usr/bin",
            *toolchain_folders(),
        ),
    )


_PROGRAM_REACH = landlock.Reach(readable=("/etc/ld.so.cache",), executable=("/lib", "/lib64", "/usr/lib", "/usr/lib64"))
"""For a compiled program: the shared libraries, and nothing else that could be executed."""


def _command_reach(readable: tuple[str, ...]) -> landlock.Reach:
    """What any program of this machine may read, without any user's home, keys or other data; and our own Python."""
    own = (sys.prefix, sys.base_prefix, str(BOX))
    return landlock.Reach(readable=tuple(_public("/etc")), executable=(*_SYSTEM, *own, *readable))


def _public(folder: str) -> Iterator[str]:
    """Paths in a folder that every user may read: whole folders where all in them is readable, else the parts."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            if entry.stat().st_mode & 0o005 == 0o005:
                yield from [entry.path] if _is_public(entry.path) else _public(entry.path)
        elif os.path.exists(entry.path) and entry.stat().st_mode & 0o004:
            yield entry.path


def _is_public(folder: str) -> bool:
    with os.scandir(folder) as entries:
        modes = [(entry, entry.stat(follow_symlinks=False).st_mode) for entry in entries]
    return all(
        stat.S_ISLNK(mode) or (mode & 0o005 == 0o005 and _is_public(entry.path) if stat.S_ISDIR(mode) else mode & 0o004)
        for entry, mode in modes
    )


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
        source = os.readlink(path) if operation == "symlink" else path
        command += [f"--{operation}", *([] if operation in ("tmpfs", "remount-ro") else [source]), path]
    return [*command, "--chdir", "/"]


def _own_namespaces(mounts: list[tuple[str, str]]) -> list[str]:
    return [PYTHON, "-I", "-S", "-B", str(NAMESPACES), json.dumps(mounts)]


def _mounts(tops: tuple[str, ...], packages: dict[str, list[str]], scratch: Path | None) -> list[tuple[str, str]]:
    """(operation, path) in the order of mounting, in the words of bubblewrap's options.

    Only libraries, the folders `tops` and our `box` are there. Folders of packages are empty except for `packages`.
    Nothing is writable except `scratch`.
    """
    mounts = []
    library = Path(sysconfig.get_path("stdlib"))
    bound = sorted({*_LIBRARIES, *tops, str(library), *glob.glob(f"{library.parent}/libpython*"), PYTHON, str(BOX)})
    for path in bound:
        if not any(path.startswith(other + "/") for other in bound if not os.path.islink(other)):
            mounts += _bound(path)
    hidden = [folder for folder in _installed_packages(library) if os.path.isdir(folder)]
    mounts += [("tmpfs", folder) for folder in hidden]
    mounts += [("ro-bind", path) for paths in packages.values() for path in paths]
    mounts += [("remount-ro", folder) for folder in hidden]
    mounts += [("dev-bind", device) for device in _DEVICES]
    mounts += [("bind", str(scratch))] if scratch else []
    return [*mounts, ("remount-ro", "/")]


def _installed_packages(library: Path) -> list[str]:
    patterns = [f"{library}", "/usr/lib/python3*", "/usr/lib64/python3*", "/usr/local/lib/python3*"]
    return sorted(
        {path for pattern in patterns for name in _FOLDERS_OF_PACKAGES for path in glob.glob(f"{pattern}/{name}")}
    )


def _bound(path: str) -> list[tuple[str, str]]:
    if os.path.islink(path):
        return [("symlink", path)]
    return [("ro-bind", path)] if os.path.exists(path) else []
