"""Which sandbox this machine can build: each level is built and attacked, and taken only if every attack fails.

The attacks are called canaries. Version numbers of the kernel are never trusted.
"""

import functools
import signal

from haloforge.errors import VerifierError
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.sandbox.interpreter import OWN, Interpreter
from haloforge.verify.sandbox.levels import LEVELS, UNSAFE, Level
from haloforge.verify.sandbox.startup import namespaces_by
from haloforge.verify.sandbox.streams import run
from haloforge.verify.sandbox.zygote import BoxFailed, Zygote

_LIMITS = Limits(cpu_s=5, wall_s=30, memory_mb=1024)

_CANARIES = """
import os, resource, socket

def attempt(name, action):
    try:
        action()
    except (OSError, ValueError):
        return
    print("could", name)

attempt("read /etc/passwd", lambda: open("/etc/passwd").read())
attempt("list /", lambda: [os.listdir("/root"), os.listdir("/home")])
attempt("write to /tmp", lambda: open("/tmp/halo-forge-canary", "w"))
attempt("open a socket", lambda: socket.socket())
attempt("start a process", lambda: os.fork() or os._exit(0))
attempt("run a program", lambda: os.execv("/bin/true", ["true"]))
attempt("signal its parent", lambda: os.kill(os.getppid() or 2, 0))
attempt("signal everyone", lambda: os.kill(-1, 0))
attempt("raise its limits", lambda: resource.setrlimit(0, (99, 99)))
attempt("read its parent's environment", lambda: open("/proc/%d/environ" % os.getppid()).read())
print("contained")
"""
_KILLER = "import ctypes; ctypes.CDLL(None).ptrace(16, 1, 0, 0); print('could call ptrace')"


@functools.cache
def isolation() -> Level:
    """The strongest level that holds on this machine; `none`, with the reasons, where none does. Half a second."""
    reasons: list[str] = []
    for name in LEVELS:
        flaw = _flaw(name)
        if flaw is None:
            means = [f"namespaces by {namespaces_by()}"] if name == "ns" else []
            return Level(name, "; ".join(["canary attacks contained", *means, *reasons]))
        reasons.append(f"no {name}: {flaw}")
    return Level(UNSAFE, "; ".join(reasons))


def chosen_level(*, allow_unsafe: bool) -> str:
    """Raises VerifierError when there is no sandbox and running without one was not asked for."""
    level = isolation()
    if level.name == UNSAFE and not allow_unsafe:
        raise VerifierError(
            f"this machine can build no sandbox ({level.reason}); install bubblewrap, or pass --allow-unsafe to run "
            "model-written code with resource limits only"
        )
    return level.name


@functools.cache
def check_interpreter(python: Interpreter, level: str) -> None:
    """Raises VerifierError when solutions cannot run in that Python at that level, or could break out of it."""
    if level == "noopen" and python.packages:
        raise VerifierError(
            f"verifier.python: nothing can be imported from {python.packages[0]} at isolation level noopen, where no "
            "file can be opened; install bubblewrap"
        )
    if python is not OWN and (flaw := _flaw(level, python)):
        raise VerifierError(f"verifier.python: {python.executable} cannot be used at isolation level {level}: {flaw}")


def _flaw(level: str, python: Interpreter = OWN) -> str | None:
    """What is wrong with that level here; None when it contained every canary (without a sandbox, if it starts)."""
    try:
        zygote = Zygote("solution", level, python=python)
        zygote.wait_until_ready()
    except (BoxFailed, OSError) as error:
        means = f" by {namespaces_by()}" if level == "ns" else ""
        return f"it cannot be built here{means} ({error})"
    if level == UNSAFE:
        zygote.close()
        return None
    try:
        attempts = run(zygote, {"mode": "program", "code": _CANARIES}, _LIMITS)
        killed = run(zygote, {"mode": "program", "code": _KILLER}, _LIMITS)
    except BoxFailed as error:
        return f"the canaries broke it ({error})"
    finally:
        zygote.close()
    escaped = [line for line in attempts.stdout.decode().splitlines() if line != "contained"]
    if escaped or b"contained" not in attempts.stdout:
        reason = escaped[0] if escaped else "ended early: " + attempts.stderr.decode()[:200].strip()
        return f"a canary {reason}"
    return None if killed.end.signal == signal.SIGSYS else "a forbidden system call was not stopped"
