"""Put a system-call filter on this process, and hide it from debuggers."""

import ctypes
import os
import re
import struct

from .bpf import SOME_PID
from .syscalls import numbers

library = ctypes.CDLL(None, use_errno=True)

_system_call = ctypes.PyDLL(None).syscall


class FilterForChildren:
    """A filter laid out in memory before the fork; a child only writes its own process id into it.

    A child has to copy every page of memory that it writes to. Making the filter in the child would therefore cost more
    than installing it; so would ctypes' own copy of errno.
    """

    def __init__(self, program: bytes) -> None:
        """`program` is `child` or `binary`. From here on this process and its children gain no privileges."""
        _gain_no_privileges()
        self._program = ctypes.create_string_buffer(program, len(program))
        places = [match.start() for match in re.finditer(re.escape(struct.pack("I", SOME_PID)), program)]
        self._own_pids = [ctypes.c_uint32.from_buffer(self._program, place) for place in places]
        self._arguments = numbers()["seccomp"], 1, 0, _header(self._program)

    def install(self) -> None:
        """Put it on this process, for good. Raises OSError where the kernel has no seccomp."""
        pid = os.getpid()
        for own_pid in self._own_pids:
            own_pid.value = pid
        if _system_call(*self._arguments):
            raise OSError("seccomp")


def install(program: bytes) -> None:
    """Put a filter on this process, for good. Raises OSError where the kernel has no seccomp."""
    _gain_no_privileges()
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _header(buffer)
    if library.syscall(numbers()["seccomp"], 1, 0, header):
        raise OSError(ctypes.get_errno(), "seccomp")


def _gain_no_privileges() -> None:
    if library.prctl(38, 1, 0, 0, 0):  # PR_SET_NO_NEW_PRIVS
        raise OSError(ctypes.get_errno(), "no_new_privs")


def _header(program: "ctypes.Array[ctypes.c_char]") -> bytes:
    """struct sock_fprog."""
    return struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(program))


def hide_from_debuggers() -> None:
    """Let no process of this user read this one's memory or descriptors (PR_SET_DUMPABLE)."""
    library.prctl(4, 0, 0, 0, 0)
