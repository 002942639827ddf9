"""Verifiers of the user's own: what their commands say, and what neither they nor the solutions they run can reach."""

import os
import sys

import psutil
import pytest

from haloforge.errors import VerifierError
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, custom, open_verifier
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.custom import command_level
from haloforge.verify.sandbox.levels import LEVELS, UNSAFE
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.worker import Worker

PROBLEM = Problem("c", "", language="cobol")


def verdict_of(script, code="x", **settings):
    command = (sys.executable, "-c", script, "{file}")
    with open_verifier(VerifySettings(type="custom", command=command, workers=1, **settings)) as verifier:
        verifier.check([PROBLEM])
        return verifier.verify(PROBLEM, code)


def test_the_exit_code_is_the_verdict():
    script = "import sys; sys.exit(open(sys.argv[1]).read() != 'good')"
    assert verdict_of(script, "good").passed
    assert verdict_of(script, "bad").status == "wrong_answer"


def test_no_verdict_is_remembered_of_a_command_that_has_changed_since(tmp_path):
    script, cache = tmp_path / "judge.py", tmp_path / "verdicts.db"
    settings = VerifySettings(type="custom", command=(sys.executable, str(script), "{file}"), workers=1)
    for code in (1, 0):
        script.write_text(f"raise SystemExit({code})")
        with open_verifier(settings, cache) as verifier:
            assert verifier.verify(PROBLEM, "x").passed is (code == 0)


def test_a_json_line_says_more():
    script = 'print(\'{"status": "runtime_error", "detail": "line 3", "tests_passed": 1, "tests_total": 2}\')'
    verdict = verdict_of(script)
    assert (verdict.status, verdict.detail, verdict.tests_passed, verdict.tests_total) == (
        "runtime_error",
        "line 3",
        1,
        2,
    )


def test_a_line_that_says_passed_counts_only_with_exit_code_0():
    said = 'print(\'{"status": "passed"}\', flush=True); '
    assert verdict_of(said).passed
    assert verdict_of(said + "raise SystemExit(1)").status == "wrong_answer"
    assert verdict_of(said + "import os; os.abort()").status == "runtime_error"


def test_verdicts_are_forgeable_unless_the_user_vouches_for_the_command():
    assert verdict_of("pass").forgeable
    assert verdict_of('print(\'{"status": "passed"}\')').forgeable
    assert not verdict_of("pass", unforgeable=True).forgeable


def test_the_problem_comes_on_standard_input():
    assert verdict_of("import json, sys; sys.exit(json.loads(sys.stdin.readline())['language'] != 'cobol')").passed


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "needs a command"),
        ({"command": ("/no/such/command",)}, "there is no program '/no/such/command'"),
        ({"command": ("true",), "readable": ("/no/such/folder",)}, "/no/such/folder is to be readable"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_runs(settings, complaint):
    with (
        open_verifier(VerifySettings(type="custom", **settings)) as verifier,
        pytest.raises(VerifierError, match=complaint),
    ):
        verifier.check([PROBLEM])


def test_a_wrapper_that_does_not_find_what_it_wraps_is_refused_before_anything_runs(tmp_path):
    hidden, wrapper = tmp_path / "tool", tmp_path / "wrapper"
    for path, text in ((hidden, "#!/bin/sh\nexit 0\n"), (wrapper, f"#!/bin/sh\nexec {hidden} $1\n")):
        path.write_text(text)
        path.chmod(0o755)
    settings = VerifySettings(type="custom", command=(str(wrapper), "{file}"), workers=1)
    with open_verifier(settings) as verifier, pytest.raises(VerifierError, match="name what else it reads in verifier"):
        verifier.check([PROBLEM])
    with open_verifier(settings.model_copy(update={"readable": (str(hidden),)})) as verifier:
        verifier.check([PROBLEM])
        assert verifier.verify(PROBLEM, "x").passed


def test_a_file_that_cannot_be_executed_leaves_its_samples_unscored(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    with open_verifier(VerifySettings(type="custom", command=(str(broken),), workers=1)) as verifier:
        verdict = verifier.verify(PROBLEM, "x")
    assert verdict.status == "unscored" and "cannot be started" in verdict.detail, verdict


@pytest.mark.parametrize("whom", ["-1", "os.getppid()"])
def test_where_landlock_holds_no_signals_back_the_warm_process_is_not_ended_by_one(whom, monkeypatch):
    if isolation().name != "ns":
        pytest.skip("there are no namespaces here")
    monkeypatch.setattr(custom.landlock, "version", lambda: 0)
    assert verdict_of(f"import os; os.kill({whom}, 9)").detail == "the command ended with 1"


def test_without_a_sandbox_it_is_refused_unless_that_is_asked_for(monkeypatch):
    with pytest.raises(VerifierError, match="cannot be sandboxed at isolation level noopen; install bubblewrap"):
        command_level("noopen", allow_unsafe=False)
    assert command_level("noopen", allow_unsafe=True) == UNSAFE
    assert command_level("ns", allow_unsafe=False) == "ns"
    monkeypatch.setattr(custom.landlock, "version", lambda: 5)
    with pytest.raises(VerifierError, match="isolation level landlock"):
        command_level("landlock", allow_unsafe=False)


READS = "import sys; print(open(sys.argv[1]).read())"


def test_it_reads_the_files_it_names_and_those_that_are_allowed_and_no_others(tmp_path):
    secret, script, rules = (tmp_path / name for name in ("secret", "script.py", "rules"))
    secret.write_text("secret")
    rules.mkdir()
    (rules / "rule").write_text("rule")
    script.write_text(f"{READS.replace('sys.argv[1]', repr(str(rules / 'rule')))}\n")

    def status(*command, readable=()):
        settings = VerifySettings(type="custom", command=command, workers=1, readable=readable)
        with open_verifier(settings) as verifier:
            return verifier.verify(PROBLEM, "x").status

    assert status(sys.executable, "-c", READS, str(secret)) == "passed"
    assert status(sys.executable, "-c", READS.replace("sys.argv[1]", repr(str(secret)))) == "wrong_answer"
    assert status(sys.executable, str(script)) == "wrong_answer"
    assert status(sys.executable, str(script), readable=(str(rules),)) == "passed"


HOSTILE = {
    "read keys and homes": """
        import os
        for path in ("/etc/shadow", "/root/.bashrc", os.path.expanduser("~root/.ssh"), "/proc/1/environ", SECRET):
            try:
                open(path).read() if not os.path.isdir(path) else os.listdir(path)
                leak(path)
            except OSError:
                pass
        if "HF_TOKEN" in os.environ: leak("the environment")""",
    "write outside its folder": """
        for path in ("/tmp/halo-forge-leak", "/usr/halo-forge-leak", "/dev/shm/halo-forge-leak", SECRET):
            try:
                open(path, "a").write("x")
                leak(path)
            except OSError:
                pass""",
    "open sockets": """
        import socket
        for family, kind in ((2, 1), (2, 2), (1, 1), (16, 3), (10, 1)):
            try:
                socket.socket(family, kind)
                leak((family, kind))
            except OSError:
                pass""",
    "signal others": """
        import os, signal
        for pid in (OUTSIDER, os.getppid()):
            try:
                os.kill(pid, 0)
                if pid == OUTSIDER: leak("it could signal")
            except OSError:
                pass
        try:
            os.kill(OUTSIDER, signal.SIGKILL)
        except OSError:
            pass""",
    "leave a daemon": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(987)
            os._exit(0)""",
    "raise limits": """
        import resource
        try:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            leak("more memory")
        except (OSError, ValueError):
            pass""",
    "fork bomb": """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass""",
    "fill the disk": """
        number = 0
        while True:
            open(f"file{number}", "wb").write(bytes(64 << 20))
            number += 1""",
    "flood": "while True: print('flood' * 1000)",
    "memory": "x = bytearray(64 << 30); leak('so much memory')",
    "sleep": "import time; time.sleep(100)",
}
RUNS = "import sys; exec(open(sys.argv[1]).read())"


@pytest.mark.slow
@pytest.mark.parametrize("level", ["ns", "landlock"])
def test_hostile_solutions_that_the_command_runs_are_contained(level, tmp_path, monkeypatch):
    if LEVELS.index(level) < LEVELS.index(isolation().name):
        pytest.skip(f"this machine has no level {level}: {isolation().reason}")
    command_level(level, allow_unsafe=False)
    monkeypatch.setenv("HF_TOKEN", "secret")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    start = f"SECRET, OUTSIDER = {str(secret)!r}, {os.getpid()}\ndef leak(what): print('LEAK', what, flush=True)\n"
    worker = Worker(VerifySettings(type="custom", command=(sys.executable, "-c", RUNS, "{file}")), level)
    found = {}
    try:
        for name, code in HOSTILE.items():
            lines = [line.removeprefix("        ") for line in code.strip("\n").splitlines()]
            outcome = worker.judge(PROBLEM, start + "\n".join(lines), Limits(cpu_s=2, wall_s=6, memory_mb=512))
            honest = worker.judge(PROBLEM, "print(1)", Limits(cpu_s=5, wall_s=20, memory_mb=512))
            if "LEAK" in outcome.diagnostics or honest.status != "passed":
                found[name] = outcome, honest
    finally:
        worker.close()
    assert found == {}
    assert secret.read_text() == "secret"
    mine = [p.info for p in psutil.process_iter(["cmdline"]) if RUNS in (p.info["cmdline"] or ())]
    assert mine == [], "a process was left behind"


CHECKER = """
import sys
question, expected, written = (open(path).read().split() for path in sys.argv[1:])
print(int(len(written) == 2 and int(written[0]) + int(written[1]) == int(question[0])))
"""


CHECK_FUNCTION = """
def check(input_text, output_text, expected_text):
    print("looking at", expected_text)
    a, b = map(int, output_text.split())
    return a + b == int(input_text)
"""


@pytest.mark.parametrize("checker", [CHECKER, CHECK_FUNCTION], ids=["script", "function"])
@pytest.mark.parametrize(
    ("code", "passes"),
    [("n = int(input()); print(1, n - 1)", True), ("print(0, 0)", False), ("print('x')", False), ("", False)],
)
def test_a_problem_can_bring_its_own_checker(verifier, checker, code, passes):
    tests = Tests("stdio", cases=(Case("7\n", "3 4\n"), Case("9\n", "4 5\n")), compare="checker", checker=checker)
    assert verifier.verify(Problem("k", "", tests=tests), code).passed is passes
