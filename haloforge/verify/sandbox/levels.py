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
LOST = {
    "ns": "nothing",
    "landlock": "names of files outside can be tested; permissions and times of files cannot be set; the size of a "
    "sample's folder is checked 20 times a second",
    "noopen": "files, compilers, imports outside the standard library and NumPy; a verdict says when its problem or "
    "solution uses files",
    "none": "all protection; only with `--allow-unsafe`",
}
"""What a level does not have, compared with the strongest; as the README has it."""

BOX = Path(__file__).parents[1] / "box"
NAMESPACES = Path(__file__).with_name("namespaces.py")
PYTHON = os.path.realpath(sys.executable)
PACKAGES = ("numpy",)
"""What solutions and tests may import besides the standard library, where it is installed."""

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

    @property
    def lost(self) -> str:
        """What is lost at this level, for people."""
        return LOST[self.name]
