"""The folder that a worker's samples write in, one after the other; see `box.workspace` for what is done there.

At level `ns` it is a file system in memory of bounded size, mounted where only this worker's warm processes see it: two
of them share it, and neither can be given it by bubblewrap, which makes such a mount for one process tree alone. So a
short-lived process makes namespaces that have the mount, and each warm process enters them before it starts its own.
Where that cannot be had, it is a folder on the disk, which the warm process watches.
"""

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.verify.box.workspace import MAX_FILES, MAX_MB
from haloforge.verify.sandbox.levels import ENVIRONMENT, NAMESPACES, PYTHON

MOUNTED_AT = "/workspace"
"""Its path at level `ns`, the same in every run."""
_KINDS = ("user", "mnt")


class Workspace:
    """One worker's folder. Used by one thread."""

    def __init__(self, path: Path, level: str) -> None:
        """Made at `path`, which must not exist."""
        path.mkdir(mode=0o700)
        self.path = path
        self._seen_at = MOUNTED_AT if level == "ns" else str(path)
        self._namespaces = _with_mount(path) if level == "ns" and shutil.which("nsenter") else {}
        if self._namespaces and not _can_enter(self.entrance):
            self.close()

    @property
    def entrance(self) -> tuple[str, ...]:
        """The command that starts another inside the namespaces that have the mount."""
        if not self._namespaces:
            return ()
        own = f"/proc/{os.getpid()}/fd"
        options = {"user": "--preserve-credentials --user", "mnt": "--mount"}
        words = [f"{options[kind]}={own}/{descriptor}" for kind, descriptor in self._namespaces.items()]
        return (shutil.which("nsenter") or "nsenter", *" ".join(words).split())

    def for_box(self) -> dict[str, Any]:
        """What the warm process is told about it."""
        return {"path": self._seen_at, "is_bounded": bool(self._namespaces)}

    def close(self) -> None:
        """Let the mount go."""
        for descriptor in self._namespaces.values():
            os.close(descriptor)
        self._namespaces = {}


@dataclass(frozen=True)
class Places:
    """The folders that a warm process and its children may write in.

    `scratch`: that of compilers and of commands. `workspace`: that of samples.
    """

    scratch: Path | None = None
    workspace: Workspace | None = None


NOWHERE = Places()


def _with_mount(path: Path) -> dict[str, int]:
    """Descriptors of namespaces in which a bounded file system in memory is mounted at `path`; none if that fails."""
    command = [PYTHON, "-I", "-S", "-B", str(NAMESPACES), "hold", str(path), f"size={MAX_MB}m,nr_inodes={MAX_FILES}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=ENVIRONMENT) as holder:
        if not holder.stdout or not holder.stdout.readline():
            return {}
        own, theirs = "/proc/self/ns", f"/proc/{holder.pid}/ns"
        with contextlib.suppress(OSError):
            changed = [kind for kind in _KINDS if os.stat(f"{own}/{kind}") != os.stat(f"{theirs}/{kind}")]
            return {kind: os.open(f"{theirs}/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in changed}
    return {}


_entered: list[bool] = []


def _can_enter(entrance: tuple[str, ...]) -> bool:
    """Whether namespaces of ours can be entered on this machine; tried once."""
    if not _entered:
        _entered.append(subprocess.run([*entrance, "true"], capture_output=True, check=False).returncode == 0)
    return _entered[0]
