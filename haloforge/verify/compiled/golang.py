"""What is special about Go: imports that must be used, tests that a generated `main` runs, and no `go` command.

`go test` spends most of its time finding out what to do, in a build cache that it wants to write to. So the standard
library is listed once, as the compiler's own import table, and each program takes one run of the compiler and one of
the linker, a quarter of what `go test` costs with a warm cache.
"""

import functools
import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from haloforge.files import write_text
from haloforge.languages import Compiler
from haloforge.records import Problem
from haloforge.verify.compiled.adapter import BINARY, AppendedTests, Commands, Program, Sources, Step, last_line_for
from haloforge.verify.compiled.single_file import before_last_brace
from haloforge.verify.sandbox.kept import digest_of, headers_folder, made_once
from haloforge.verify.toolchains import compiler_path, compiler_version

SOURCE, MAIN, TABLE = "solution.go", "main.go", "importcfg"
_ASSERT = Path(__file__).with_name("testify_assert.go")
"""Stands for github.com/stretchr/testify/assert, which the tests of HumanEvalPack import."""
_ASSERT_PATH = "github.com/stretchr/testify/assert"
_LIST_LIMIT_S = 600

# Nothing here is read twice, however the text is broken: `*+` and `(?>` give nothing back, and what is opened and not
# closed goes to the end.
_SKIPPED = r"(?:\s|;|//[^\n]*(?:\n|$)|/\*(?>.*?\*/))*+"
_PACKAGE = re.compile(rf"{_SKIPPED}package\s+(\w+)", re.DOTALL)
_GROUP = r'\((?:\s|;|//[^\n]*\n|/\*(?>.*?\*/)|[\w.]+|"[^"\n]*"|`[^`\n]*`)*+\)'
_IMPORT = re.compile(rf'{_SKIPPED}import\s*({_GROUP}|(?:[\w.]+\s+)?(?:"[^"\n]*"|`[^`\n]*`))', re.DOTALL)
_SPECIFICATION = re.compile(r'//[^\n]*|/\*.*?(?:\*/|\Z)|(?:(?<![\w.])([\w.]++)\s++)?["`]([^"`\n]+)["`]', re.DOTALL)
_NOT_CODE = re.compile(r'//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*+"?|`[^`]*+`?|\'(?:\\.|[^\'\\\n])*+\'?', re.DOTALL)
_TEST = re.compile(r"^func\s+(Test(?![a-z])\w*)\s*\(\s*\w+\s+\*testing\.T\s*\)", re.MULTILINE)
_HAS_MAIN = re.compile(r"^func\s+main\s*\(\s*\)", re.MULTILINE)


class Go:
    """See Adapter."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """Tests for `go test` get a `main` of ours that runs them; others end their own `main` with the last line."""
        last_line = last_line_for(tests)
        if main := main_of(tests, last_line):
            return AppendedTests(tests, last_line, is_harness=True, main=main)
        statement = f'done.Println("{last_line}")'
        return AppendedTests(before_last_brace(f'import done "fmt"\n{tests}', statement), last_line)

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """The solution with its tests, and the program that runs them. Lines are counted as in the solution itself."""
        brought = (problem.starter_code, problem.tests.setup)
        program = program_of(code, brought, tests.code if tests else "")
        main = {MAIN: tests.main} if tests and tests.main else {}
        return Sources({SOURCE: program} | main, code.count("\n") + 1)

    def main_for_function(self, compiler: Compiler) -> str:
        """None: a package of Go is checked as it is."""
        return ""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """Compile, vet, and link where a program is wanted."""
        commands = _commands(compiler, folder, only_check=only_check)
        return Commands([Step(tuple(argv), only_advises=argv[0].endswith("/vet")) for argv in commands])

    def program(self, compiler: Compiler, folder: str, memory_mb: int) -> Program:
        """The binary itself."""
        return Program((f"{folder}/{BINARY}",))

    def missing_imports(self, compiler: Compiler, problem: Problem) -> set[str]:
        """What the tests import, or call of testify, that is not there to compile against."""
        return unknown_imports(compiler, (problem.starter_code, problem.tests.setup, *problem.tests.code))


class Import(NamedTuple):
    """One import. `alias` is empty, a name, `.` or `_`."""

    alias: str
    path: str

    @property
    def name(self) -> str:
        """What the program calls it by."""
        *earlier, last = self.path.split("/")
        return self.alias or (earlier[-1] if earlier and re.fullmatch(r"v\d+", last) else last)


class Parts(NamedTuple):
    """A source file, taken apart. `package` is empty where it has no such clause."""

    package: str
    imports: tuple[Import, ...]
    body: str


def parts_of(source: str) -> Parts:
    """The package clause, the imports and the rest."""
    clause = _PACKAGE.match(source)
    position = clause.end() if clause else 0
    imports: list[Import] = []
    while found := _IMPORT.match(source, position):
        imports += [Import(alias or "", path) for alias, path in _SPECIFICATION.findall(found[1]) if path]
        position = found.end()
    return Parts(clause[1] if clause else "", tuple(imports), source[position:])


def program_of(code: str, brought: Sequence[str], tests: str) -> str:
    """One source file of the solution and its tests.

    `brought` are sources whose imports came with the problem: its prompt, its tests' setup. Those that are not used
    are dropped, for the compiler refuses them and the solution could not know; what the solution imports itself stays.
    """
    solution, *others = map(parts_of, (code, tests, *brought))
    body = f"{solution.body}\n{others[0].body}"
    given = {imported for part in others for imported in part.imports}
    used = set(re.findall(r"\b(\w+)\s*\.", _NOT_CODE.sub(" ", body)))
    kept = [i for i in {*solution.imports, *given} if i not in given or i.name in used or i.alias in (".", "_")]
    package = next((f"package {part.package}\n" for part in (solution, *others) if part.package), "")
    specifications = "".join(f'import {i.alias and i.alias + " "}"{i.path}"\n' for i in sorted(kept))
    line = code[: len(code) - len(solution.body)].count("\n") + 1
    return f"{package}{specifications}//line {SOURCE}:{line}:1\n{body}"


def main_of(tests: str, mark: str) -> str:
    """The program that runs these tests as `go test` does, and prints the mark when all have run; empty where none."""
    names = _TEST.findall(tests)
    rows = "".join(f'{{"{name}", tested.{name}}}, ' for name in names)
    if not names:
        return ""
    return f"""package main

import (
	"fmt"
	"testing"

	tested "solution"
)

func end(t *testing.T) {{ fmt.Println("{mark}") }}

func main() {{
	always := func(pattern, name string) (bool, error) {{ return true, nil }}
	testing.Main(always, []testing.InternalTest{{{rows}{{"end", end}}}}, nil, nil)
}}
"""


def _commands(compiler: Compiler, folder: str, *, only_check: bool) -> list[list[str]]:
    """The compiler and linker for the sources in `folder`. Raises OSError when Go has gone since the run began."""
    prepared = standard_library(compiler)
    if prepared is None:
        raise OSError(f"Go's standard library cannot be listed in {headers_folder()}; XDG_CACHE_HOME says where else")
    table, tools = str(prepared / TABLE), _tools(compiler)
    has_tests = os.path.exists(f"{folder}/{MAIN}")
    is_program = has_tests or bool(_HAS_MAIN.search(Path(folder, SOURCE).read_text(encoding="utf-8")))
    path = "main" if is_program and not has_tests else "solution"
    first = _compile(tools, folder, path, table, SOURCE)
    vet = [f"{tools}/vet", _vet_table(folder, _table(compiler))]
    if only_check:
        return [first, vet]
    link = [f"{tools}/link", "-s", "-w", "-o", BINARY]
    if not has_tests:
        return [first, vet, [*link, "-importcfg", table, "solution.a"]]
    own = Path(folder, TABLE)
    own.write_text(f"{Path(table).read_text()}packagefile solution={folder}/solution.a\n")
    second = _compile(tools, folder, "main", str(own), MAIN)
    return [first, vet, second, [*link, "-importcfg", str(own), "main.a"]]


def _compile(tools: str, folder: str, path: str, table: str, source: str) -> list[str]:
    flags = ["-p", path, "-importcfg", table, "-pack", "-complete", "-dwarf=false", "-trimpath", folder]
    return [f"{tools}/compile", *flags, "-o", source.replace(".go", ".a"), source]


def _vet_table(folder: str, files: dict[str, str]) -> str:
    """What `go vet` would hand to its tool: where the one source file and everything it may import lies."""
    about = {
        "ID": "solution",
        "Compiler": "gc",
        "Dir": ".",
        "ImportPath": "solution",
        "GoFiles": [SOURCE],
        "ImportMap": {path: path for path in files},
        "PackageFile": files,
        "VetxOutput": "vet.out",
    }
    Path(folder, "vet.cfg").write_text(json.dumps(about))
    return "vet.cfg"


def unknown_imports(compiler: Compiler, sources: Sequence[str]) -> set[str]:
    """What these sources import, or call of testify, that is not there to compile against."""
    known = {"unsafe"} | _table(compiler).keys()
    imported = {found.path for source in sources for found in parts_of(source).imports}
    if _ASSERT_PATH not in imported:
        return imported - known
    offered = re.findall(r"^func (?:\(a \*Assertions\) )?(\w+)", _ASSERT.read_text(), re.MULTILINE)
    called = {name for source in sources for name in re.findall(r"\bassert\.(\w+)", source)}
    return imported - known | {f"{_ASSERT_PATH}.{name}" for name in called - {*offered}}


@functools.cache
def _table(compiler: Compiler) -> dict[str, str]:
    """For each package that can be imported, the file of what it exports."""
    prepared = standard_library(compiler)
    lines = (prepared / TABLE).read_text().splitlines() if prepared else ()
    return dict(line.removeprefix("packagefile ").split("=", 1) for line in lines)


@functools.cache
def standard_library(compiler: Compiler) -> Path | None:
    """The folder with the import table, made now if need be; None where it cannot be made."""
    if compiler_path(compiler) is None:
        return None
    folder = headers_folder() / f"go-{digest_of(compiler_version(compiler), _ASSERT.read_text(), _tools(compiler))}"
    return made_once(folder, lambda partial: _list(compiler, partial, folder))


def _list(compiler: Compiler, partial: Path, folder: Path) -> None:
    form = "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}"
    listed = _go(compiler, "list", "-export", "-f", form, "std", cache=partial / "cache").splitlines()
    write_text(partial / TABLE, "".join(f"{line}\n" for line in sorted(filter(None, listed))))
    archive = partial / "assert.a"
    arguments = ["-p", _ASSERT_PATH, "-importcfg", str(partial / TABLE), "-pack", "-complete", "-o", str(archive)]
    command = [f"{_tools(compiler)}/compile", *arguments, str(_ASSERT)]
    subprocess.run(command, check=True, capture_output=True, timeout=_LIST_LIMIT_S)
    table = f"{(partial / TABLE).read_text()}packagefile {_ASSERT_PATH}={archive}\n"
    write_text(partial / TABLE, table.replace(str(partial), str(folder)))


@functools.cache
def _tools(compiler: Compiler) -> str:
    return _go(compiler, "env", "GOTOOLDIR").strip()


def _go(compiler: Compiler, *arguments: str, cache: Path | None = None) -> str:
    """Ask the go command, without network, modules, cgo, or the user's own settings."""
    settings = {"GOPROXY": "off", "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOENV": "off", "CGO_ENABLED": "0"}
    folders = {
        "GOCACHE": str(cache or "off"),
        "GOPATH": "/nonexistent",
        "HOME": "/nonexistent",
        "PATH": "/usr/bin:/bin",
    }
    command = [str(compiler_path(compiler)), *arguments]
    environment = settings | folders
    asked = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_LIST_LIMIT_S, check=True, cwd="/"
    )
    return asked.stdout
