"""System calls by name, with their numbers on x86-64 and on aarch64 (`-` where an architecture has none).

From Linux's asm/unistd_64.h and asm-generic/unistd.h; numbers never change once given. On aarch64, filters
were run on an emulated machine only (tests/aarch64/run.sh), those for Python, not those for compilers.
"""

import functools
import os

_TABLE = """
read 0 63, write 1 64, open 2 -, close 3 57, stat 4 -, fstat 5 80, lstat 6 -, poll 7 -, lseek 8 62,
mmap 9 222, mprotect 10 226, munmap 11 215, brk 12 214, rt_sigaction 13 134, rt_sigprocmask 14 135,
rt_sigreturn 15 139, rt_sigtimedwait 128 137, rt_sigpending 127 136, rt_sigsuspend 130 133, ioctl 16 29,
pread64 17 67, pwrite64 18 68, readv 19 65, writev 20 66, preadv 295 69, pwritev 296 70, preadv2 327 286,
access 21 -, pipe 22 -, select 23 -, sched_yield 24 124, mremap 25 216, msync 26 227, mincore 27 232,
madvise 28 233, dup 32 23, dup2 33 -, dup3 292 24, pause 34 -, nanosleep 35 101, getitimer 36 102, alarm 37 -,
setitimer 38 103, getpid 39 172, sendfile 40 71, socket 41 198, connect 42 203, accept 43 202, sendto 44 206,
recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, shutdown 48 210, bind 49 200, listen 50 201,
getsockname 51 204, getpeername 52 205, socketpair 53 199, setsockopt 54 208, getsockopt 55 209, clone 56 220,
clone3 435 435, fork 57 -, vfork 58 -, execve 59 221, execveat 322 281, exit 60 93, exit_group 231 94,
wait4 61 260, waitid 247 95, kill 62 129, tkill 200 130, tgkill 234 131, uname 63 160, fcntl 72 25,
flock 73 32, fsync 74 82, fdatasync 75 83, truncate 76 45, ftruncate 77 46, getdents 78 -, getdents64 217 61,
getcwd 79 17, chdir 80 49, fchdir 81 50, rename 82 -, renameat 264 38, renameat2 316 276, mkdir 83 -,
mkdirat 258 34, rmdir 84 -, creat 85 -, link 86 -, linkat 265 37, unlink 87 -, unlinkat 263 35, symlink 88 -,
symlinkat 266 36, readlink 89 -, readlinkat 267 78, chmod 90 -, fchmod 91 52, fchmodat 268 53, umask 95 166,
gettimeofday 96 169, getrlimit 97 163, setrlimit 160 164, prlimit64 302 261, getrusage 98 165, sysinfo 99 179,
times 100 153, getuid 102 174, getgid 104 176, geteuid 107 175, getegid 108 177, getresuid 118 148,
getresgid 120 150, getgroups 115 158, getppid 110 173, getpgrp 111 -, getpgid 121 155, getsid 124 156,
setsid 112 157, setpgid 109 154, sigaltstack 131 132, statfs 137 43, fstatfs 138 44, arch_prctl 158 -,
prctl 157 167, gettid 186 178, time 201 -, futex 202 98, sched_getaffinity 204 123, sched_setaffinity 203 122,
sched_getparam 143 121, sched_getscheduler 145 120, sched_get_priority_max 146 125,
sched_get_priority_min 147 126, set_tid_address 218 96, restart_syscall 219 128, clock_gettime 228 113,
clock_getres 229 114, clock_nanosleep 230 115, epoll_create 213 -, epoll_create1 291 20, epoll_wait 232 -,
epoll_pwait 281 22, epoll_ctl 233 21, eventfd2 290 19, pipe2 293 59, openat 257 56, openat2 437 437,
newfstatat 262 79, faccessat 269 48, faccessat2 439 439, utimensat 280 88, pselect6 270 72, ppoll 271 73,
set_robust_list 273 99, get_robust_list 274 100, fallocate 285 47, fadvise64 221 223, getrandom 318 278,
statx 332 291, rseq 334 293, close_range 436 436, membarrier 324 283, memfd_create 319 279,
copy_file_range 326 285, pidfd_open 434 434, pidfd_send_signal 424 424, pidfd_getfd 438 438, seccomp 317 277,
landlock_create_ruleset 444 444, landlock_add_rule 445 445, landlock_restrict_self 446 446, mlock 149 228,
munlock 150 229, getcpu 309 168, getpriority 140 141, signalfd4 289 74, timerfd_create 283 85,
timerfd_settime 286 86, timerfd_gettime 287 87, timer_create 222 107, timer_settime 223 110,
timer_delete 226 111, timer_gettime 224 108, ptrace 101 117, process_vm_readv 310 270,
process_vm_writev 311 271, mount 165 40, umount2 166 39, pivot_root 155 41, chroot 161 51, swapon 167 224,
swapoff 168 225, reboot 169 142, init_module 175 105, finit_module 313 273, delete_module 176 106,
kexec_load 246 104, bpf 321 280, perf_event_open 298 241, unshare 272 97, setns 308 268,
io_uring_setup 425 425, io_uring_enter 426 426, userfaultfd 323 282, keyctl 250 219, add_key 248 217,
request_key 249 218, personality 135 92, open_by_handle_at 304 265, name_to_handle_at 303 264, mknod 133 -,
mknodat 259 33, acct 163 89, setuid 105 146, setgid 106 144, setreuid 113 145, setregid 114 143,
setresuid 117 147, setresgid 119 149, setfsuid 122 151, setfsgid 123 152, setgroups 116 159, capset 126 91,
quotactl 179 60, settimeofday 164 170, clock_settime 227 112, adjtimex 159 171, sethostname 170 161,
setdomainname 171 162, iopl 172 -, ioperm 173 -, syslog 103 116, kcmp 312 272, lookup_dcookie 212 18,
move_mount 429 429, open_tree 428 428, fsopen 430 430, fsmount 432 432, fsconfig 431 431, shmget 29 194,
shmat 30 196, shmctl 31 195, semget 64 190, msgget 68 186, mq_open 240 180,
setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, getxattr 191 8, lgetxattr 192 9, fgetxattr 193 10,
listxattr 194 11, llistxattr 195 12, flistxattr 196 13
"""

AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""From linux/audit.h: how a filter sees the architecture that a call was made for."""


@functools.cache
def numbers(machine: str | None = None) -> dict[str, int]:
    """Number of every call that this architecture has. Raises OSError for an architecture without a table."""
    machine = machine or os.uname().machine
    if machine not in AUDIT_ARCHITECTURES:
        raise OSError(f"no table of system calls for {machine}")
    column = 1 + list(AUDIT_ARCHITECTURES).index(machine)
    rows = (row.split() for row in _TABLE.replace("\n", " ").split(","))
    return {row[0]: int(row[column]) for row in rows if row[column] != "-"}
