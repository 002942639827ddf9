"""The tables of system calls agree with the headers of Linux. The one for aarch64 is checked here and was never run."""

import os
import re
from pathlib import Path

import pytest

from haloforge.verify.box.confinement import filters
from haloforge.verify.box.confinement.syscalls import AUDIT_ARCHITECTURES, numbers

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),  # which aarch64 takes as it is
}


def published(machine):
    """Number of every call in that architecture's header; generic 64-bit calls go by the names users know."""
    if not HEADERS[machine].is_file():
        pytest.skip("needs the headers of Linux: apt-get install linux-libc-dev")
    text = HEADERS[machine].read_text()
    plain = dict(re.findall(r"^#define __NR_(\w+)\s+(\d+)$", text, re.M))
    generic = dict(re.findall(r"^#define __NR3264_(\w+)\s+(\d+)$", text, re.M))
    wide = re.findall(r"^#define __NR_(\w+) __NR3264_(\w+)$", text, re.M)
    return {name: int(number) for name, number in plain.items()} | {
        name: int(generic[source]) for name, source in reversed(wide) if source in generic
    }


@pytest.mark.parametrize("machine", AUDIT_ARCHITECTURES)
def test_every_number_is_the_published_one(machine):
    known = published(machine)
    assert {name: number for name, number in numbers(machine).items() if known.get(name) != number} == {}


@pytest.mark.parametrize("machine", AUDIT_ARCHITECTURES)
def test_a_call_without_a_number_does_not_exist_there(machine):
    every = set().union(*map(numbers, AUDIT_ARCHITECTURES))
    assert {name for name in every - set(numbers(machine)) if name in published(machine)} == set()


@pytest.mark.parametrize("machine", AUDIT_ARCHITECTURES)
def test_every_name_in_a_rule_is_a_call_of_some_architecture(machine):
    rules = [filters.MEMORY_AND_TIME, filters.FILES, filters.OPENING, filters.FORKING, filters.HOSTILE]
    every = set().union(*map(numbers, AUDIT_ARCHITECTURES))
    assert {name for rule in rules for name in rule} <= every


def test_an_architecture_without_a_table_is_refused():
    with pytest.raises(OSError, match="riscv64"):
        numbers("riscv64")


def test_this_machine_has_a_table():
    assert os.uname().machine in AUDIT_ARCHITECTURES
