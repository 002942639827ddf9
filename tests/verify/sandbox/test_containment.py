"""Hostile programs have no effect, at every level that is accepted, as this user and as an ordinary one.

Those that only a limit of CPU or time ends, the same at every level, run at one level for each user and language.
"""

import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import hostile
import pytest
from cheats import sections
from places import ROOT
from processes import sandboxes
from tools import COMMANDS, needs

from haloforge.verify.sandbox.levels import LEVELS
from haloforge.verify.sandbox.probe import isolation

LONG = {
    title.replace("javascript", "typescript")
    for title, (_, code) in sections("hostile_javascript.txt").items()
    if "process.exit" not in code
} | {"typescript: doubling types"}
SYSTEM_PYTHON = "/usr/bin/python3"


def available(level):
    if LEVELS.index(level) < LEVELS.index(isolation().name):
        pytest.skip(f"this machine has no level {level}: {isolation().reason}")
    return level


def chosen(level, programs):
    """All of them at the first level that this machine has, and at the others those that no limit of time ends."""
    return programs if available(level) == isolation().name else hostile.brief(programs)


@pytest.fixture
def nothing_left_behind():
    hidden = Path("/tmp/halo-forge-hidden-tests")
    hidden.write_text("halo-forge-hidden-tests")
    before = sandboxes()
    yield
    hidden.unlink()
    for _ in range(100):  # what was killed is gone once the kernel has come to it
        if sandboxes() <= before:
            break
        time.sleep(0.1)
    assert sandboxes() <= before
    assert [path for folder in ("/tmp", "/dev/shm") for path in Path(folder).glob("halo-forge-leak*")] == []


def test_there_are_enough_programs():
    assert len(sections("hostile_python.txt")) >= 45
    assert len(sections("hostile_cpp.txt")) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_hostile_python_is_contained_and_the_next_program_passes(level, nothing_left_behind, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "halo-forge-hidden-tests")
    assert hostile.flaws(level, chosen(level, sections("hostile_python.txt"))) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("compiler", "level"), [("gcc", "ns"), ("gcc", "landlock"), ("clang", "ns")])
def test_hostile_cpp_is_contained_and_the_next_program_passes(compiler, level, nothing_left_behind):
    needs({"gcc": "g++", "clang": "clang++"}[compiler])
    programs = sections("hostile_cpp.txt")
    if compiler == "clang":  # it is held to the compiler's limit of CPU by the same code as gcc: one bomb shows it
        programs = hostile.brief(programs) | {"macro bomb": programs["macro bomb"]}
    assert hostile.compiled_flaws(level, compiler, chosen(level, programs)) == {}


AS_ANYBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SYSTEM_PYTHON]
WITHOUT_BUBBLEWRAP = ["bash", str(ROOT / "tests/without_tools.sh"), "bwrap"]


def needs_root():
    needs("setpriv", "unshare", "mount")
    if os.geteuid() != 0 or not Path(SYSTEM_PYTHON).exists():
        pytest.skip("becoming an ordinary user takes root and a Python outside root's folders")


def run_apart(command, *arguments):
    """What a command with a clean environment prints, as JSON."""
    environment = {
        "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_TOKEN": "secret",
        "PATH": os.environ["PATH"],
    }
    argv = [*command, *arguments]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=550, cwd="/", env=environment, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["ns", "landlock"])
@pytest.mark.parametrize("language", ["rust", "go"])
def test_hostile_rust_and_go_are_contained(language, level, nothing_left_behind, monkeypatch):
    needs(COMMANDS[language])
    monkeypatch.setenv("HF_TOKEN", "halo-forge-hidden-tests")
    programs = {t: p for t, p in sections("hostile_others.txt").items() if t.startswith(f"{language}:")}
    assert len(programs) >= 9
    assert hostile.compiled_flaws(level, "auto", chosen(level, programs)) == {}


@pytest.mark.slow
@pytest.mark.parametrize(("language", "level"), [("javascript", "landlock"), ("typescript", "ns"), ("java", "ns")])
def test_hostile_programs_of_node_and_java_are_contained(language, level, nothing_left_behind, monkeypatch):
    """One level each; `python tests/verify/hostile.py` takes all. What waits for a limit is left to JavaScript."""
    needs(COMMANDS[language])
    monkeypatch.setenv("HF_TOKEN", "halo-forge-hidden-tests")
    programs = hostile.programs_in(language)
    if language == "typescript":
        programs = {t: p for t, p in programs.items() if t not in LONG}
    assert len(programs) >= 15
    assert hostile.compiled_flaws(available(level), "auto", programs) == {}


@pytest.mark.slow
def test_all_of_it_is_contained_as_an_ordinary_user(nothing_left_behind):
    needs("g++")
    needs_root()
    levels = [level for level in LEVELS if LEVELS.index(level) >= LEVELS.index(isolation().name)]
    found = run_apart(AS_ANYBODY, hostile.__file__, levels[0])
    found |= run_apart(AS_ANYBODY, hostile.__file__, "brief", *levels[1:])
    assert {where: flaws for where, flaws in found.items() if flaws} == {}


ASK = (
    "import json; from haloforge.verify.sandbox.probe import isolation; "
    "print(json.dumps(list(vars(isolation()).values())))"
)


@pytest.mark.parametrize("user", [[sys.executable], AS_ANYBODY])
def test_namespaces_are_made_without_bubblewrap_too(user):
    needs_root()
    name, reason = run_apart([*WITHOUT_BUBBLEWRAP, *user], "-c", ASK)
    assert name == "ns" and "our own system calls" in reason


@pytest.mark.slow
@pytest.mark.parametrize("user", [[sys.executable], AS_ANYBODY])
def test_all_of_it_is_contained_in_namespaces_of_our_own_making(nothing_left_behind, user):
    needs("g++")
    needs_root()
    found = run_apart([*WITHOUT_BUBBLEWRAP, *user], hostile.__file__, "brief", "ns")
    assert {where: flaws for where, flaws in found.items() if flaws} == {}


def test_the_level_stands_in_every_verdict(verifier):
    assert verifier.isolation == isolation().name
