"""Languages whose program is one source file, which one command compiles: C and C++, and the base of Rust."""

import re
from pathlib import Path

from haloforge.languages import LANGUAGES, Compiler
from haloforge.records import Problem
from haloforge.verify.compiled.adapter import BINARY, AppendedTests, Commands, Program, Sources, Step, last_line_for
from haloforge.verify.compiled.headers import arguments_for
from haloforge.verify.toolchains import compiler_path, linker_arguments

_MAIN = re.compile(r"^[ \t]*int\s+main\s*\(", re.MULTILINE)
_LAST_RETURN = re.compile(r"return\s+(?:0|EXIT_SUCCESS)\s*;\s*$")


class SingleFile:
    """See Adapter."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """A `main` that prints the last line before it ends."""
        language, last_line = LANGUAGES[compiler.language], last_line_for(tests)
        declaration = f"{language.print_declaration}\n" if language.print_declaration else ""
        declared = _MAIN.sub(lambda main: declaration + main[0], tests, count=1)
        return AppendedTests(before_last_brace(declared, language.print_statement.format(text=last_line)), last_line)

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """One file."""
        program = f"{code}\n{tests.code}" if tests else code
        return sources_of(compiler, program, tests)

    def main_for_function(self, compiler: Compiler) -> str:
        """The smallest program; linking shows what a function needs and does not have."""
        return LANGUAGES[compiler.language].smallest_program

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """One command, with the precompiled header where it fits and the fastest linker that is installed."""
        source = Path(folder, compiler.source).read_text(encoding="utf-8")
        arguments = arguments_of(compiler, harness=harness, only_check=only_check)
        return Commands([Step((path_of(compiler), *arguments_for(compiler, source), *arguments))])

    def program(self, compiler: Compiler, folder: str, memory_mb: int) -> Program:
        """The binary itself."""
        return Program((f"{folder}/{BINARY}",))

    def missing_imports(self, compiler: Compiler, problem: Problem) -> set[str]:
        """Unknown here: the compiler itself says it."""
        return set()


def path_of(compiler: Compiler) -> str:
    """The compiler's absolute path. Raises OSError when it has gone since the run began."""
    path = compiler_path(compiler)
    if path is None:
        raise FileNotFoundError(f"{compiler.command} has gone since the run began")
    return path


def sources_of(compiler: Compiler, program: str, tests: AppendedTests | None) -> Sources:
    """One file in which the tests, if any, stand at the end."""
    lines_of_tests = tests.code.count("\n") + 1 if tests else 0
    return Sources({compiler.source: program}, program.count("\n") + 1 - lines_of_tests)


def arguments_of(compiler: Compiler, *, harness: bool, only_check: bool) -> tuple[str, ...]:
    """What the compiler is told, apart from precompiled headers."""
    if only_check and compiler.check:
        return compiler.check
    return (*(compiler.harness if harness else compiler.build), *linker_arguments(compiler))


def before_last_brace(code: str, statement: str) -> str:
    """The code with a statement at the end of its last block, in place of a `return 0`."""
    body, brace, rest = code.rpartition("}")
    return f"{_LAST_RETURN.sub('', body)}{statement}\n{brace}{rest}"
