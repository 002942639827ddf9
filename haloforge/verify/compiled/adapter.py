"""What one kind of compiler does by code of its own: its sources, its commands, and tests appended to a solution."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol

from haloforge.languages import Compiler
from haloforge.records import Problem

BINARY = "solution"
"""Name of the program that a compiler leaves in the folder."""


@dataclass(frozen=True, slots=True)
class AppendedTests:
    """Tests of kind `program` (MultiPL-E, HumanEvalPack), and how we know that they ran to their end.

    A zero exit code says nothing, for a solution can exit by itself. So `main` prints a line at its very end, which the
    program cannot know beforehand; a program that ends without it ended early. Such tests share the solution's process,
    so what they say can still be forged by a determined program, and their verdicts say so. Python's tests are split
    from the solution instead. Here that would take a form in which any value of C++, Rust or Go crosses between two
    programs, and tests that compile without what they test, which templates and generics do not allow in general;
    in JavaScript and Java a program can replace what the tests call, and look into the memory that they share.
    """

    code: str
    last_line: str
    """What stdout ends with when every test has run; under `is_harness`, what one of its lines begins with."""
    is_harness: bool = False
    """The tests are those of the language's own test harness, which brings its own `main`."""
    main: str = ""
    """The program that calls the tests, where that is a source file of its own (Go)."""


class Sources(NamedTuple):
    """The source files by name, and the last line of the solution as the compiler counts."""

    files: Mapping[str, str]
    last_line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a compilation. `only_advises`: what it says are warnings, and its failure does not matter."""

    argv: tuple[str, ...]
    only_advises: bool = False


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of a compilation in their order, and what they need in their environment."""

    steps: Sequence[Step]
    environment: Mapping[str, str] = field(default_factory=dict)


class Program(NamedTuple):
    """How a compiled program is started, and the paths that it reaches besides its folder and the shared libraries."""

    argv: Sequence[str]
    environment: Mapping[str, str] = MappingProxyType({})
    executable: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()


class Adapter(Protocol):
    """One kind of compiler."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """Tests of kind `program`, made to say that they ran to their end."""

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """The solution, its tests behind it, and what else the compiler needs."""

    def main_for_function(self, compiler: Compiler) -> str:
        """A `main` with which a solution that is only a function can be linked; empty where compiling checks it all."""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """How to compile the sources in the folder. Raises OSError when the compiler has gone since the run began."""

    def program(self, compiler: Compiler, folder: str, memory_mb: int) -> Program:
        """How to start what was compiled in the folder, so that it keeps to that memory where its runtime is told it.

        Raises OSError when what runs it has gone since the run began.
        """

    def missing_imports(self, compiler: Compiler, problem: Problem) -> set[str]:
        """What the problem's tests import that is not there, so that no solution would compile."""


def last_line_for(tests: str) -> str:
    """A line that no solution knows beforehand, the same for the same tests."""
    return "tests-done-" + hashlib.sha256(tests.encode()).hexdigest()[:24]
