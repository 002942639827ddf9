"""Whether a child has more threads than any honest program: it would take the machine's numbers for processes.

The kernel has a limit for a user's processes, which neither root nor a second sandbox of the user's would feel, and
groups with a limit, which only root may make. So the warm process looks, now and then, while the child runs.
"""

import ctypes

from .confinement.syscalls import numbers

MAX_THREADS = 2048
"""Threads that a child may have."""
_REACH = 1 << 15
"""Numbers behind the child's own that its threads are looked for in."""
_PROCS_OFFSET = 80
"""Byte at which struct sysinfo has the number of processes, on 64-bit machines: a u16."""
_about_machine = ctypes.create_string_buffer(256)
_sysinfo = ctypes.PyDLL(None).sysinfo
_system_call = ctypes.PyDLL(None).syscall


def processes() -> int:
    """All threads of the machine, whatever namespace they are in."""
    _sysinfo(_about_machine)
    return int.from_bytes(_about_machine.raw[_PROCS_OFFSET : _PROCS_OFFSET + 2], "little")


class Crowd:
    """One child."""

    def __init__(self, child: int) -> None:
        self._child = child
        self._before = processes()

    def is_too_large(self) -> bool:
        """Asked often, so it counts only where the whole machine has that many more threads than before."""
        return processes() - self._before > MAX_THREADS and self._count() > MAX_THREADS

    def _count(self) -> int:
        probe = numbers()["tgkill"]  # signal 0 is none: the kernel only says whether it could be sent
        return sum(_system_call(probe, self._child, self._child + n, 0) == 0 for n in range(_REACH))
