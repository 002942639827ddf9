"""From sources to a binary: what each language's compiler is told, in the sandbox, and what it answered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from haloforge.languages import Language, compiler_path, compiler_version, linker_arguments
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled import golang
from haloforge.verify.compiled.binaries import Binaries, key_of
from haloforge.verify.compiled.headers import arguments_for
from haloforge.verify.sandbox.levels import ENVIRONMENT
from haloforge.verify.sandbox.streams import Ran, run
from haloforge.verify.sandbox.zygote import BoxFailed, Zygote
from haloforge.verify.stdio import text_of

COMPILE_LIMITS = Limits(cpu_s=10, wall_s=60, memory_mb=4096, file_mb=128, open_files=256)
BINARY = "solution"
_WARNING = re.compile(
    r"^solution\.\w+:(\d+):\d+: warning|^warning(?:\[\w+\])?:.*\n *--> solution\.rs:(\d+)", re.MULTILINE
)
_PLACE = re.compile(r"^(\S+:\d+:\d+: )", re.MULTILINE)


class Workshop(NamedTuple):
    """Where compilers and their programs run: the process that starts them, and the folder it may write in."""

    launcher: Zygote
    folder: Path
    binaries: Binaries | None = None
    """Those that were made before."""


class Step(NamedTuple):
    """One command. `advises`: it only looks at the sources, and what it says are warnings."""

    argv: tuple[str, ...]
    advises: bool = False


@dataclass(frozen=True)
class Built:
    """What the compiler made of it. `error` is empty when it compiled."""

    error: str = ""
    diagnostics: str = ""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    slept: bool = False

    def warns(self, last_line: int) -> bool:
        """Whether the compiler had something to say about the solution, which ends there; its tests come after it."""
        return any(int(place[1] or place[2]) <= last_line for place in _WARNING.finditer(self.diagnostics))


def build(workshop: Workshop, language: Language, folder: str, *, harness: bool, only_check: bool) -> Built:
    """Compile the sources that lie in `folder`, into `BINARY` there unless compiling is all that is asked.

    Raises BoxFailed when a process of ours is gone.
    """
    commands = steps(language, folder, harness=harness, only_check=only_check)
    binaries = workshop.binaries
    if only_check or binaries is None:
        return _compiled(workshop.launcher, language, folder, commands)
    key, binary = _key(language, folder, commands), Path(folder, BINARY)
    with binaries.turn(key):
        diagnostics = binaries.fetch(key, binary)
        if diagnostics is not None:
            return Built(diagnostics=diagnostics)
        built = _compiled(workshop.launcher, language, folder, commands)
        if not built.error:
            binaries.keep(key, binary, built.diagnostics)
        return built


def _key(language: Language, folder: str, commands: Sequence[Step]) -> str:
    """Of the compiler, what it is told, and every file it finds in the folder, wherever that lies."""
    files = {path.name: path.read_bytes().replace(folder.encode(), b"") for path in sorted(Path(folder).iterdir())}
    told = [[word.replace(folder, "") for word in step.argv] for step in commands]
    return key_of(compiler_version(language), told, files)


def _compiled(launcher: Zygote, language: Language, folder: str, commands: Sequence[Step]) -> Built:
    ended: list[tuple[Step, Ran]] = []
    for step in commands:
        request = {
            "argv": step.argv,
            "environment": _environment(language, folder),
            "directory": folder,
            "box": "compile",
        }
        ended.append((step, run(launcher, request, COMPILE_LIMITS)))
        if not step.advises and _error(ended[-1][1]):
            break
    return Built(
        error=_error(next((ran for step, ran in reversed(ended) if not step.advises))),
        diagnostics="".join(_said(step, ran) for step, ran in ended),
        cpu_s=sum(ran.end.cpu_s for _, ran in ended),
        memory_mb=max(ran.end.memory_mb for _, ran in ended),
        slept=any(ran.end.by_wall_clock for _, ran in ended),
    )


def steps(language: Language, folder: str, *, harness: bool, only_check: bool) -> Sequence[Step]:
    """The commands, in order. Raises BoxFailed when the compiler has gone since the run began."""
    compiler = compiler_path(language)
    if compiler is None:
        raise BoxFailed(f"{language.compiler} has gone since the run began")
    if language.family == "go":
        commands = golang.commands(language, folder, only_check=only_check)
        return [Step(tuple(argv), advises=argv[0].endswith("/vet")) for argv in commands]
    source = Path(folder, language.source).read_text(encoding="utf-8")
    if only_check and language.check:
        is_library = language.family == "rust" and not re.search(r"\bfn\s+main\b", source)
        arguments = (*language.check, *(("--crate-type=lib",) if is_library else ()))
    else:
        arguments = (*(language.harness if harness else language.build), *linker_arguments(language))
    if language.family == "rust":
        arguments = ("--sysroot", str(Path(compiler).parent.parent), *arguments)
    return [Step((compiler, *arguments_for(language, source), *arguments))]


def _environment(language: Language, folder: str) -> dict[str, str]:
    own = {"HOME": folder, "TMPDIR": folder}
    if language.family == "rust":  # without /proc its loader cannot find out where it lies
        own["LD_LIBRARY_PATH"] = str(Path(str(compiler_path(language))).parent.parent / "lib")
    return ENVIRONMENT | own


def _error(ran: Ran) -> str:
    """Empty when it compiled."""
    if ran.end.ran_out_of_cpu or ran.end.by_wall_clock:
        return f"the compiler gave up after {COMPILE_LIMITS.cpu_s:g} s of CPU time"
    if ran.end.code == 0:
        return ""
    lines = [line for line in _text(ran).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line]
    return (errors or lines or [f"the compiler ended with {ran.end.code or ran.end.signal}"])[0]


def _said(step: Step, ran: Ran) -> str:
    return _PLACE.sub(r"\1warning: ", _text(ran)) if step.advises else _text(ran)


def _text(ran: Ran) -> str:
    """What the compiler said, without the name of a folder that differs in every run."""
    return re.sub(r"\S*/halo-forge-\w+/\w+/", "", text_of(ran.stderr) + text_of(ran.stdout))
