"""Hostile programs have no effect, at every level that is accepted, as this user and as an ordinary one."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import hostile
import pytest
from cheats import sections
from processes import sandboxes

from haloforge.verify.probe import isolation
from haloforge.verify.sandbox import LEVELS

SYSTEM_PYTHON = "/usr/bin/python3"
ROOT = Path(__file__).parent.parent.parent


def available(level):
    if LEVELS.index(level) < LEVELS.index(isolation().name):
        pytest.skip(f"this machine has no level {level}: {isolation().reason}")
    return level


@pytest.fixture
def nothing_left_behind():
    hidden = Path("/tmp/halo-forge-hidden-tests")
    hidden.write_text("halo-forge-hidden-tests")
    before = sandboxes()
    yield
    hidden.unlink()
    assert sandboxes() <= before
    assert [path for folder in ("/tmp", "/dev/shm") for path in Path(folder).glob("halo-forge-leak*")] == []


def test_there_are_enough_programs():
    assert len(sections("hostile_python.txt")) >= 45
    assert len(sections("hostile_cpp.txt")) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_hostile_python_is_contained_and_the_next_program_passes(level, nothing_left_behind, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "halo-forge-hidden-tests")
    assert hostile.flaws(available(level), sections("hostile_python.txt")) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("compiler", "level"), [("gcc", "ns"), ("gcc", "landlock"), ("clang", "ns")])
def test_hostile_cpp_is_contained_and_the_next_program_passes(compiler, level, nothing_left_behind):
    if shutil.which({"gcc": "g++", "clang": "clang++"}[compiler]) is None:
        pytest.skip(f"{compiler} is not installed")
    assert hostile.compiled_flaws(available(level), compiler, sections("hostile_cpp.txt")) == {}


@pytest.mark.slow
def test_all_of_it_is_contained_as_an_ordinary_user(nothing_left_behind):
    if os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists() or shutil.which("setpriv") is None:
        pytest.skip("becoming an ordinary user takes root, setpriv and a Python outside root's folders")
    levels = [level for level in LEVELS if LEVELS.index(level) >= LEVELS.index(isolation().name)]
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SYSTEM_PYTHON, hostile.__file__, *levels]
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_TOKEN": "secret",
        "PATH": os.environ["PATH"],
    }
    ran = subprocess.run(command, capture_output=True, text=True, timeout=550, cwd="/", env=environment, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert {where: flaws for where, flaws in json.loads(ran.stdout).items() if flaws} == {}


def test_the_level_stands_in_every_verdict(verifier):
    assert verifier.isolation == isolation().name
