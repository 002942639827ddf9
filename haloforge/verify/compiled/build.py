"""From sources to a binary: the adapter's commands, run in the sandbox, and what they said."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from haloforge.languages import Compiler
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled.adapter import BINARY, Commands, Step
from haloforge.verify.compiled.binaries import Binaries, key_of
from haloforge.verify.completeness import NO_MAIN
from haloforge.verify.sandbox.levels import ENVIRONMENT
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.zygote import Zygote
from haloforge.verify.stdio import text_of
from haloforge.verify.toolchains import compiler_version

COMPILE_LIMITS = Limits(cpu_s=10, wall_s=60, memory_mb=4096, file_mb=128, open_files=256)
_WARNING = re.compile(
    r"^solution\.\w+:(\d{1,9}):\d+: warning|^warning(?:\[\w+\])?:.*\n *--> solution\.rs:(\d{1,9})", re.MULTILINE
)
_NO_MAIN = re.compile(
    r"undefined (?:reference to|symbol:) [`']?(?:main|WinMain)\b|function main is undeclared|`main` function not found"
    r"|error: no main method$"
)
_SAID_BYTES = 64 << 10
"""Of each stream of a compiler, what is looked at: its first errors are the ones that count."""
_PLACE = re.compile(r"^(\S+:\d+:\d+: )", re.MULTILINE)


class Workshop(NamedTuple):
    """Where compilers and their programs run: the process that starts them, and the folder it may write in."""

    launcher: Zygote
    folder: Path
    binaries: Binaries | None = None
    """Binaries of programs that were compiled before."""


@dataclass(frozen=True)
class Built:
    """What the compiler made of the sources. `error` is empty when they compiled."""

    error: str = ""
    diagnostics: str = ""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    slept: bool = False

    def warns(self, last_line: int) -> bool:
        """Whether the compiler warned about the solution, which ends at that line; its tests come after it."""
        return any(int(place[1] or place[2]) <= last_line for place in _WARNING.finditer(self.diagnostics))


def build(workshop: Workshop, compiler: Compiler, folder: str, commands: Commands, *, only_check: bool) -> Built:
    """Compile the sources that lie in `folder`, into `BINARY` there unless compiling is all that is asked.

    Raises BoxFailed when a process of ours is gone.
    """
    binaries = workshop.binaries
    if only_check or binaries is None:
        return _compiled(workshop.launcher, folder, commands)
    key, binary = _key(compiler, folder, commands), Path(folder, BINARY)
    with binaries.turn(key):
        diagnostics = binaries.fetch(key, binary)
        if diagnostics is not None:
            return Built(diagnostics=diagnostics)
        built = _compiled(workshop.launcher, folder, commands)
        if not built.error:
            binaries.keep(key, binary, built.diagnostics)
        return built


def _key(compiler: Compiler, folder: str, commands: Commands) -> str:
    """Of the compiler, its arguments, and every file in the folder, wherever that lies."""
    files = {path.name: path.read_bytes().replace(folder.encode(), b"") for path in sorted(Path(folder).iterdir())}
    arguments = [[word.replace(folder, "") for word in step.argv] for step in commands.steps]
    return key_of(compiler_version(compiler), arguments, files)


def _compiled(launcher: Zygote, folder: str, commands: Commands) -> Built:
    ended: list[tuple[Step, Ran]] = []
    for step in commands.steps:
        request = {
            "argv": step.argv,
            "environment": {**ENVIRONMENT, "HOME": folder, "TMPDIR": folder, **commands.environment},
            "directory": folder,
            "box": "compile",
        }
        ended.append((step, run(launcher, request, COMPILE_LIMITS)))
        if not step.only_advises and _error(ended[-1][1], folder):
            break
    return Built(
        error=_error(next((ran for step, ran in reversed(ended) if not step.only_advises)), folder),
        diagnostics="".join(_said(step, ran, folder) for step, ran in ended),
        cpu_s=sum(ran.end.cpu_s for _, ran in ended),
        memory_mb=max(ran.end.memory_mb for _, ran in ended),
        slept=any(ran.end.by_wall_clock for _, ran in ended),
    )


def _error(ran: Ran, folder: str) -> str:
    """Empty when it compiled."""
    if ran.end.ran_out_of_cpu or ran.end.by_wall_clock:
        return f"the compiler gave up after {COMPILE_LIMITS.cpu_s:g} s of CPU time"
    if ran.end.code == 0:
        return ""
    lines = [line for line in said_in(folder, ran).splitlines() if line.strip()]
    if any(_NO_MAIN.search(line) for line in lines):
        return NO_MAIN
    missing = [line for line in lines if "undefined reference" in line]  # which GNU's linker does not call an error
    errors = [line for line in lines if "error" in line]
    return (missing or errors or lines or [f"the compiler ended with {ran.end.code or ran.end.signal}"])[0]


def _said(step: Step, ran: Ran, folder: str) -> str:
    said = said_in(folder, ran)
    return _PLACE.sub(r"\1warning: ", said) if step.only_advises else said


def said_in(folder: str, ran: Ran) -> str:
    """What the compiler said, up to a bound, without the name of the folder, which differs in every run."""
    said = text_of(ran.stderr[:_SAID_BYTES]) + text_of(ran.stdout[:_SAID_BYTES])
    return said.replace(f"{os.path.realpath(folder)}/", "").replace(f"{folder}/", "")
