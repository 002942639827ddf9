"""What each level of isolation holds where something is missing, and what is lost at it (docs/verification.md)."""

import sys

import pytest
from places import ROOT
from test_containment import AS_ANYBODY, WITHOUT_BUBBLEWRAP, available, needs_root, run_apart

from haloforge.doctor import sandbox_check
from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, isolation, verifier_at
from haloforge.verify.sandbox.levels import LEVELS, LOST, UNSAFE, lost_at

ROW = "import json; from haloforge.doctor import sandbox_check; print(json.dumps(vars(sandbox_check())))"


def test_the_page_on_verification_has_the_row_of_every_level() -> None:
    page = (ROOT / "docs" / "verification.md").read_text()
    assert list(LOST) == [*LEVELS, UNSAFE]
    for level, lost in LOST.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{level}` |")]
        assert f"| {lost} |" in row


def test_doctor_prints_the_row_of_this_machine() -> None:
    check = sandbox_check()
    assert check.text.startswith(f"{isolation().name}: ") and lost_at(isolation().name) in check.text


def without_calls(refused, user):
    """The front of a command that runs as a user on a machine that refuses some system calls."""
    return [*user[:-1], user[-1], str(ROOT / "tests/without_calls.py"), refused, user[-1]]


MACHINES = {
    "nothing lacks": ([], "", "ns"),
    "without bubblewrap": (WITHOUT_BUBBLEWRAP, "", "ns"),
    "a container": ([], "namespaces", "landlock"),
    "a container without bubblewrap": (WITHOUT_BUBBLEWRAP, "namespaces", "landlock"),
    "a container on a kernel without landlock": ([], "namespaces landlock", "noopen"),
    "a kernel without seccomp": ([], "namespaces landlock seccomp", "none"),
    "namespaces, but no landlock": (WITHOUT_BUBBLEWRAP, "landlock", "ns"),
}


@pytest.mark.slow
@pytest.mark.parametrize("user", [[sys.executable], AS_ANYBODY], ids=["root", "user"])
@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_that_lacks_something_holds_the_next_level_and_doctor_says_what_that_loses(machine, user) -> None:
    needs_root()
    available("ns")
    tools, refused, level = MACHINES[machine]
    row = run_apart([*tools, *without_calls(refused, user)], "-c", ROW)
    assert row["text"].startswith(f"{level}: ")
    assert LOST[level] in row["text"]
    assert ("as root" in row["text"]) == (level == "landlock" and user == [sys.executable])
    assert row["state"] == ("missing" if level == "none" else "ok")


def true_at(level, solutions):
    """Which of these solutions return True at that level, by their names."""
    problem = Problem("p", "Write f.", entry_point="f", tests=Tests("asserts", code=("assert f() is True",)))
    with verifier_at(available(level), VerifySettings(workers=1)) as verifier:
        return {name for name, code in solutions.items() if verifier.verify(problem, code).passed}


TRIED = 'os.stat("/etc/passwd").st_size > 0'
STAT = """\
import os
def f():
    try:
        return os.stat("/etc/passwd").st_size > 0
    except OSError:
        return False
"""
ATTEMPTS = {
    "learn that a file exists": STAT,
    "list a folder": STAT.replace(TRIED, "len(os.listdir('/etc')) > 0"),
    "read a file": STAT.replace(TRIED, "len(open('/etc/passwd').read()) > 0"),
    "know a time zone": "import zoneinfo\ndef f():\n    return zoneinfo.ZoneInfo('Europe/Berlin').key != ''\n",
}


@pytest.mark.parametrize(
    ("level", "possible"),
    [
        ("ns", {"know a time zone"}),
        ("landlock", {"know a time zone", "learn that a file exists"}),
        ("noopen", set()),
    ],
)
def test_what_a_solution_can_do_with_the_files_of_the_machine(level, possible) -> None:
    assert true_at(level, ATTEMPTS) == possible
