"""The Python in which solutions and their tests run: our own, or one that the user names, with its packages."""

import glob
import hashlib
import json
import os
import pwd
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.errors import VerifierError
from haloforge.verify.sandbox.levels import BOX, ENVIRONMENT, PYTHON

OLDEST = (3, 11)
"""What the box is written for."""
FLAGS = ("-S", "-s", "-P", "-B", "-X", "utf8")
"""How a warm process is started: nothing is imported that it does not ask for."""
_ANSWER_LIMIT_S = 60
_SYSTEM = ("/", "/usr", "/usr/local")
"""Prefixes of which only the library is bound, as for our own Python."""

_ASKED = """
import json, os, sys, sysconfig
try:
    from importlib import metadata
    found = sorted({"%s %s" % (d.metadata["Name"], d.version) for d in metadata.distributions()})
except ImportError:
    found = []
print(json.dumps({
    "implementation": sys.implementation.name, "version_info": list(sys.version_info[:2]), "version": sys.version,
    "executable": os.path.realpath(sys.executable), "prefix": sys.prefix, "base_prefix": sys.base_prefix,
    "library": sysconfig.get_path("stdlib"), "multiarch": sysconfig.get_config_var("MULTIARCH") or "",
    "path": sys.path, "found": found,
}))
"""
_NEEDED = (
    "import sys; sys.path.insert(0, {path!r}); from box import preloading, warm_process; "
    "from box.roles import judge, solution"
)


@dataclass(frozen=True)
class Interpreter:
    """One Python, and where its parts lie.

    `packages` are the folders of installed packages that it imports from; of our own Python none, as a package may hold
    the very tests that judge a solution. `readable` is all that it may read beside its library.
    """

    executable: str
    version: str
    library: str
    multiarch: str
    prefix: str = ""
    packages: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    """What is installed, with versions, and a digest of the folders it lies in: part of every cache key."""

    def installed(self, names: tuple[str, ...]) -> list[str]:
        """Which of these packages can be imported from its own folders of packages."""
        return [name for name in names if any(os.path.isdir(os.path.join(folder, name)) for folder in self.packages)]


OWN = Interpreter(
    executable=PYTHON,
    version=sys.version,
    library=sysconfig.get_path("stdlib"),
    multiarch=sysconfig.get_config_var("MULTIARCH") or "",
)


def interpreter_of(path: str | None) -> Interpreter:
    """The interpreter at that path, or in that virtual environment; our own where None is given.

    Raises VerifierError, in one sentence, where it is not there, too old, or cannot import what a sandboxed process
    consists of.
    """
    if not path:
        return OWN
    program = os.path.abspath(os.path.expanduser(path))
    if os.path.isdir(program):
        program = os.path.join(program, "bin", "python")
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        raise VerifierError(f"verifier.python: {program} is no program that can be started; name a bin/python")
    said = _said_by(program, path)
    packages = tuple(dict.fromkeys(os.path.realpath(folder) for folder in said["path"] if _is_of_packages(folder)))
    for folder in packages:
        if _holds_a_home(folder):
            raise VerifierError(f"verifier.python: {path} imports from {folder}, which holds a home folder")
    return Interpreter(
        executable=said["executable"],
        version=said["version"],
        library=said["library"],
        multiarch=said["multiarch"],
        prefix=said["prefix"],
        packages=packages,
        readable=(*_readable_prefix(said["prefix"], said["base_prefix"]), *_shared(said["base_prefix"]), *packages),
        holds=(*said["found"], *map(_digest, packages)),
    )


def _said_by(program: str, path: str) -> dict[str, Any]:
    """What the interpreter says of itself, once it is found to be one that can be used."""
    said = _last_line([program, "-I", "-c", _ASKED], path)
    version = ".".join(map(str, said["version_info"]))
    if said["implementation"] != "cpython" or tuple(said["version_info"]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise VerifierError(
            f"verifier.python: {path} is {said['implementation']} {version}; solutions need CPython {oldest} or newer"
        )
    needed = _NEEDED.format(path=str(BOX.parent)) + "; print('{}')"
    _last_line([said["executable"], *FLAGS, "-c", needed], path)
    return said


def _last_line(command: list[str], path: str) -> dict[str, Any]:
    """The JSON object that the command prints last. Raises VerifierError with what it complained of."""
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, env=ENVIRONMENT, check=False
        )
        row = json.loads(ran.stdout.strip().rpartition("\n")[2])
        if isinstance(row, dict):
            return row
        complaint = "it says nothing of itself"
    except ValueError:
        complaint = ran.stderr.strip().rpartition("\n")[2] or "it says nothing of itself"
    except (OSError, subprocess.TimeoutExpired) as error:
        complaint = str(error)
    raise VerifierError(f"verifier.python: {path} cannot be used as a Python for solutions ({complaint})")


def _is_of_packages(folder: str) -> bool:
    return os.path.basename(folder) in ("site-packages", "dist-packages") and os.path.isdir(folder)


def _readable_prefix(prefix: str, base_prefix: str) -> tuple[str, ...]:
    """The virtual environment itself: data of packages lies beside them. Never a home, nor what holds one."""
    whole = os.path.realpath(prefix)
    is_environment = whole != os.path.realpath(base_prefix) and whole not in _SYSTEM
    return (whole,) if is_environment and not _holds_a_home(whole) else ()


def _shared(base_prefix: str) -> tuple[str, ...]:
    """The libraries that lie beside the interpreter's own, where it brings some along, as conda's does."""
    folder = os.path.join(os.path.realpath(base_prefix), "lib")
    if base_prefix in _SYSTEM or _holds_a_home(folder):
        return ()
    libraries = {path for path in glob.glob(f"{folder}/*.so*") if not os.path.basename(path).startswith("libpython")}
    return (folder,) if libraries else ()


def _holds_a_home(folder: str) -> bool:
    homes = {str(Path.home()), pwd.getpwuid(os.getuid()).pw_dir, "/root", *glob.glob("/home/*")}
    return any(Path(os.path.realpath(home)).is_relative_to(folder) for home in homes if home != "/")


def _digest(folder: str) -> str:
    """Of the names, sizes and times of what lies directly in it, for packages that say no version."""
    entries = [(entry.name, entry.stat()) for entry in os.scandir(folder)]
    facts = sorted((name, about.st_size, about.st_mtime_ns) for name, about in entries if name != "__pycache__")
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
