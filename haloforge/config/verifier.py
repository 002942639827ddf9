"""How code is judged, and the command that only judges."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import PrivateAttr

from haloforge.languages import verifiers
from haloforge.settings import OneOf, Section, StageConfig, Words, setting

VerifierName = Annotated[str, OneOf(verifiers)]


class VerifySettings(Section):
    """How code is judged: the `verifier` section of a stage, and what `haloforge.verify.open_verifier` takes."""

    type: VerifierName = setting("auto", flag="verifier")
    """auto picks by each problem's language; gcc and clang compile C and C++; custom runs your own command."""
    run_after_compile: bool = setting(False)
    """Also run programs that have no tests: a clean exit is worth 0.7 instead of 0.5."""
    reward: Literal["graded", "binary"] = setting("graded")
    """graded: 0 no compile, 0.3 warnings, 0.5 compiles, 0.7 runs, 1.0 passes; binary: 1.0 only for passed."""
    partial: bool = setting(False, flag="partial-reward", advanced=True)
    """Between 0.7 and 1.0 by the share of tests passed."""
    time_limit_s: float = setting(10.0, gt=0, le=600, advanced=True)
    """CPU seconds per test run, where the problem names none."""
    memory_mb: int = setting(1024, ge=64, le=65536, advanced=True)
    """Memory of the judged program, where the problem names none."""
    workers: int | None = setting(None, ge=1, le=256, advanced=True)
    """Parallel verifications; by default one per usable core."""
    mode: Literal["split", "joined", "auto_joined"] = setting("split", advanced=True)
    """Python tests: split, apart from the solution; joined, in its process, and every verdict is marked forgeable;
    auto_joined, joined only for problems whose reference passes in no other way."""
    command: Words = setting((), flag="verifier-command", advanced=True)
    """custom only: the program and its arguments, quoted as for a shell; {file} stands for the code's file."""
    readable: Words = setting((), flag="verifier-readable", advanced=True)
    """custom only: files and folders that its sandbox shows the command besides the system's and those it names."""
    cpp_standard: Literal["c++17", "c++20", "c++23"] = setting("c++17", advanced=True)
    """C++ only: the language standard that solutions and tests are compiled as."""
    classpath: Words = setting((), flag="verifier-classpath", advanced=True)
    """Java only: jars that solutions and tests may import, such as javatuples for MultiPL-E's."""
    unforgeable: bool = setting(False, advanced=True)
    """custom only: you vouch that no solution can make the command pass it; RAFT leaves out verdicts without that."""
    accept_forgeable: bool = setting(False, advanced=True)
    """RAFT also trains on verdicts that a solution could forge, as those of compiled test programs; the run says so."""
    python: str | None = setting(None, flag="verifier-python", advanced=True)
    """Python in which solutions and tests run, such as a virtual environment with pandas; by default our own."""
    allow_unsafe: bool = setting(False, advanced=True)
    """Run model-written code even where this machine offers no sandbox."""
    cluster: str | None = setting(None, flag="verifier-cluster", advanced=True)
    """HOST:PORT of a Ray cluster whose nodes judge, or auto for the one that RAY_ADDRESS names; by default this machine
    judges."""
    _stops_at_first_failure: bool = PrivateAttr(default=False)

    @property
    def stop_at_first_failure(self) -> bool:
        """Whether the tests behind the first failure are left out; `stopping_at_first_failure` asks for it."""
        return self._stops_at_first_failure

    def stopping_at_first_failure(self) -> Self:
        """These settings, with a solution's tests ended at its first failure. For the library: no stage has it."""
        settings = self.model_copy()
        settings._stops_at_first_failure = True
        return settings


class VerifyConfig(StageConfig):
    """Verify samples against the tests of their problems."""

    stage: ClassVar[str] = "verify"
    command: ClassVar[tuple[str, ...]] = ("verify",)
    problems: str = setting(kind="problems")
    """Problem file, in our format or an original one."""
    samples: str = setting(kind="file")
    """JSONL with task_id and completion or solution."""
    output: str = setting(kind="file", is_output=True)
    """JSONL to write: the input rows, with verdicts."""
    ignore_unknown: bool = setting(False)
    """Leave out samples whose task id no problem has, as those of another release, and say how many; else refuse."""
    verifier: VerifySettings = VerifySettings()
