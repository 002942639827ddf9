"""What is special about Rust: crates that are not there, its own test harness, and a compiler that needs to be led."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from haloforge.languages import LANGUAGES, Compiler
from haloforge.records import Problem
from haloforge.verify.compiled.adapter import AppendedTests, Commands, Sources, Step, last_line_for
from haloforge.verify.compiled.single_file import SingleFile, arguments_of, before_last_brace, path_of, sources_of

_USE = re.compile(r"^use\s+(?:::)?(\w+)", re.MULTILINE)
_LINE_END = re.compile(r";[ \t]*\n")
_BUILT_IN_CRATES = frozenset({"std", "core", "alloc", "crate", "self", "super", "proc_macro"})


class Rust(SingleFile):
    """See Adapter."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """Tests without a `main` are those of the language's own harness."""
        if "fn main" not in tests:
            return AppendedTests(tests, "test result: ok.", is_harness=True)
        last_line = last_line_for(tests)
        statement = LANGUAGES[compiler.language].print_statement.format(text=last_line)
        return AppendedTests(before_last_brace(tests, statement), last_line)

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """One file, without `use` lines of crates that are not used and not there."""
        program = f"{code}\n{tests.code}" if tests else code
        return sources_of(compiler, without_unused_crates(program), tests)

    def main_for_function(self, compiler: Compiler) -> str:
        """None: a library of Rust is checked as it is."""
        return ""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """One command. The compiler is told where its library lies: without /proc it cannot find out."""
        path = path_of(compiler)
        sysroot = Path(path).parent.parent
        arguments = arguments_of(compiler, harness=harness, only_check=only_check)
        library = ("--crate-type=lib",) if only_check else ()
        step = Step((path, "--sysroot", str(sysroot), *arguments, *library))
        return Commands([step], {"LD_LIBRARY_PATH": str(sysroot / "lib")})


def without_unused_crates(code: str) -> str:
    """Drop `use` lines of foreign crates when nothing of theirs is used (HumanEvalPack has three in every prompt)."""
    uses = list(_use_lines(code))
    rest = _without(code, uses)
    words, modules = set(re.findall(r"\w+", rest)), set(re.findall(r"\bmod (\w+)", rest))
    return _without(code, [u for u in uses if not (u.crate in _BUILT_IN_CRATES | modules or u.names & words)])


class _Use(NamedTuple):
    """One `use` line: where it stands, and the names by which the code may call what it brings."""

    start: int
    end: int
    crate: str
    names: set[str]


def _use_lines(code: str) -> Iterator[_Use]:
    position, semicolon = 0, -1
    while found := _USE.search(code, position):
        if semicolon < found.end():
            semicolon = code.find(";", found.end())
        if semicolon < 0:
            return
        if line_end := _LINE_END.match(code, semicolon):
            names = set(re.findall(r"\w+", code[found.end() : semicolon])) - {"self", "as"} or {found[1]}
            yield _Use(found.start(), line_end.end(), found[1], names)
        position = line_end.end() if line_end else found.end()


def _without(code: str, uses: Sequence[_Use]) -> str:
    starts, ends = [0, *(use.end for use in uses)], [*(use.start for use in uses), len(code)]
    return "".join(code[start:end] for start, end in zip(starts, ends, strict=True))
