"""The machine language of seccomp filters: instructions, and rules made of them. No library is needed.

A filter is a program that the kernel runs at every system call. A rule begins with the number of the call loaded, and
either returns an answer or goes on to the next rule. See linux/filter.h and linux/seccomp.h.
"""

import errno
import os
import struct
from collections.abc import Iterable

from .syscalls import AUDIT_ARCHITECTURES, numbers

ALLOW, KILL = 0x7FFF0000, 0x80000000
EQUAL, ANY_BIT, BIT_AND = 0x15, 0x45, 0x54
_LOAD, _AT_LEAST, _RETURN = 0x20, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where struct seccomp_data has the number, the architecture and the arguments of a call."""
_X32_BIT = 0x40000000
SOME_PID = 0x7FFFFFF1
"""Placeholder in a filter for the process that the filter will be put on; no process has this number."""


def step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    """One instruction; the jumps count the instructions to skip."""
    return struct.pack("HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def errno_answer(number: int) -> int:
    """The answer by which the call fails with that error."""
    return 0x00050000 | number


def return_(answer: int) -> bytes:
    """The instruction that answers the call."""
    return step(_RETURN, 0, 0, answer)


def program(rules: Iterable[bytes], otherwise: int | None = None) -> bytes:
    """Kill for foreign architectures (and x32), then the rules in order, each with the call's number loaded.

    `otherwise` is the answer to calls that no rule decides; EPERM by default.
    """
    start = [
        step(_LOAD, 0, 0, _ARCHITECTURE),
        step(EQUAL, 1, 0, AUDIT_ARCHITECTURES[os.uname().machine]),
        return_(KILL),
        step(_LOAD, 0, 0, _NUMBER),
        step(_AT_LEAST, 0, 1, _X32_BIT),
        return_(KILL),
    ]
    last = return_(errno_answer(errno.EPERM) if otherwise is None else otherwise)
    return b"".join([*start, *rules, last])


def fails_with(name: str, error: int) -> list[bytes]:
    """That call fails with that error."""
    return answers([name], errno_answer(error))


def answers(names: Iterable[str], answer: int) -> list[bytes]:
    """These calls get that answer; calls that this architecture does not have are left out."""
    number_of = numbers()
    return [step(EQUAL, 0, 1, number_of[n]) + return_(answer) for n in names if n in number_of]


def allowances(names: Iterable[str]) -> list[bytes]:
    """These calls are allowed."""
    return answers(names, ALLOW)


def when(name: str, body: list[bytes]) -> list[bytes]:
    """`body` decides about this system call; it must end with a return."""
    number_of = numbers()
    return [step(EQUAL, 0, len(body), number_of[name]), *body] if name in number_of else []


def argument(index: int, *, high: bool = False) -> bytes:
    """The instruction that loads the lower (or `high`) 32 bits of an argument."""
    return step(_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * index + 4 * high)
