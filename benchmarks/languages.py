"""The cost of a verdict in JavaScript, TypeScript and Java, here and by their plain tools.

    python benchmarks/languages.py [--rounds 3]

Each sample is compiled and run once on stdin. CPU milliseconds include every process that is started, as the kernel
counts them; wall milliseconds are with two workers each. Every number is the best of the rounds. Needs root.
"""

import argparse
import itertools
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from verify import WORKERS, Cost, enter_group, measured, ours, reference_of, succeeds

from haloforge.records import Case, Problem, Tests
from haloforge.verify import Verifier, VerifySettings, open_verifier

SAMPLES = 4
TESTS = Tests("stdio", cases=(Case("b a b c a b\n", "b 3, a 2, c 1\n"),))
JAVASCRIPT = """
const words = require("fs").readFileSync(0, "utf8").split(/\\s+/).filter((word) => word);
const counts = new Map();
for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
console.log(sorted.map(([word, count]) => `${word} ${count}`).join(", "));
"""
TYPESCRIPT = """
declare function require(name: string): any;
interface Counted { word: string; count: number }
const words: string[] = require("fs").readFileSync(0, "utf8").split(/\\s+/).filter((word: string) => word);
const counts = new Map<string, number>();
for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
const all: Counted[] = [...counts].map(([word, count]) => ({ word, count }));
all.sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
console.log(all.map((each) => `${each.word} ${each.count}`).join(", "));
export {};
"""
JAVA = """
import java.util.*;
import java.util.stream.*;

public class Main {
    public static void main(String[] args) {
        Map<String, Integer> counts = new HashMap<>();
        Scanner in = new Scanner(System.in);
        while (in.hasNext()) counts.merge(in.next(), 1, Integer::sum);
        Comparator<Map.Entry<String, Integer>> order = Map.Entry.comparingByValue(Comparator.reverseOrder());
        System.out.println(counts.entrySet().stream().sorted(order.thenComparing(Map.Entry.comparingByKey()))
            .map(each -> each.getKey() + " " + each.getValue()).collect(Collectors.joining(", ")));
    }
}
"""
PLAIN = {
    "javascript": ("solution.js", JAVASCRIPT, [["node", "--check", "solution.js"]], ["node", "solution.js"]),
    "typescript": (
        "solution.ts",
        TYPESCRIPT,
        [["tsc", "--target", "es2022", "--module", "commonjs", "solution.ts"]],
        ["node", "solution.js"],
    ),
    "java": ("Main.java", JAVA, [["javac", "Main.java"]], ["java", "Main"]),
}


def main() -> None:
    """Print one line per language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    enter_group()
    with open_verifier(VerifySettings(workers=WORKERS)) as verifier:
        print(f"{SAMPLES} samples, {WORKERS} workers, isolation {verifier.isolation}, load {os.getloadavg()[0]:.1f}")
        for language in PLAIN:
            for name, cost in costs(language, verifier, rounds).items():
                cpu_and_wall = f"{cost.cpu_ms:7.0f} CPU ms{cost.wall_ms:7.0f} wall ms"
                print(f"{language:11}{name:6}{cpu_and_wall}  {cost.passed} passed")


def costs(language: str, verifier: Verifier, rounds: int) -> dict[str, Cost]:
    """By plain tools and by ours, after what is made once was made."""
    run, numbers = time.time_ns(), itertools.count()

    def fresh() -> list[Problem]:
        """Programs that were never compiled before, because compiled ones are kept."""
        codes = [f"{PLAIN[language][1]}// {run} {next(numbers)}\n" for _ in range(SAMPLES)]
        return [Problem("", "", language, TESTS, solution=code) for code in codes]

    ours(fresh(), verifier)
    harnesses = {"plain": lambda: by_plain_tools(fresh(), language), "ours": lambda: ours(fresh(), verifier)}
    return measured(harnesses, SAMPLES, rounds)


def by_plain_tools(problems: Sequence[Problem], language: str) -> int:
    """How many pass by the language's own tools, two at a time, without a sandbox."""
    name, _, builds, start = PLAIN[language]

    def build_and_run(problem: Problem) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, name).write_text(reference_of(problem))
            if not all(succeeds(["env", "-C", folder, *build]) for build in builds):
                return False
            case = problem.tests.cases[0]
            ran = subprocess.run(start, cwd=folder, input=case.input, capture_output=True, text=True, check=False)
            return ran.stdout == case.output

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(build_and_run, problems))


if __name__ == "__main__":
    main()
