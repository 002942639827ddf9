"""A guarded command ends with the process that wanted it, whatever becomes of that."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from haloforge.children import end_group, own_environment, python_module

OWNER = """
import os, subprocess, sys, time
from haloforge.children import own_environment, python_module
command = [*python_module("haloforge.guard"), str(os.getpid()), *sys.argv[1:]]
subprocess.Popen(command, env=own_environment(), start_new_session=True)
time.sleep(600)
"""


def grandchild(file: Path) -> tuple[list[str], Path]:
    """A command that starts another one, whose process it writes to the file."""
    return ["sh", "-c", f"sleep 600 & echo $! > {file}; wait"], file


def started(file: Path) -> psutil.Process:
    while not (file.is_file() and file.read_text().endswith("\n")):
        time.sleep(0.05)
    return psutil.Process(int(file.read_text()))


def test_it_ends_with_all_it_started_when_its_owner_is_killed(tmp_path: Path) -> None:
    command, file = grandchild(tmp_path / "pid")
    owner = subprocess.Popen([sys.executable, "-c", OWNER, *command], env=own_environment())
    sleeping = started(file)
    owner.kill()
    owner.wait()
    psutil.wait_procs([sleeping], timeout=60)
    assert not sleeping.is_running()


def test_it_ends_with_all_it_started_when_it_is_told_to(tmp_path: Path) -> None:
    command, file = grandchild(tmp_path / "pid")
    words = [*python_module("haloforge.guard"), str(psutil.Process().pid), *command]
    guard = subprocess.Popen(words, env=own_environment(), start_new_session=True)
    sleeping = started(file)
    end_group(guard, 60)
    psutil.wait_procs([sleeping], timeout=60)
    assert not sleeping.is_running()
    assert guard.returncode == -signal.SIGTERM % 256


def test_the_command_ends_when_the_guard_itself_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    words = [
        *python_module("haloforge.guard"),
        str(psutil.Process().pid),
        "sh",
        "-c",
        f"echo $$ > {file}; exec sleep 600",
    ]
    guard = subprocess.Popen(words, env=own_environment(), start_new_session=True)
    sleeping = started(file)
    guard.kill()
    guard.wait()
    psutil.wait_procs([sleeping], timeout=60)
    assert not sleeping.is_running()


def test_what_it_started_may_clean_up_after_the_head_has_ended(tmp_path: Path) -> None:
    file, cleaned = tmp_path / "pid", tmp_path / "cleaned"
    careful = f"(trap 'sleep 1; touch {cleaned}; exit' TERM; sleep 600 & echo $! > {file}; wait) & wait"
    words = [*python_module("haloforge.guard"), str(psutil.Process().pid), "sh", "-c", careful]
    guard = subprocess.Popen(words, env=own_environment(), start_new_session=True)
    started(file)
    end_group(guard, 60)
    assert cleaned.is_file()


def test_its_exit_code_is_that_of_the_command() -> None:
    words = [*python_module("haloforge.guard"), str(psutil.Process().pid), "sh", "-c", "exit 3"]
    assert subprocess.run(words, env=own_environment()).returncode == 3
