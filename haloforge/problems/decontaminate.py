"""Does a training problem come from a benchmark? Prompts, asserts, test cases and solutions are compared as hashes.

The bundled index holds HumanEval, MBPP's test split and MBPP+ as hashes only: it works offline and contains no text of
a benchmark. `build_index` writes it anew from the original files.

A problem is dropped in these cases:

- it has the task id of a benchmark task
- its prompt is equal to a benchmark's, or has ten words in a row in common with it
- its prompt and the benchmark's have fewer than twelve words, and share four fifths of their word pairs
- an assert is the same, or two test cases are
- its solution is the same program under other names, with at least 25 syntax nodes

Eight words in a row and smaller equal programs are common in unrelated problems: these are kept and counted.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.files import read_jsonl
from haloforge.problems.formats.mbpp import EXAMPLE_INTRO
from haloforge.problems.same_program import nameless_form
from haloforge.python_source import docstring, parse
from haloforge.records import Problem

DROP_WORDS = 10
"""A problem is dropped when its prompt has this many words in a row in common with a benchmark's prompt."""
FLAG_WORDS = 8
"""A problem is kept but counted when it has this many words in a row in common."""
SHORT_PROMPT_WORDS = 12
"""Prompts with fewer words are compared by their pairs of neighbouring words."""
MIN_PAIR_SIMILARITY = 0.8
"""Two short prompts are nearly the same from this Jaccard similarity of their word pairs on (0 to 1)."""
MIN_PROGRAM_NODES = 25
"""An equal program with fewer syntax nodes is kept but counted."""
BUNDLED_INDEX = Path(__file__).with_name("benchmark_index.json.gz")

_WORD = re.compile(r"[a-z0-9]+")
_TASK_OPENING = re.compile(
    r"^(please )?(write|create|implement|define) (a|an) (python |c )?(function|program|method)( to| that| which)?\b"
)
_ASSERT = re.compile(r"^\s*assert .*", re.MULTILINE)
_EXAMPLE = re.compile(
    r"^\s*>>>.*\n?(?:(?!\s*>>>)\s*\S.*\n?)?|^\s*assert .*|^\s*" + re.escape(EXAMPLE_INTRO), re.MULTILINE
)


class Hit(NamedTuple):
    """A rule that matched, the benchmark task that it matched, and whether that is enough to drop the problem."""

    rule: str
    task_id: str
    drop: bool


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The hashes by which one problem is compared. Its fields are the columns of the index file.

    A prompt of `SHORT_PROMPT_WORDS` or more has no `pairs`. `program_size` is in syntax nodes.
    """

    task_id: str
    prompt: str
    drop_grams: tuple[str, ...]
    flag_grams: tuple[str, ...]
    pairs: tuple[str, ...]
    asserts: tuple[str, ...]
    cases: tuple[str, ...]
    program: str
    program_size: int


class BenchmarkIndex:
    """Hashes of the problems of benchmarks, each with the task that it comes from."""

    def __init__(self, fingerprints: Iterable[Fingerprint]) -> None:
        self.tasks: set[str] = set()
        self._prompts: dict[str, str] = {}
        self._drop_grams: dict[str, str] = {}
        self._flag_grams: dict[str, str] = {}
        self._short: list[tuple[frozenset[str], str]] = []
        self._asserts: dict[str, str] = {}
        self._cases: dict[str, set[str]] = {}
        self._programs: dict[str, str] = {}
        for fingerprint in fingerprints:
            self._add(fingerprint)

    @staticmethod
    def from_problems(problems: Iterable[Problem]) -> "BenchmarkIndex":
        """An index of these problems."""
        return BenchmarkIndex(map(fingerprint_of, problems))

    def check(self, problem: Problem) -> list[Hit]:
        """The rules that matched, with one task each; those that are enough to drop the problem come first."""
        fingerprint = fingerprint_of(problem)
        return sorted(self._hits(problem.task_id, fingerprint), key=lambda hit: not hit.drop)

    def _add(self, fingerprint: Fingerprint) -> None:
        task = fingerprint.task_id
        self.tasks.add(task)
        if fingerprint.prompt:
            self._prompts.setdefault(fingerprint.prompt, task)
        if fingerprint.pairs:
            self._short.append((frozenset(fingerprint.pairs), task))
        if fingerprint.program:
            self._programs.setdefault(fingerprint.program, task)
        for hashes, table in (
            (fingerprint.drop_grams, self._drop_grams),
            (fingerprint.flag_grams, self._flag_grams),
            (fingerprint.asserts, self._asserts),
        ):
            for value in hashes:
                table.setdefault(value, task)
        for value in fingerprint.cases:
            self._cases.setdefault(value, set()).add(task)

    def _hits(self, task_id: str, fingerprint: Fingerprint) -> Iterator[Hit]:
        if task_id in self.tasks:
            yield Hit("one of its tasks", task_id, True)
        yield from self._prompt_hits(fingerprint)
        if task := _first(fingerprint.asserts, self._asserts):
            yield Hit("shares an assert", task, True)
        shared = Counter(task for case in fingerprint.cases for task in self._cases.get(case, ()))
        if shared and (most := shared.most_common(1)[0])[1] >= 2:
            yield Hit("shares test cases", most[0], True)
        if task := self._programs.get(fingerprint.program, ""):
            yield Hit("same program", task, fingerprint.program_size >= MIN_PROGRAM_NODES)

    def _prompt_hits(self, fingerprint: Fingerprint) -> Iterator[Hit]:
        if task := self._prompts.get(fingerprint.prompt, ""):
            yield Hit("same prompt", task, True)
        elif task := _first(fingerprint.drop_grams, self._drop_grams):
            yield Hit(f"shares {DROP_WORDS} words in a row", task, True)
        elif task := self._nearly_same(fingerprint):
            yield Hit("nearly the same short prompt", task, True)
        elif task := _first(fingerprint.flag_grams, self._flag_grams):
            yield Hit(f"shares {FLAG_WORDS} words in a row", task, False)

    def _nearly_same(self, fingerprint: Fingerprint) -> str:
        pairs = frozenset(fingerprint.pairs)
        near = (task for other, task in self._short if pairs and _jaccard(pairs, other) >= MIN_PAIR_SIMILARITY)
        return next(near, "")


@cache
def bundled_index() -> BenchmarkIndex:
    """The index that comes with the package."""
    return read_index(BUNDLED_INDEX)


def read_index(path: Path) -> BenchmarkIndex:
    """An index file that `build_index` wrote."""
    ((_, content),) = read_jsonl(path)
    return BenchmarkIndex(map(_fingerprint, content["traces"]))


def _fingerprint(row: dict[str, Any]) -> Fingerprint:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Fingerprint(**values)


def fingerprint_of(problem: Problem) -> Fingerprint:
    """The hashes of everything by which a problem is compared."""
    words = _words(problem)
    program, size = "", 0
    if problem.language == "python" and problem.solution:
        program, size = nameless_form(problem.solution)
    return Fingerprint(
        task_id=problem.task_id,
        prompt=_hash(" ".join(words)) if words else "",
        drop_grams=_grams(words, DROP_WORDS),
        flag_grams=_grams(words, FLAG_WORDS),
        pairs=_grams(words, 2) if len(words) < SHORT_PROMPT_WORDS else (),
        asserts=tuple(sorted({_hash(text) for text in _asserts(problem)})),
        cases=tuple(sorted({_hash(f"{c.input.split()} -> {c.output.split()}") for c in problem.tests.cases})),
        program=_hash(program) if program else "",
        program_size=size,
    )


def _words(problem: Problem) -> list[str]:
    """The words of the prompt in lower case, without examples and without an opening such as "write a function to"."""
    if isinstance(problem.prompt, str):
        text = problem.prompt
    else:
        text = "\n".join(message["content"] for message in problem.prompt if message["role"] == "user")
    if problem.starter_code and problem.language == "python" and problem.entry_point:
        text = docstring(problem.starter_code, problem.entry_point) or text
    text = " ".join(_WORD.findall(_EXAMPLE.sub("\n", text).lower()))
    return _TASK_OPENING.sub("", text).split()


def _grams(words: Sequence[str], length: int) -> tuple[str, ...]:
    return tuple(sorted({_hash(" ".join(words[i : i + length])) for i in range(len(words) - length + 1)}))


def _asserts(problem: Problem) -> Iterator[str]:
    """Each assert that calls a function, as `ast.unparse` spells it; `candidate` is replaced by the entry point."""
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


def _jaccard(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / len(left | right)
