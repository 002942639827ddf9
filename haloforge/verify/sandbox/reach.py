"""The files that each kind of process may reach: what landlock allows, and what is mounted for it."""

import functools
import glob
import os
import stat
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from haloforge.verify.box.confinement.landlock import Reach
from haloforge.verify.sandbox.interpreter import OWN, Interpreter
from haloforge.verify.sandbox.kept import headers_folder
from haloforge.verify.sandbox.levels import BOX, PACKAGES
from haloforge.verify.toolchains import toolchain_files, toolchain_folders

FOLDERS_OF_PACKAGES = ("site-packages", "dist-packages")
"""Out of reach, except `PACKAGES`: a package may contain the very tests that judge a solution."""
_TOOL_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/usr/include", "/usr/local/include", "/usr/share")
_PYTHON_FILES = ("/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/lib/locale")
_CROSS_LIBRARIES = "/usr/*-mingw32"
"""Where the compilers for Windows have that system's libraries, which they link."""
_TOOL_PROGRAMS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec", "/bin", "/usr/bin")
_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/opt", "/sbin", "/usr")


def package_folders() -> dict[str, list[str]]:
    """For each installed package its folder, and the folder of its shared libraries beside it."""
    specs = {name: find_spec(name) for name in PACKAGES}
    folders = {name: Path(spec.origin).parent for name, spec in specs.items() if spec and spec.origin}
    return {name: [str(f), *glob.glob(f"{f}.libs")] for name, f in folders.items()}


@functools.cache
def usual_packages() -> tuple[str, ...]:
    """The packages that solutions may import in our own Python, with their versions."""
    return tuple(f"{name} {version(name)}" for name in package_folders())


def python_reach(packages: dict[str, list[str]], python: Interpreter = OWN) -> Reach:
    """What Python reads while it runs: its library without the folders of packages, and the named packages."""
    library = Path(python.library)
    modules = [str(entry) for entry in library.iterdir() if entry.name not in FOLDERS_OF_PACKAGES]
    shared = [f"{folder}/{python.multiarch}" for folder in ("/lib", "/usr/lib")]
    shared += [str(library.parent / name) for name in ("lib-dynload",)] + glob.glob(f"{library.parent}/libpython*")
    named = [*(path for paths in packages.values() for path in paths), *python.readable]
    return Reach(
        readable=(*sorted(modules), *shared, *_PYTHON_FILES, *named),
        listed=(str(library),),
    )


def tool_reach() -> Reach:
    """What compilers and linkers read and execute."""
    return Reach(
        readable=(*_TOOL_FILES, *toolchain_files(), *glob.glob(_CROSS_LIBRARIES), str(headers_folder())),
        executable=(*_TOOL_PROGRAMS, *toolchain_folders()),
    )


PROGRAM_REACH = Reach(readable=("/etc/ld.so.cache",), executable=("/lib", "/lib64", "/usr/lib", "/usr/lib64"))
"""For a compiled program: the shared libraries, and nothing else that could be executed."""


def command_reach(readable: tuple[str, ...]) -> Reach:
    """What any program of this machine may read, without any user's home, keys or other data; and our own Python."""
    our_python = (sys.prefix, sys.base_prefix, str(BOX))
    return Reach(readable=tuple(_public("/etc")), executable=(*_SYSTEM, *our_python, *readable))


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
