"""What can be chosen about verification. The defaults accept every reference of HumanEval and MBPP."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class VerifySettings:
    """How solutions are judged. `time_limit_s` is CPU time; a problem's own limits win over both limits here."""

    name: str = "auto"
    """A key of `VERIFIERS`; `auto` goes by each problem's language."""
    reward: Literal["graded", "binary"] = "graded"
    partial: bool = False
    """Between 0.7 and 1.0 by the share of tests passed, instead of 0.7 for every wrong answer."""
    run: bool = False
    """Also run programs whose problem has no tests."""
    time_limit_s: float = 10.0
    memory_mb: int = 1024
    workers: int | None = None
    """None: every core that this process may use."""
    allow_unsafe: bool = False
    """Go on where no sandbox can be built (limits only)."""
    stop_at_first_failure: bool = False
    command: tuple[str, ...] = ()
    """For `custom`: the argument list to start, with {file} for the path of the solution's file."""
    readable: tuple[str, ...] = ()
    """For `custom`: files and folders that the command reads besides the system's own and those that it names."""
    unforgeable: bool = False
    """For `custom`: the user vouches that no solution can make the command pass it."""
