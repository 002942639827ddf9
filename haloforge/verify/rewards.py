"""What a verdict is worth: the one table of rewards."""

from typing import Literal

from haloforge.records import Status

COMPILES_WITH_WARNINGS = 0.3
COMPILES = 0.5
RUNS = 0.7
PASSES = 1.0


def reward_of(
    status: Status,
    *,
    scheme: Literal["graded", "binary"] = "graded",
    warnings: bool = False,
    level: Literal["compiled", "ran", "tested"] = "tested",
    share: float | None = None,
) -> float:
    """Reward in [0, 1]. `level` is what `passed` means: without tests, compiling or running is all there was.

    `share` (of tests passed) lifts a wrong answer above `RUNS`; None leaves it there.
    """
    if scheme == "binary":
        return float(status == "passed")
    compiled = COMPILES_WITH_WARNINGS if warnings else COMPILES
    if status == "passed":
        return {"compiled": compiled, "ran": RUNS, "tested": PASSES}[level]
    if status == "wrong_answer":
        return RUNS + (PASSES - RUNS) * (share or 0.0)
    if status in ("runtime_error", "timeout", "memory_limit", "output_limit"):
        return compiled
    return 0.0
