"""Levels of isolation, and what is the same at all of them. `probe.py` finds out which one this machine can hold.

ns        namespaces (no network, its own file system) by bubblewrap or, without it, by our own system calls;
          with landlock where the kernel has it, and seccomp
landlock  landlock and seccomp: the same prohibitions without namespaces, as in most containers
noopen    seccomp alone: no file can be opened any more; Python with its library in memory only, no compilers
none      resource limits only; refused unless the user asks for it
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

LEVELS = ("ns", "landlock", "noopen")
"""Accepted levels, strongest first."""
UNSAFE = "none"
BOX = Path(__file__).parents[1] / "box"
NAMESPACES = Path(__file__).with_name("namespaces.py")
PYTHON = os.path.realpath(sys.executable)
PACKAGES = ("numpy",)
"""What solutions and tests may import besides the standard library, where it is installed."""

ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "ONLINE_JUDGE": "true",
    "PYTHONHASHSEED": "0",
    "LD_BIND_NOW": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""All environment variables that a child has: none of ours, and the same order of sets in every run.

By `ONLINE_JUDGE`, which C, C++ and Java are told in their own ways too, programs for contests know that there is no
file of input to open.
"""


LOST = {
    "ns": "nothing",
    "landlock": (
        "a solution can ask whether a file exists, how large and how old it is, though not read it or list a folder; "
        "permissions and times of files cannot be set; the size of a sample's folder is checked 20 times a second; "
        "`custom` needs Linux 6.12 or newer"
    ),
    "noopen": (
        "all languages but Python and `custom` are refused, as is `verifier.python` with packages; Python has its "
        "library and numpy in memory, but no files, no time zones and nothing to write to; a verdict says when its "
        "problem or solution uses files"
    ),
    "none": "everything but the limits of CPU time, memory and output, so it is refused without `--allow-unsafe`",
}
"""What is lost at each level, for people; docs/verification.md has the same table."""


def lost_at(level: str) -> str:
    """What is lost at a level for the user that this process runs as."""
    whose = "as root, of every file" if os.geteuid() == 0 else "of the files that this user may see"
    return f"{LOST[level]} ({whose})" if level == "landlock" else LOST[level]


@dataclass(frozen=True)
class Level:
    """A level of isolation, and why this machine has no stronger one."""

    name: str
    reason: str

    @property
    def accepted(self) -> bool:
        """False where model-written code is refused unless running without a sandbox is asked for."""
        return self.name != UNSAFE
