"""What is tried on the emulated machine: inside.py WHO LEVEL...; the sandbox is chosen, used and attacked."""

import json
import os
import re
import sys


def translated(code: str) -> str:
    """The program with the numbers of system calls, which are those of x86-64, replaced by this machine's."""
    from haloforge.verify.box.confinement.syscalls import numbers

    names = {number: name for name, number in numbers("x86_64").items()}
    here = numbers()

    def number(match: re.Match[str]) -> str:
        return f"syscall({here.get(names.get(int(match[1]), ''), match[1])}"

    return re.sub(r"syscall\((\d+)\b", number, code)


def main(who: str, levels: list[str]) -> None:
    """Print what came of it, a line each."""
    if who.startswith("user"):
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
        os.environ["HOME"] = "/nonexistent"
    os.environ["HF_TOKEN"] = "halo-forge-hidden-tests"  # what the hostile programs look for

    import hostile
    from cheats import sections

    from haloforge.problems import load_starter
    from haloforge.verify import VerifySettings, isolation, verifier_at
    from haloforge.verify.box.confinement.limits import Limits

    hostile.LIMITS = Limits(cpu_s=3, wall_s=8, memory_mb=512)  # an emulated machine is some twenty times slower
    programs = {name: (words, translated(code)) for name, (words, code) in sections("hostile_python.txt").items()}
    problems = [problem for problem in load_starter("starter-easy") if problem.language == "python"][:8]
    print(f"{who}: {isolation()}", flush=True)
    for level in levels:
        with verifier_at(level, VerifySettings(workers=1)) as verifier:
            right = [verifier.verify(problem, problem.solution).passed for problem in problems]
            undone = [f"{problem.solution}\n{problem.entry_point} = None" for problem in problems]
            wrong = [verifier.verify(*pair).passed for pair in zip(problems, undone, strict=True)]
        print(f"{who}, {level}: {sum(right)} of {len(right)} references, {sum(wrong)} wrong programs pass", flush=True)
        flaws = hostile.flaws(level, programs)
        print(f"{who}, {level}: of {len(programs)} hostile programs not contained: {json.dumps(flaws)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
