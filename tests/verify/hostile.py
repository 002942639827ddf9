"""Hostile programs, and the means to run them at any level of isolation, as any user.

    python hostile.py LEVEL... [LANGUAGE...] [brief]      Python and C++ where no language is named

A program prints LEAK when it got what it wanted. Those marked `dies` must not live to their end. Those marked `lasts`
end at a limit of CPU or time alone, which no level changes: `brief` leaves them out.
"""

import json
import sys
import tempfile
from pathlib import Path

from cheats import sections

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled import Binaries
from haloforge.verify.sandbox.levels import LEVELS
from haloforge.verify.sandbox.scratch import Scratch
from haloforge.verify.sandbox.streams import run
from haloforge.verify.sandbox.workspace import Places, Workspace
from haloforge.verify.sandbox.zygote import Zygote
from haloforge.verify.worker import Worker

LIMITS = Limits(cpu_s=1, wall_s=2, memory_mb=512)
HONEST = "print(sum(map(int, input().split())))"


Programs = dict[str, tuple[list[str], str]]
"""By name: the words that say what is expected, and the code."""


def flaw(zygote: Zygote, code: str, dies: bool) -> str | None:
    """What went wrong when this program ran, or in the honest one after it; None when it was contained."""
    ran = run(zygote, {"mode": "program", "code": code}, LIMITS, output_limit=1 << 20)
    if b"LEAK" in ran.stdout:
        return ran.stdout.decode(errors="replace")[:200]
    lived = ran.end.code == 0 and not ran.flooded
    if dies and lived:
        return f"it lived to its end: {ran.end}"
    after = run(zygote, {"mode": "program", "code": HONEST}, LIMITS, b"20 22\n")
    return None if after.stdout == b"42\n" else f"the next honest program ended so: {after.end} {after.stderr!r}"


def flaws(level: str, programs: Programs) -> dict[str, str]:
    """Names of the programs that one level did not contain, and why; all of them run in the same warm process."""
    scratch = Scratch()
    place = Workspace(scratch.folder / "work", level) if level != "noopen" else None
    zygote = Zygote("solution", level, Places(workspace=place))
    try:
        results = {name: flaw(zygote, code, "dies" in words) for name, (words, code) in programs.items()}
    finally:
        zygote.close()
        scratch.remove()
    return {name: result for name, result in results.items() if result}


ADDS = {
    "cpp": '#include <cstdio>\nint main() { int a, b; if (scanf("%d %d", &a, &b) == 2) printf("%d\\n", a + b); }\n',
    "rust": 'fn main() { println!("{}", std::io::stdin().lines().map(|l| l.unwrap().len()).sum::<usize>() + 37); }\n',
    "javascript": 'console.log(eval(require("fs").readFileSync(0, "utf8").trim().replace(" ", "+")));',
    "typescript": 'import * as fs from "fs";\nconsole.log(eval(fs.readFileSync(0, "utf8").trim().replace(" ", "+")));',
    "java": "public class Main { public static void main(String[] args) { var in = new java.util.Scanner(System.in);"
    " System.out.println(in.nextInt() + in.nextInt()); } }",
    "go": 'package main\nimport "fmt"\nfunc main() { var a, b int; fmt.Scan(&a, &b); fmt.Println(a + b) }\n',
}


def compiled_flaw(worker: Worker, code: str, words: list[str], language: str = "cpp") -> str | None:
    """As `flaw`, for a compiled program: it is expected to print nothing, so LEAK shows in the difference."""
    silent = Problem("silent", "", language=language, tests=Tests("stdio", cases=(Case("", "nothing"),)))
    outcome = worker.judge(silent, code, LIMITS)
    text = f"{outcome.detail}\n{outcome.diagnostics}"
    if "LEAK" in outcome.detail or "root:" in text or "PRIVATE KEY" in text:
        return text[:300]
    if outcome.status in ("passed", "unscored"):
        return f"{outcome.status}: {outcome.detail}"
    if ("compile_error" in words) != (outcome.status == "compile_error") and set(words) - {"lasts"}:
        return f"it ended as {outcome.status}: {outcome.detail}"
    if "runtime" in words and outcome.status == "wrong_answer":
        return "it lived to its end"
    answer = Problem("sum", "", language=language, tests=Tests("stdio", cases=(Case("20 22\n", "42\n"),)))
    after = worker.judge(answer, ADDS[language], LIMITS)
    return None if after.status == "passed" else f"the next honest program: {after}"


def compiled_flaws(level: str, name: str, programs: Programs) -> dict[str, str]:
    """As `flaws`, for compiled programs under the verifier `name`; a title may begin with its language."""
    folder = tempfile.TemporaryDirectory()  # so that the honest program is compiled once
    worker = Worker(VerifySettings.model_construct(type=name), level, Binaries(Path(folder.name)))
    try:
        results = {
            title: compiled_flaw(worker, code, words, title.partition(":")[0] if ":" in title else "cpp")
            for title, (words, code) in programs.items()
        }
    finally:
        worker.close()
        folder.cleanup()
    return {title: result for title, result in results.items() if result}


def brief(programs: Programs) -> Programs:
    """Without those that only a limit of CPU or time ends."""
    return {name: program for name, program in programs.items() if "lasts" not in program[0]}


def programs_in(language: str) -> Programs:
    """Those of a language; what is one of JavaScript is one of TypeScript too."""
    programs = sections(f"hostile_{language}.txt")
    if language == "typescript":
        others = sections("hostile_javascript.txt").items()
        programs |= {title.replace("javascript", language): program for title, program in others}
    return programs


def main(words: list[str]) -> dict[str, dict[str, str]]:
    """Everything at these levels, compilers where a level allows them."""
    chosen = brief if "brief" in words else dict
    levels = [word for word in words if word in LEVELS]
    if languages := [word for word in words if word not in (*LEVELS, "brief")]:
        suites = {name: chosen(programs_in(name)) for name in languages}
        return {f"{at} {name}": compiled_flaws(at, "auto", suites[name]) for at in levels for name in languages}
    python, cpp = chosen(sections("hostile_python.txt")), chosen(sections("hostile_cpp.txt"))
    found = {f"{level} python": flaws(level, python) for level in levels}
    return found | {f"{level} gcc": compiled_flaws(level, "gcc", cpp) for level in levels if level != "noopen"}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
