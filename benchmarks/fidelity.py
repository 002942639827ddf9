"""Do honest programs get the verdict that plain Python gives them? Run: python benchmarks/fidelity.py [--only WORD]

The programs are in benchmarks/fidelity/, one style each. Where a program comes with plain statements as its test, they
run four times: as asserts, inside `check(candidate)`, as a pytest function and as a method of a unittest class. Every
one is run by plain Python in a fresh process too, where exit code 0 is a pass. `agree` counts the same verdict without
the mark `forgeable`.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

from haloforge.records import Problem, Tests, Verdict
from haloforge.verify import VerifySettings, open_verifier

FOLDER = Path(__file__).parent / "fidelity"
TestKind = Literal["asserts", "check", "pytest"]
KINDS = ("asserts", "check", "pytest", "unittest")
TIMEOUT_S = 60


class Trial(NamedTuple):
    """A program, and its tests in one of the four kinds."""

    name: str
    style: str
    kind: Any
    code: str
    test: str
    entry_point: str

    def problem(self) -> Problem:
        """As the verifier takes it."""
        kind: TestKind = "pytest" if self.kind == "unittest" else self.kind
        entry_point = self.entry_point if kind == "check" else None
        return Problem(self.name, "", tests=Tests(kind, code=(self.test,)), entry_point=entry_point)


def main() -> None:
    """Print what differs, and the figures by style and by kind of test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only programs with this in their name or style")
    parser.add_argument("--trust", action="store_true", help="do not run plain Python: take it that all pass there")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    trials = [t for t in all_trials() if arguments.only in f"{t.name} {t.style} {t.kind}"]
    with open_verifier(VerifySettings(workers=arguments.workers, time_limit_s=5.0)) as verifier:
        verdicts = list(verifier.verify_many((trial.problem(), trial.code) for trial in trials))
    with ThreadPoolExecutor(arguments.workers) as pool:
        plain = [True] * len(trials) if arguments.trust else list(pool.map(passes_plainly, trials))
    report(trials, verdicts, plain)


def all_trials() -> list[Trial]:
    """Every program with every kind of test that it has."""
    return [trial for file in sorted(FOLDER.glob("*.txt")) for trial in trials_of(file)]


def trials_of(file: Path) -> Iterator[Trial]:
    """Those of one file."""
    for name, words, text in re.findall(r"^### (.+?) \[(.+?)\]\n(.*?)(?=^### |\Z)", file.read_text(), re.S | re.M):
        code, test = text.split("---\n")
        if words in KINDS:
            yield Trial(name, "suites", words, code, test, "")
            continue
        for kind in KINDS:
            yield Trial(name, words, kind, code, as_kind(kind, code, test), defined(code)[0])


def defined(code: str) -> list[str]:
    """Global names of functions, classes and values of a program, in order."""
    names: list[str] = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    return names


def as_kind(kind: str, code: str, test: str) -> str:
    """Plain statements as a test of that kind."""
    used = {node.id for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Name)}
    names = ", ".join(name for name in defined(code) if name in used)
    if kind == "asserts":
        return test
    if kind == "check":
        return f"def check(candidate):\n{textwrap.indent(test, '    ')}"
    if kind == "pytest":
        return f"from solution import {names}\n\ndef test_it():\n{textwrap.indent(test, '    ')}"
    body = textwrap.indent(test, "        ")
    case = "class Case(unittest.TestCase):\n    def test_it(self):\n"
    return f"import unittest\nfrom solution import {names}\n\n{case}{body}"


def passes_plainly(trial: Trial) -> bool:
    """Whether plain Python, pytest or unittest passes it in a process and a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "solution.py").write_text(trial.code)
        if trial.kind in ("asserts", "check"):
            call = f"check({trial.entry_point})\n" if trial.kind == "check" else ""
            Path(folder, "test_it.py").write_text(f"{trial.code}\n{trial.test}\n{call}")
            command = [sys.executable, "test_it.py"]
        else:
            Path(folder, "test_it.py").write_text(trial.test)
            command = [sys.executable, "-m", "unittest", "-q", "test_it"]
            if trial.kind == "pytest":
                command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
        environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=TIMEOUT_S, check=False)
        return ran.returncode == 0


def report(trials: Sequence[Trial], verdicts: Sequence[Verdict], plain: Sequence[bool]) -> None:
    """Print the differences, then the tables."""
    agrees = [v.passed == p and not (v.passed and v.forgeable) for v, p in zip(verdicts, plain, strict=True)]
    for trial, verdict, passed, agreed in zip(trials, verdicts, plain, agrees, strict=True):
        if not agreed or not passed:
            told = "marked" if verdict.passed and verdict.forgeable else f"{verdict.status}: {verdict.detail[:100]}"
            print(f"{trial.style}, {trial.name}, {trial.kind}: {told}; plain Python {'passes' if passed else 'FAILS'}")
    print(f"\n{len({trial.name for trial in trials})} programs, {len(trials)} trials")
    for of in ("style", "kind"):
        total = Counter(getattr(trial, of) for trial in trials)
        good = Counter(getattr(trial, of) for trial, agreed in zip(trials, agrees, strict=True) if agreed)
        print(f"\n| {of} | trials | agree, unmarked |\n|---|---|---|")
        for key in sorted(total):
            print(f"| {key} | {total[key]} | {good[key]} |")
    same = sum(v.passed == p for v, p in zip(verdicts, plain, strict=True))
    print(f"\nsame verdict {same} of {len(trials)} ({same / len(trials):.1%}), ", end="")
    print(f"unmarked too {sum(agrees)} ({sum(agrees) / len(trials):.1%})")


if __name__ == "__main__":
    main()
