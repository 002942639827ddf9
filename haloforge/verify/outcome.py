"""The facts of one verification, the same for every language, and the verdict that they make under given settings."""

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from haloforge.config import VerifySettings
from haloforge.records import Status, TestOutcome, Verdict
from haloforge.verify.box.crowd import MAX_THREADS
from haloforge.verify.box.workspace import MAX_FILES, MAX_MB
from haloforge.verify.rewards import reward_of
from haloforge.verify.sandbox.scratch import PREFIX
from haloforge.verify.sandbox.zygote import Exit

DETAIL_LIMIT = 500
"""Characters of `detail` that a verdict keeps."""
DIAGNOSTICS_LIMIT = 16 << 10
"""Characters of compiler output, warnings or stderr that a verdict keeps."""
TEST_LIMIT = 400
"""Characters that it keeps of the text of each test's outcome."""
TESTS_KEPT = 10_000
"""Tests whose outcomes it keeps; all are counted."""
_FOLDER = re.compile(rf"{PREFIX}\w{{1,16}}")
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,16}")
_THREAD = re.compile(r"^(thread '[^'\n]*') \(\d+\) panicked", re.MULTILINE)
_GOROUTINES = re.compile(r"^(?:goroutine \d+ |runtime stack:|runtime: out of memory).*", re.MULTILINE | re.DOTALL)
_HEAP_OF_NODE = re.compile(r"^(?:<--- Last few GCs|----- Native stack trace).*", re.MULTILINE | re.DOTALL)
_PLACE_IN_GO = re.compile(r"^[ \t]+(solution\.go:\d+)", re.MULTILINE)
_LOOKED_AT = 4
"""Of a long text, this many times what is kept of it is looked at: taking out addresses makes it shorter."""


@dataclass(frozen=True)
class Outcome:
    """The facts, before any reward.

    `level` is what `passed` means: the tests passed or, where there are none, the program ran or compiled. `slept`
    marks an end by the wall clock, or by a kill that was not ours: a starved machine may have caused it.
    """

    status: Status
    detail: str = ""
    tests: tuple[TestOutcome, ...] = ()
    has_warnings: bool = False
    diagnostics: str = ""
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    forgeable: bool = False
    level: Literal["compiled", "ran", "tested"] = "tested"
    slept: bool = False

    def to_json(self) -> dict[str, Any]:
        """Every field, as plain values."""
        return vars(self) | {"tests": [test.to_text() for test in self.tests]}

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "Outcome":
        """Inverse of `to_json`; unknown keys are ignored. Raises KeyError where one is missing."""
        tests = tuple(map(TestOutcome.from_text, row["tests"]))
        return Outcome(**{f.name: row[f.name] for f in fields(Outcome)} | {"tests": tests})


def verdict_of(outcome: Outcome, settings: VerifySettings, isolation: str) -> Verdict:
    """Add the reward; cut long texts."""
    passed = sum(test.passed for test in outcome.tests)
    share = passed / len(outcome.tests) if settings.partial and outcome.tests else None
    reward = reward_of(
        outcome.status, scheme=settings.reward, warnings=outcome.has_warnings, level=outcome.level, share=share
    )
    return Verdict(
        status=outcome.status,
        reward=reward,
        tests_passed=passed,
        tests_total=len(outcome.tests),
        detail=_reproducible(outcome.detail, DETAIL_LIMIT),
        diagnostics=_reproducible(outcome.diagnostics, DIAGNOSTICS_LIMIT),
        cpu_s=round(outcome.cpu_s, 4),
        memory_mb=round(outcome.memory_mb, 1),
        isolation=isolation,
        forgeable=outcome.forgeable,
        tests=tuple(_test_text(test) for test in outcome.tests[:TESTS_KEPT]),
    )


def _test_text(test: TestOutcome) -> str:
    return test.to_text() if test.passed else _reproducible(test.to_text(), TEST_LIMIT)


def _reproducible(text: str, limit: int) -> str:
    """Cut, and without what differs in every run: addresses, threads, names of folders, Node's tables of its heap.

    Of Go's stacks only the places stay.
    """
    if not text:
        return text
    text = _FOLDER.sub(PREFIX.rstrip("_"), _HEAP_OF_NODE.sub("", text[: limit * _LOOKED_AT]))
    text = _THREAD.sub(r"\1 panicked", _ADDRESS.sub(" at 0x0", text))
    return _GOROUTINES.sub(lambda stacks: "\n".join(dict.fromkeys(_PLACE_IN_GO.findall(stacks[0]))), text)[:limit]


def violent_end(end: Exit, cpu_limit_s: float) -> tuple[Status, str] | None:
    """Status and detail of a process that was killed or crashed; None when it ended by itself."""
    was_ended = end.overfull or end.crowded
    if end.ran_out_of_cpu or (end.signal == signal.SIGKILL and end.cpu_s >= cpu_limit_s and not was_ended):
        return "timeout", f"ran longer than {cpu_limit_s:g} s of CPU time"
    if end.overfull:
        return "output_limit", f"its files took more than {MAX_MB} MiB, or were more than {MAX_FILES}"
    if end.crowded:
        return "runtime_error", f"started more than {MAX_THREADS} threads"
    if end.by_wall_clock:
        return "timeout", "asleep, or waiting for something that never came"
    if end.signal is None:
        return None
    if end.signal == signal.SIGXFSZ:
        return "output_limit", "wrote a file that is larger than any may be"
    if end.signal == signal.SIGSYS:
        return "violation", "used a system call that the sandbox forbids"
    return "runtime_error", f"crashed ({signal.Signals(end.signal).name})"


def may_be_of_machine(end: Exit, cpu_limit_s: float) -> bool:
    """Whether a process ended as a machine may end it that has too much to do: asleep, or killed for its memory."""
    was_ended = end.overfull or end.crowded or end.cpu_s >= cpu_limit_s
    return end.by_wall_clock or (end.signal == signal.SIGKILL and not was_ended)


def summary_of(tests: Sequence[TestOutcome]) -> str:
    """The first failure, for people; empty when there is none."""
    return next((test.detail for test in tests if test.status == "failed"), "")
