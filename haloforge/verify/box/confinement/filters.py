"""Which system calls each kind of process may use: the rules of our seccomp filters.

`base` is put on a warm process for good and allows what Python and forking need. `child` goes on top of it in every
child that runs model-written code: threads but no processes, signals to itself only, no sockets, nothing that loosens
a limit but that of its stack. `binary` and `compiler` are for programs that the launcher starts, `command` for a
command of the user's.
"""

import errno
import resource
from collections.abc import Sequence

from .bpf import (
    ALLOW,
    ANY_BIT,
    BIT_AND,
    EQUAL,
    KILL,
    SOME_PID,
    allowances,
    answers,
    argument,
    errno_answer,
    fails_with,
    program,
    return_,
    step,
    when,
)

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
CHANGING = _words("chmod fchmod fchmodat utimensat")
"""Permissions and times of files, which landlock does not guard."""
_ATTRIBUTES = _words("""
    setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
""")
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
    allowed = [*MEMORY_AND_TIME, *FILES, *FORKING, *control, *((*OPENING, *CHANGING) if opening else ())]
    special = [*fails_with("clone3", errno.ENOSYS), *_terminal(), *_stream_pairs()]
    special += [*_no_signals_by_files(), *_own_pages_only()]
    return program([*answers(HOSTILE, KILL), *special, *allowances(allowed), *_no_attributes()])


def child(*, changing: bool) -> bytes:
    """On top of `base`; to be put on by `FilterForChildren`.

    Without `changing`, permissions and times of files stay as they are, and the calls report success: files of the
    user's are in reach. With it, the file system is the sandbox's own.
    """
    network = _words("recvmsg sendmsg")
    loosening = _words("prctl seccomp setrlimit setsid setpgid fork vfork pidfd_open pidfd_send_signal")
    refused = [*answers([*network, *loosening], errno_answer(errno.EPERM)), *(() if changing else _changing_nothing())]
    rules = [*_threads_only(), *_signals_to(SOME_PID), *_limits_of_the_stack_only(), *refused]
    return program(rules, otherwise=ALLOW)


def binary(*, changing: bool) -> bytes:
    """For a compiled program: it can be started, but neither fork nor open a socket. Put on by `FilterForChildren`.

    For `changing` see `child`.
    """
    allowed = [*MEMORY_AND_TIME, *FILES, *OPENING, *CHANGING, "execve", "wait4", "waitid"]
    rules = [
        *answers(HOSTILE, KILL),
        *fails_with("clone3", errno.ENOSYS),
        *_threads_only(),
        *_signals_to(SOME_PID),
        *_limits_of_the_stack_only(),
        *_no_signals_by_files(),
        *_own_pages_only(),
        *_stream_pairs(),
        *_terminal(),
        *(() if changing else _changing_nothing()),
        *allowances(allowed),
        *_no_attributes(),
    ]
    return program(rules)


def compiler() -> bytes:
    """For compilers, which start other programs and write files, but need no network and no privileges."""
    more = _words("""
    execve execveat vfork link linkat symlink symlinkat chmod fchmod fchmodat utimensat prctl prlimit64 socketpair
    memfd_create signalfd4 timerfd_create setrlimit sendmsg recvmsg sendto recvfrom shutdown
""")
    allowed = [*MEMORY_AND_TIME, *FILES, *OPENING, *FORKING, *more]
    return program([*answers(HOSTILE, KILL), *fails_with("clone3", errno.ENOSYS), *_terminal(), *allowances(allowed)])


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
        *answers(HOSTILE, errno_answer(errno.EPERM)),
        *fails_with("clone3", errno.ENOSYS),
        *answers(["setsid", "setpgid"], errno_answer(0)),
        *_no_signals_to(protected),
        *_limits_of_the_stack_only(),
        *_no_signals_by_files(),
        *_own_pages_only(),
        *_terminal(),
        *answers(["pidfd_open", "pidfd_send_signal"], errno_answer(errno.EPERM)),
        *allowances([*MEMORY_AND_TIME, *FILES, *OPENING, *FORKING, *more]),
    ]
    return program(rules)


def _changing_nothing() -> list[bytes]:
    return answers(CHANGING, errno_answer(0))


def _no_attributes() -> list[bytes]:
    """Extended attributes are not there, as on many file systems; who copies a file goes on without them."""
    return answers(_ATTRIBUTES, errno_answer(errno.ENOTSUP))


def _threads_only() -> list[bytes]:
    refuse = return_(errno_answer(errno.EAGAIN))
    body = [
        argument(0),
        step(ANY_BIT, 2, 0, _CLONE_NEW),
        step(ANY_BIT, 0, 1, _CLONE_THREAD),
        return_(ALLOW),
        refuse,
    ]
    return when("clone", body)


def _signals_to(pid: int) -> list[bytes]:
    body = [
        argument(0),
        step(EQUAL, 0, 1, pid),
        return_(ALLOW),
        return_(errno_answer(errno.EPERM)),
    ]
    return [*when("kill", body), *when("tgkill", body), *answers(["tkill"], errno_answer(errno.EPERM))]


def _no_signals_to(pids: Sequence[int]) -> list[bytes]:
    refused = [*pids, _ALL_PROCESSES]
    tests = [step(EQUAL, len(refused) - i, 0, pid) for i, pid in enumerate(refused)]
    body = [argument(0), *tests, return_(ALLOW), return_(errno_answer(errno.EPERM))]
    return [*when("kill", body), *when("tgkill", body)]


def _limits_of_the_stack_only() -> list[bytes]:
    """prlimit64 without a new limit (both halves of that pointer are zero), or of the caller's own stack.

    How far the stack may grow is left to programs: what it takes counts as their memory.
    """
    body = [
        argument(2),
        step(EQUAL, 0, 3, 0),
        argument(2, high=True),
        step(EQUAL, 0, 1, 0),
        return_(ALLOW),
        argument(0),
        step(EQUAL, 0, 3, 0),
        argument(1),
        step(EQUAL, 0, 1, resource.RLIMIT_STACK),
        return_(ALLOW),
        return_(errno_answer(errno.EPERM)),
    ]
    return when("prlimit64", body)


def _no_signals_by_files() -> list[bytes]:
    """A file descriptor can be told to send any signal to any process (F_SETOWN, F_SETSIG, F_SETOWN_EX).

    By a lease (F_SETLEASE) whoever opens that file waits, in whatever sandbox; F_NOTIFY tells who opens one.
    """
    commands = (8, 10, 15, 1024, 1026)
    tests = [step(EQUAL, len(commands) - i, 0, command) for i, command in enumerate(commands)]
    body = [argument(1), *tests, return_(ALLOW), return_(errno_answer(errno.EPERM))]
    return when("fcntl", body)


def _own_pages_only() -> list[bytes]:
    """madvise neither merges pages with those of other processes, nor takes memory from the machine (as root)."""
    merge, poison, take_offline = 12, 100, 101
    tests = [step(EQUAL, 3 - i, 0, advice) for i, advice in enumerate((merge, poison, take_offline))]
    body = [argument(2), *tests, return_(ALLOW), return_(errno_answer(errno.EINVAL))]
    return when("madvise", body)


def _stream_pairs() -> list[bytes]:
    """socketpair for streams, which asyncio and Java's files need: its two ends are connected to each other alone."""
    body = [
        argument(1),
        step(BIT_AND, 0, 0, 0xF),
        step(EQUAL, 0, 1, 1),
        return_(ALLOW),
        return_(errno_answer(errno.EPERM)),
    ]
    return when("socketpair", body)


def _terminal() -> list[bytes]:
    """ioctl only to query; never to push characters into a terminal."""
    tests = [step(EQUAL, len(_TERMINAL_QUERIES) - i, 0, request) for i, request in enumerate(_TERMINAL_QUERIES)]
    body = [argument(1), *tests, return_(errno_answer(errno.ENOTTY)), return_(ALLOW)]
    return when("ioctl", body)
