"""Namespaces made by our own calls of the kernel: what a command sees there, and when it ends."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

from haloforge.verify.sandbox.levels import PYTHON
from haloforge.verify.sandbox.startup import NAMESPACES

LIBRARY = Path(sysconfig.get_path("stdlib"))
LIBRARIES = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    str(LIBRARY),
    PYTHON,
    *map(str, LIBRARY.parent.glob("libpython*")),
]
MOUNTS = [["symlink" if os.path.islink(path) else "ro-bind", path] for path in LIBRARIES if os.path.exists(path)]
LOOK = """
import ctypes, json, os, struct
def can(action):
    try:
        action()
    except OSError:
        return False
    return True
sets = ctypes.create_string_buffer(24)
ctypes.CDLL(None).capget(struct.pack("Ii", 0x20080522, 0), sets)
print(json.dumps({
    "root": os.listdir("/"),
    "writable": [p for p in ("/f", "/usr/lib/f", "/scratch/f") if can(lambda: open(p, "w"))],
    "parent": os.getppid(),
    "can": [n for n in ("listdir", "chdir") if can(lambda: getattr(os, n)("/root/.ssh"))],
    "devices": can(lambda: open("/dev/null", "w")),
    "privileges": sum(sets.raw),
    "user": os.getuid(),
}))
"""


@pytest.fixture
def start():
    """Start a program there; skipped where the kernel does not let us."""
    if subprocess.run(["unshare", "--user", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no user namespaces")

    def started(mounts, program):
        argv = [PYTHON, "-I", "-S", str(NAMESPACES), json.dumps(mounts), PYTHON, "-S", "-c", program]
        return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)

    return started


def test_only_what_was_named_is_there_and_nobody_is_privileged(start, tmp_path):
    mounts = [*MOUNTS, ["dev-bind", "/dev/null"], ["remount-ro", "/"]]
    seen = json.loads(start(mounts, LOOK).communicate(timeout=60)[0])
    named = {Path(path).parts[1] for _, path in mounts if path != "/"}
    assert set(seen.pop("root")) == named
    assert seen == {
        "writable": [],
        "parent": 1,
        "can": [],
        "devices": True,
        "privileges": 0,
        "user": os.getuid(),
    }


def test_a_folder_can_be_given_to_write_in(start, tmp_path):
    mounts = [*MOUNTS, ["bind", str(tmp_path)], ["remount-ro", "/"]]
    start(mounts, f"open({str(tmp_path / 'written')!r}, 'w').write('here')").communicate(timeout=60)
    assert (tmp_path / "written").read_text() == "here"


def test_a_hidden_folder_is_empty(start):
    folder = str(LIBRARY / "json")
    mounts = [*MOUNTS, ["tmpfs", folder], ["remount-ro", folder]]
    assert start(mounts, f"import os; print(os.listdir({folder!r}))").communicate(timeout=60)[0] == "[]\n"


def test_everything_ends_with_the_process_that_was_started(start):
    process = start(MOUNTS, "import time; print('up', flush=True); time.sleep(600 + 0.25)")
    assert process.stdout.readline() == "up\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(100):
        if not alive("600 + 0.25"):
            return
        time.sleep(0.1)
    pytest.fail("it is still there")


def alive(mark):
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found += [folder.name] * (mark.encode() in (folder / "cmdline").read_bytes())
        except OSError:
            continue
    return found
