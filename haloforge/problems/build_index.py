"""Builds the bundled benchmark index anew from the benchmarks' original files.

`python -m haloforge.problems.build_index HumanEval.jsonl.gz mbpp.jsonl sanitized-mbpp.json MbppPlus.jsonl.gz`
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from haloforge.files import write_jsonl
from haloforge.problems.decontaminate import BUNDLED_INDEX, fingerprint_of
from haloforge.problems.load import load_problems


def build(files: Sequence[Path], output: Path = BUNDLED_INDEX) -> int:
    """Write an index of the benchmark tasks in original files; returns how many there are.

    A task whose split is "test" in one file is taken from every file: MBPP+ also tests part of MBPP's train split, and
    words those tasks differently.
    """
    problems = [problem for file in files for problem in load_problems(file)]
    tasks = {problem.task_id for problem in problems if problem.split == "test"}
    fingerprints = {fingerprint_of(problem): None for problem in problems if problem.task_id in tasks}
    write_jsonl(output, [{"traces": [asdict(fingerprint) for fingerprint in fingerprints]}])
    return len(tasks)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(
            "give the benchmarks' original files: HumanEval.jsonl.gz mbpp.jsonl sanitized-mbpp.json MbppPlus.jsonl.gz"
        )
    print(f"{build([Path(name) for name in sys.argv[1:]])} tasks in {BUNDLED_INDEX}")
