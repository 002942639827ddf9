"""Tests that are appended to the solution (MultiPL-E, HumanEvalPack): how we know that they ran to their end.

A zero exit code says nothing, for a solution can exit by itself. So `main` prints a line at its very end, which the
program cannot know beforehand; a program that ends without it ended early. Such tests share the solution's process,
so what they say can still be forged by a determined program, and their verdicts say so. Python's tests are split from
the solution instead. Here that would take a form in which any value of C++, Rust or Go crosses between two programs,
and tests that compile without what they test, which templates and generics do not allow in general.
"""

import hashlib
import re
from dataclasses import dataclass

from haloforge.verify.compiled.golang import main_of

_C_MAIN = re.compile(r"^[ \t]*int\s+main\s*\(", re.MULTILINE)
_LAST_RETURN = re.compile(r"return\s+(?:0|EXIT_SUCCESS)\s*;\s*$")


@dataclass(frozen=True)
class Tail:
    """What is appended, and the line that stdout must end with when every test has run (in `harness`, must contain)."""

    code: str
    last_line: str
    harness: bool = False
    main: str = ""
    """The program that calls the tests, where that is a source file of its own (Go)."""


def tail_for(family: str, tests: str) -> Tail:
    """`family` is the language: c, cpp, rust or go. Tests without a `main` are those of the language's own harness."""
    mark = "tests-done-" + hashlib.sha256(tests.encode()).hexdigest()[:24]
    if family == "go" and (main := main_of(tests, mark)):
        return Tail(tests, mark, harness=True, main=main)
    if family == "go":
        return Tail(_before_last_brace(f'import done "fmt"\n{tests}', f'done.Println("{mark}")'), mark)
    if family == "rust" and "fn main" not in tests:
        return Tail(tests, "test result: ok.", harness=True)
    if family == "rust":
        return Tail(_before_last_brace(tests, f'println!("{mark}");'), mark)
    declared = 'extern "C" int puts(const char *);' if family == "cpp" else "int puts(const char *);"
    with_declaration = _C_MAIN.sub(lambda main: f"{declared}\n{main[0]}", tests, count=1)
    return Tail(_before_last_brace(with_declaration, f'puts("{mark}");'), mark)


def _before_last_brace(code: str, statement: str) -> str:
    body, brace, rest = code.rpartition("}")
    return f"{_LAST_RETURN.sub('', body)}{statement}\n{brace}{rest}"
