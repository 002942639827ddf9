"""System-call filters (seccomp), written in the kernel's own small machine language: nothing has to be installed.

`base` is put on a warm process for good and allows what Python and forking need. `child` goes on top of it in every
child that runs model-written code: threads but no processes, signals to itself only, no sockets, nothing that loosens
a limit. `binary` and `compiler` are for programs that the launcher starts, `command` for a command of the user's.
"""

import ctypes
import errno
import os
import re
import struct
from collections.abc import Iterable, Sequence

from .syscalls import AUDIT_ARCHITECTURES, numbers

library = ctypes.CDLL(None, use_errno=True)

_system_call = ctypes.PyDLL(None).syscall

_SOME_PID = 0x7FFFFFF1
"""Placeholder in a filter for the process that the filter will be put on; no process has this number."""
ALLOW, KILL = 0x7FFF0000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_AND = 0x54
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32_BIT = 0x40000000
_ALL_PROCESSES = -1
_CLONE_THREAD = 0x10000
_CLONE_NEW = 0x7E020080  # user, pid, net, mount, ipc, uts, cgroup and time namespaces
_TERMINAL_QUERIES = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, window size, bytes waiting, nonblocking, cloexec


def _words(text: str) -> list[str]:
    return text.split()


MEMORY_AND_TIME = _words("""
    brk mmap mprotect munmap mremap msync mincore madvise mlock munlock membarrier futex rseq set_robust_list
    get_robust_list rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigpending rt_sigsuspend
    sigaltstack restart_syscall nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
    getitimer setitimer alarm pause timer_create timer_settime timer_delete timer_gettime sched_yield
    sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu
    getpriority getpid getppid gettid getpgrp getpgid getsid getuid getgid geteuid getegid getresuid getresgid
    getgroups getrlimit getrusage sysinfo uname getrandom arch_prctl set_tid_address exit exit_group
""")
FILES = _words("""
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 lseek close close_range dup dup2 dup3 fcntl
    flock fsync fdatasync fallocate fadvise64 ftruncate pipe pipe2 poll ppoll select pselect6 epoll_create
    epoll_create1 epoll_wait epoll_pwait epoll_ctl eventfd2 fstat sendfile copy_file_range umask getcwd fchdir
    getdents getdents64
""")
OPENING = _words("""
    open openat stat lstat statx newfstatat access faccessat faccessat2 readlink readlinkat statfs fstatfs chdir
    creat truncate rename renameat renameat2 mkdir mkdirat rmdir unlink unlinkat
""")
"""Everything that takes a path."""
FORKING = _words("clone fork vfork wait4 waitid kill tgkill setsid setpgid pidfd_open pidfd_send_signal")
HOSTILE = _words("""
    ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot swapon swapoff reboot init_module
    finit_module delete_module kexec_load bpf perf_event_open unshare setns io_uring_setup io_uring_enter
    userfaultfd keyctl add_key request_key personality open_by_handle_at pidfd_getfd mknod mknodat acct setuid
    setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset move_mount open_tree fsopen
    fsmount fsconfig iopl ioperm quotactl
""")
"""No honest program calls these: the caller is killed, and its verdict is `violation`."""


def base(*, opening: bool) -> bytes:
    """For a warm process and its children; without `opening` no path can be used from here on."""
    control = _words("recvmsg sendmsg sendto recvfrom prctl prlimit64 setrlimit seccomp")
    allowed = [*MEMORY_AND_TIME, *FILES, *FORKING, *control, *(OPENING if opening else ())]
    special = [*_fails_with("clone3", errno.ENOSYS), *_terminal(), *_stream_pairs()]
    return _filter([*_refusals(HOSTILE, KILL), *special, *_allowances(allowed)])


def child() -> bytes:
    """On top of `base`; to be put on by `FilterForChildren`."""
    network = _words("recvmsg sendmsg")
    loosening = _words("prctl seccomp setrlimit setsid setpgid fork vfork pidfd_open pidfd_send_signal")
    refused = _refusals([*network, *loosening], _errno(errno.EPERM))
    rules = [*_threads_only(), *_signals_to(_SOME_PID), *_reading_limits_only(), *_no_signals_by_files(), *refused]
    return _filter(rules, otherwise=ALLOW)


def binary() -> bytes:
    """For a compiled program: it can be started, but neither fork nor open a socket. Put on by `FilterForChildren`."""
    allowed = [*MEMORY_AND_TIME, *FILES, *OPENING, "execve", "wait4", "waitid"]
    rules = [
        *_refusals(HOSTILE, KILL),
        *_fails_with("clone3", errno.ENOSYS),
        *_threads_only(),
        *_signals_to(_SOME_PID),
        *_reading_limits_only(),
        *_no_signals_by_files(),
        *_terminal(),
        *_allowances(allowed),
    ]
    return _filter(rules)


def compiler() -> bytes:
    """For compilers, which start other programs and write files, but need no network and no privileges."""
    more = _words("""
    execve execveat vfork link linkat symlink symlinkat chmod fchmod fchmodat utimensat prctl prlimit64 socketpair
    memfd_create signalfd4 timerfd_create setrlimit sendmsg recvmsg sendto recvfrom shutdown
""")
    allowed = [*MEMORY_AND_TIME, *FILES, *OPENING, *FORKING, *more]
    return _filter(
        [*_refusals(HOSTILE, KILL), *_fails_with("clone3", errno.ENOSYS), *_terminal(), *_allowances(allowed)]
    )


def command(protected: Sequence[int]) -> bytes:
    """For a command of the user's and what it runs: as for compilers, but no process leaves the process group.

    So all of them can be ended at once: setsid and setpgid report success and do nothing. The `protected` processes
    cannot be signalled, neither alone nor by a signal to all processes.
    """
    more = _words("""
        execve execveat vfork link linkat symlink symlinkat chmod fchmod fchmodat utimensat prctl socketpair
        memfd_create signalfd4 timerfd_create timerfd_settime timerfd_gettime sendmsg recvmsg sendto recvfrom
        shutdown getsockname getpeername getsockopt setsockopt inotify_init1 inotify_add_watch inotify_rm_watch
    """)
    rules = [
        *_refusals(HOSTILE, _errno(errno.EPERM)),
        *_fails_with("clone3", errno.ENOSYS),
        *_refusals(["setsid", "setpgid"], _errno(0)),
        *_no_signals_to(protected),
        *_reading_limits_only(),
        *_no_signals_by_files(),
        *_terminal(),
        *_refusals(["pidfd_open", "pidfd_send_signal"], _errno(errno.EPERM)),
        *_allowances([*MEMORY_AND_TIME, *FILES, *OPENING, *FORKING, *more]),
    ]
    return _filter(rules)


class FilterForChildren:
    """A filter laid out in memory before the fork; a child only writes its own process id into it.

    A child has to copy every page of memory that it writes to. Making the filter in the child would therefore cost more
    than installing it; so would ctypes' own copy of errno.
    """

    def __init__(self, program: bytes) -> None:
        """`program` is `child` or `binary`. From here on this process and its children gain no privileges."""
        _gain_no_privileges()
        self._program = ctypes.create_string_buffer(program, len(program))
        places = [match.start() for match in re.finditer(re.escape(struct.pack("I", _SOME_PID)), program)]
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


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def _errno(number: int) -> int:
    return 0x00050000 | number


def _filter(rules: Iterable[bytes], otherwise: int | None = None) -> bytes:
    """Kill for foreign architectures (and x32), then the rules in order, each with the call's number loaded.

    `otherwise` is the answer to calls that no rule decides; EPERM by default.
    """
    start = [
        _step(_LOAD, 0, 0, _ARCHITECTURE),
        _step(_EQUAL, 1, 0, AUDIT_ARCHITECTURES[os.uname().machine]),
        _step(_RETURN, 0, 0, KILL),
        _step(_LOAD, 0, 0, _NUMBER),
        _step(_AT_LEAST, 0, 1, _X32_BIT),
        _step(_RETURN, 0, 0, KILL),
    ]
    last = _step(_RETURN, 0, 0, _errno(errno.EPERM) if otherwise is None else otherwise)
    return b"".join([*start, *rules, last])


def _fails_with(name: str, error: int) -> list[bytes]:
    return _refusals([name], _errno(error))


def _refusals(names: Iterable[str], answer: int) -> list[bytes]:
    known = numbers()
    return [_step(_EQUAL, 0, 1, known[n]) + _step(_RETURN, 0, 0, answer) for n in names if n in known]


def _allowances(names: Iterable[str]) -> list[bytes]:
    return _refusals(names, ALLOW)


def _when(name: str, body: list[bytes]) -> list[bytes]:
    """`body` decides about this system call; it must end with a return."""
    known = numbers()
    return [_step(_EQUAL, 0, len(body), known[name]), *body] if name in known else []


def _argument(index: int, *, high: bool = False) -> bytes:
    return _step(_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * index + 4 * high)


def _threads_only() -> list[bytes]:
    refuse = _step(_RETURN, 0, 0, _errno(errno.EAGAIN))
    body = [
        _argument(0),
        _step(_ANY_BIT, 2, 0, _CLONE_NEW),
        _step(_ANY_BIT, 0, 1, _CLONE_THREAD),
        _step(_RETURN, 0, 0, ALLOW),
        refuse,
    ]
    return _when("clone", body)


def _signals_to(pid: int) -> list[bytes]:
    body = [
        _argument(0),
        _step(_EQUAL, 0, 1, pid),
        _step(_RETURN, 0, 0, ALLOW),
        _step(_RETURN, 0, 0, _errno(errno.EPERM)),
    ]
    return [*_when("kill", body), *_when("tgkill", body), *_refusals(["tkill"], _errno(errno.EPERM))]


def _no_signals_to(pids: Sequence[int]) -> list[bytes]:
    refused = [*pids, _ALL_PROCESSES]
    tests = [_step(_EQUAL, len(refused) - i, 0, pid) for i, pid in enumerate(refused)]
    body = [_argument(0), *tests, _step(_RETURN, 0, 0, ALLOW), _step(_RETURN, 0, 0, _errno(errno.EPERM))]
    return [*_when("kill", body), *_when("tgkill", body)]


def _reading_limits_only() -> list[bytes]:
    """prlimit64 without a new limit; both halves of that pointer must be zero."""
    body = [
        _argument(2),
        _step(_EQUAL, 0, 3, 0),
        _argument(2, high=True),
        _step(_EQUAL, 0, 1, 0),
        _step(_RETURN, 0, 0, ALLOW),
        _step(_RETURN, 0, 0, _errno(errno.EPERM)),
    ]
    return _when("prlimit64", body)


def _no_signals_by_files() -> list[bytes]:
    """A file descriptor can be told to send any signal to any process: F_SETOWN, F_SETSIG, F_SETOWN_EX."""
    tests = [_step(_EQUAL, 3 - i, 0, command) for i, command in enumerate((8, 10, 15))]
    body = [_argument(1), *tests, _step(_RETURN, 0, 0, ALLOW), _step(_RETURN, 0, 0, _errno(errno.EPERM))]
    return _when("fcntl", body)


def _stream_pairs() -> list[bytes]:
    """socketpair for streams, which asyncio needs: the two ends are connected to each other and to nothing else."""
    body = [
        _argument(1),
        _step(_AND, 0, 0, 0xF),
        _step(_EQUAL, 0, 1, 1),
        _step(_RETURN, 0, 0, ALLOW),
        _step(_RETURN, 0, 0, _errno(errno.EPERM)),
    ]
    return _when("socketpair", body)


def _terminal() -> list[bytes]:
    """ioctl only to query; never to push characters into a terminal."""
    tests = [_step(_EQUAL, len(_TERMINAL_QUERIES) - i, 0, request) for i, request in enumerate(_TERMINAL_QUERIES)]
    body = [_argument(1), *tests, _step(_RETURN, 0, 0, _errno(errno.ENOTTY)), _step(_RETURN, 0, 0, ALLOW)]
    return _when("ioctl", body)
