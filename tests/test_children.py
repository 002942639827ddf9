"""Processes are known by names that no other process gets."""

import os
import subprocess
import sys

import pytest

from haloforge.children import is_over, process_name


def test_a_process_is_over_when_it_has_ended_whoever_gets_its_number() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = process_name(child.pid)
    assert not is_over(name) and not is_over(process_name(os.getpid()))
    child.communicate()
    assert is_over(name)
    another_start = f"{process_name(os.getpid()).rpartition(' ')[0]} 1"
    assert is_over(another_start)
    with pytest.raises(OSError, match=str(child.pid)):
        process_name(child.pid)


def test_a_process_of_another_machine_is_not_over() -> None:
    elsewhere = process_name(os.getpid()).split()
    assert not is_over(" ".join(["another-boot", *elsewhere[1:2], "999999999", "1"]))
