"""Does a training problem come from a benchmark? Prompts, asserts, test cases and solutions are compared as hashes.

The bundled index knows HumanEval, MBPP's test split and MBPP+ by their hashes only, so it works offline and passes no
benchmark text on. `python -m haloforge.problems.decontaminate FILE...` builds it anew from the original files.

A problem is dropped when it is one of their tasks; when its prompt is equal or shares ten words in a row (a prompt
of fewer than twelve words: when four fifths of its word pairs are the same); when an assert or two test cases are the
same; or when its solution is the same program but for names and of at least 25 syntax nodes. Eight words in a row and
smaller programs are common idiom: such problems are kept and counted.
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.files import read_jsonl, write_jsonl
from haloforge.problems.load import load_problems
from haloforge.problems.same_program import nameless_form
from haloforge.python_source import EXAMPLE_INTRO, docstring, parse
from haloforge.records import Problem

DROP_GRAM, FLAG_GRAM = 10, 8
SHORT_PROMPT = 12
SHORT_SIMILARITY = 0.8
SMALL_PROGRAM = 25
_INDEX = Path(__file__).with_name("benchmark_index.json.gz")

_WORD = re.compile(r"[a-z0-9]+")
_ORDER = re.compile(
    r"^(please )?(write|create|implement|define) (a|an) (python |c )?(function|program|method)( to| that| which)?\b"
)
_ASSERT = re.compile(r"^\s*assert .*", re.MULTILINE)
_EXAMPLE = re.compile(
    r"^\s*>>>.*\n?(?:(?!\s*>>>)\s*\S.*\n?)?|^\s*assert .*|^\s*" + re.escape(EXAMPLE_INTRO), re.MULTILINE
)


class Hit(NamedTuple):
    """One reason to think that a problem comes from a benchmark task, and whether it is enough to drop the problem."""

    rule: str
    task_id: str
    drop: bool


@dataclass(frozen=True, slots=True)
class Traces:
    """What is compared of one problem, hashed. `pairs` only for short prompts; `program` only with its size."""

    task_id: str
    prompt: str
    drop_grams: tuple[str, ...]
    flag_grams: tuple[str, ...]
    pairs: tuple[str, ...]
    asserts: tuple[str, ...]
    cases: tuple[str, ...]
    program: str
    program_size: int


class Index:
    """The hashes of some benchmarks' problems, and which task each came from."""

    def __init__(self, traces: Iterable[Traces]) -> None:
        self.tasks: set[str] = set()
        self._prompts: dict[str, str] = {}
        self._drop_grams: dict[str, str] = {}
        self._flag_grams: dict[str, str] = {}
        self._short: list[tuple[frozenset[str], str]] = []
        self._asserts: dict[str, str] = {}
        self._cases: dict[str, set[str]] = {}
        self._programs: dict[str, str] = {}
        for trace in traces:
            self._add(trace)

    @staticmethod
    def from_problems(problems: Iterable[Problem]) -> "Index":
        """An index of these problems."""
        return Index(map(traces_of, problems))

    def check(self, problem: Problem) -> list[Hit]:
        """At most one hit per rule, the ones that are enough to drop first."""
        trace = traces_of(problem)
        return sorted(self._hits(problem.task_id, trace), key=lambda hit: not hit.drop)

    def _add(self, trace: Traces) -> None:
        task = trace.task_id
        self.tasks.add(task)
        if trace.prompt:
            self._prompts.setdefault(trace.prompt, task)
        if trace.pairs:
            self._short.append((frozenset(trace.pairs), task))
        if trace.program:
            self._programs.setdefault(trace.program, task)
        for hashes, table in (
            (trace.drop_grams, self._drop_grams),
            (trace.flag_grams, self._flag_grams),
            (trace.asserts, self._asserts),
        ):
            for value in hashes:
                table.setdefault(value, task)
        for value in trace.cases:
            self._cases.setdefault(value, set()).add(task)

    def _hits(self, task_id: str, trace: Traces) -> Iterator[Hit]:
        if task_id in self.tasks:
            yield Hit("one of its tasks", task_id, True)
        yield from self._prompt_hits(trace)
        if task := _first(trace.asserts, self._asserts):
            yield Hit("shares an assert", task, True)
        shared = Counter(task for case in trace.cases for task in self._cases.get(case, ()))
        if shared and (most := shared.most_common(1)[0])[1] >= 2:
            yield Hit("shares test cases", most[0], True)
        if task := self._programs.get(trace.program, ""):
            yield Hit("same program", task, trace.program_size >= SMALL_PROGRAM)

    def _prompt_hits(self, trace: Traces) -> Iterator[Hit]:
        if task := self._prompts.get(trace.prompt, ""):
            yield Hit("same prompt", task, True)
        elif task := _first(trace.drop_grams, self._drop_grams):
            yield Hit(f"shares {DROP_GRAM} words in a row", task, True)
        elif task := self._nearly_same(trace):
            yield Hit("nearly the same short prompt", task, True)
        elif task := _first(trace.flag_grams, self._flag_grams):
            yield Hit(f"shares {FLAG_GRAM} words in a row", task, False)

    def _nearly_same(self, trace: Traces) -> str:
        pairs = frozenset(trace.pairs)
        near = (task for other, task in self._short if pairs and _jaccard(pairs, other) >= SHORT_SIMILARITY)
        return next(near, "")


@cache
def bundled() -> Index:
    """The index that comes with the package."""
    return read_index(_INDEX)


def read_index(path: Path) -> Index:
    """The index that `build` wrote."""
    ((_, index),) = read_jsonl(path)
    return Index(map(_traces, index["traces"]))


def _traces(row: dict[str, Any]) -> Traces:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Traces(**values)


def traces_of(problem: Problem) -> Traces:
    """Everything that is compared of a problem."""
    words = _words(problem)
    form, size = ("", 0)
    if problem.language == "python" and problem.solution:
        form, size = nameless_form(problem.solution)
    return Traces(
        task_id=problem.task_id,
        prompt=_hash(" ".join(words)) if words else "",
        drop_grams=_grams(words, DROP_GRAM),
        flag_grams=_grams(words, FLAG_GRAM),
        pairs=_grams(words, 2) if len(words) < SHORT_PROMPT else (),
        asserts=tuple(sorted({_hash(text) for text in _asserts(problem)})),
        cases=tuple(sorted({_hash(f"{c.input.split()} -> {c.output.split()}") for c in problem.tests.cases})),
        program=_hash(form) if form else "",
        program_size=size,
    )


def _words(problem: Problem) -> list[str]:
    """The prompt's prose in lower case, without examples and without the order to write a function."""
    if isinstance(problem.prompt, str):
        text = problem.prompt
    else:
        text = "\n".join(message["content"] for message in problem.prompt if message["role"] == "user")
    if problem.starter_code and problem.language == "python" and problem.entry_point:
        text = docstring(problem.starter_code, problem.entry_point) or text
    text = " ".join(_WORD.findall(_EXAMPLE.sub("\n", text).lower()))
    return _ORDER.sub("", text).split()


def _grams(words: Sequence[str], length: int) -> tuple[str, ...]:
    return tuple(sorted({_hash(" ".join(words[i : i + length])) for i in range(len(words) - length + 1)}))


def _asserts(problem: Problem) -> Iterator[str]:
    """Each assert that calls something, in one spelling, with the tested function under its own name."""
    tests = problem.tests
    if tests.kind == "asserts":
        sources: Iterable[str] = (*tests.code, *tests.hidden)
    elif tests.kind == "check":
        name = problem.entry_point or "candidate"
        sources = (re.sub(r"\bcandidate\(", f"{name}(", line) for line in _ASSERT.findall(tests.code[0]))
    else:
        return
    for source in sources:
        tree = parse(source.strip())
        node = tree.body[0] if tree and tree.body else None
        if isinstance(node, ast.Assert) and any(isinstance(n, ast.Call) for n in ast.walk(node.test)):
            yield ast.unparse(node.test)


def _hash(text: str) -> str:
    return blake2b(text.encode(errors="replace"), digest_size=6).hexdigest()


def _first(hashes: Iterable[str], table: dict[str, str]) -> str:
    return next((table[value] for value in hashes if value in table), "")


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def build(files: Sequence[Path], output: Path = _INDEX) -> int:
    """Write an index of the benchmark tasks in original files; returns how many there are.

    A task that one file calls test is taken from every file: MBPP+ tests part of MBPP's train split, in other words.
    """
    problems = [problem for file in files for problem in load_problems(file)]
    tasks = {problem.task_id for problem in problems if problem.split == "test"}
    traces = {traces_of(problem): None for problem in problems if problem.task_id in tasks}
    write_jsonl(output, [{"traces": [asdict(trace) for trace in traces]}])
    return len(tasks)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(
            "give the benchmarks' original files: HumanEval.jsonl.gz mbpp.jsonl sanitized-mbpp.json MbppPlus.jsonl.gz"
        )
    print(f"{build([Path(name) for name in sys.argv[1:]])} tasks in {_INDEX}")
