"""What is special about JavaScript and TypeScript: Node runs them, and there is no `main` to append tests to.

tsc takes two seconds of CPU time to start and read its library. So a snapshot of Node's heap is made once, before any
sample, which holds TypeScript's compiler and that library; each compilation is a process that begins with it.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from haloforge.languages import Compiler
from haloforge.records import Problem
from haloforge.verify.compiled.adapter import BINARY, AppendedTests, Commands, Program, Sources, Step, last_line_for
from haloforge.verify.compiled.single_file import path_of
from haloforge.verify.sandbox.kept import BUILD_LIMIT_S, digest_of, headers_folder, made_once, unwritable
from haloforge.verify.toolchains import compiler_path, compiler_version, runner_path

_HERE = Path(__file__).parent
_CHECK, _COMPILE, _TYPES = "check_javascript.js", "compile_typescript.js", "node.d.ts"
_STDIN = "node_stdin.js"
_MODULE = "solution.mjs"
"""A solution that only parses as a module gets this name."""
_ENVIRONMENT = {"OPENSSL_CONF": "/dev/null", "UV_USE_IO_URING": "0", "NODE_NO_WARNINGS": "1"}
"""Without what Node would read of the system's settings, and without a system call that the sandbox kills for."""
_REQUIRE = "data:text/javascript,import {createRequire} from 'node:module';globalThis.require=createRequire('file:///solution')"
"""Gives a module `require`, for tests that are written for scripts."""
_IMPORT = re.compile(r"^import\b", re.MULTILINE)
_DECLARED = re.compile(r"^declare\s+(?:var|let|const|function)\b[^\n]*\n?", re.MULTILINE)
_WAITS = re.compile(r"\bawait\b|\bPromise\b|\.then\(")
_CALL = re.compile(
    r"^(?=(?!(?:if|for|while|switch|function|catch|return)\b)[\w.]+\(|\((?:async|function)\b)", re.MULTILINE
)
_ASSERTS = 'const console = { ...globalThis.console, assert: require("node:assert").ok };\n'
"""A failed console.assert only prints; as a test it fails."""


class JavaScript:
    """See Adapter."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """The tests in a block of their own, so that the solution may use their names; the last line at the very end.

        Calls in tests that wait for promises are waited for: a promise that never settles is no passed test.
        """
        last_line = last_line_for(tests)
        ended = f'process.once("exit", () => process.stdout.write("\\n{last_line}\\n"))'
        if _IMPORT.search(tests):
            return AppendedTests(f"{tests}\n;{ended};", last_line)
        body = (_ASSERTS if "console.assert" in tests else "") + _DECLARED.sub("", tests)
        if _WAITS.search(tests):
            waiting = _CALL.sub("await ", body)
            return AppendedTests(f";(async () => {{\n{waiting}\n}})().then(() => {ended});", last_line)
        return AppendedTests(f";{{\n{body}\n}}\n{ended};", last_line)

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """One file."""
        program = f"{code}\n{tests.code}" if tests else code
        return Sources({compiler.source: program}, code.count("\n") + 1)

    def main_for_function(self, compiler: Compiler) -> str:
        """None: a file is checked as it is."""
        return ""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """One command that parses the program."""
        script = _kept(_CHECK)
        if script is None:
            raise unwritable()
        argv = (_node(compiler), "--experimental-vm-modules", script, compiler.source)
        return Commands([Step(argv)], _ENVIRONMENT)

    def missing_imports(self, compiler: Compiler, problem: Problem) -> set[str]:
        """Unknown here: Node itself says it."""
        return set()

    def program(self, compiler: Compiler, folder: str, memory_mb: int) -> Program:
        """node with the program: with the source itself, or with what TypeScript left of it."""
        named = (_MODULE, compiler.source if compiler.runs_source else BINARY)
        source = next(name for name in named if Path(folder, name).exists())
        module = ("--import", _REQUIRE) if source == _MODULE else ()
        node = _node(compiler)
        stdin = _kept(_STDIN)
        named_stdin = ("--require", stdin) if stdin else ()
        argv = (node, f"--max-old-space-size={memory_mb}", *named_stdin, *module, f"{folder}/{source}")
        return Program(argv, _ENVIRONMENT, executable=(node, "/usr/share/nodejs"), readable=named_stdin[1:])


class TypeScript(JavaScript):
    """JavaScript that is checked, and made, by TypeScript's compiler."""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """One command, from the snapshot where Node could make one."""
        prepared = _prepared(compiler)
        if prepared is None:
            raise unwritable()
        snapshot = _snapshot(compiler)
        start = ("--snapshot-blob", str(snapshot)) if snapshot else (str(prepared / _COMPILE),)
        argv = (_node(compiler), *start, compiler.source, BINARY)
        return Commands([Step(argv)], _ENVIRONMENT | _places(compiler, prepared))


def _node(compiler: Compiler) -> str:
    path = runner_path(compiler)
    if path is None:
        raise FileNotFoundError("node has gone since the run began")
    return os.path.realpath(path)


@functools.cache
def _kept(name: str) -> str | None:
    """A file of ours where the sandbox shows it."""
    content = (_HERE / name).read_bytes()
    folder = headers_folder() / f"node-{hashlib.sha256(content).hexdigest()[:16]}"
    made = made_once(folder, lambda partial: _copy(name, partial))
    return str(made / name) if made else None


def _copy(name: str, folder: Path) -> None:
    shutil.copyfile(_HERE / name, folder / name)


@functools.cache
def _prepared(compiler: Compiler) -> Path | None:
    """The folder with our files around TypeScript's compiler; None where it cannot be made."""

    def make(partial: Path) -> None:
        for name in (_COMPILE, _TYPES):
            _copy(name, partial)

    return made_once(headers_folder() / f"typescript-{_digest(compiler)}", make)


def _digest(compiler: Compiler) -> str:
    ours = [(_HERE / name).read_text() for name in (_COMPILE, _TYPES)]
    return digest_of(compiler_path(compiler), runner_path(compiler), compiler_version(compiler), *ours)


def _places(compiler: Compiler, prepared: Path) -> dict[str, str]:
    library = Path(os.path.realpath(path_of(compiler))).parent.parent / "lib"
    return {"TYPESCRIPT_FOLDER": str(library), "TYPESCRIPT_NODE_TYPES": str(prepared / _TYPES)}


@functools.cache
def _snapshot(compiler: Compiler) -> Path | None:
    """Node's heap with the compiler and its library; None where this Node cannot make one."""
    prepared, name = _prepared(compiler), "compile.blob"
    if prepared is None:
        return None

    def make(partial: Path) -> None:
        command = [_node(compiler), "--snapshot-blob", name, "--build-snapshot", str(prepared / _COMPILE)]
        environment = {"PATH": "/usr/bin:/bin", **_ENVIRONMENT, **_places(compiler, prepared)}
        subprocess.run(command, cwd=partial, env=environment, check=True, capture_output=True, timeout=BUILD_LIMIT_S)

    made = made_once(headers_folder() / f"{prepared.name}-heap", make)
    return made / name if made else None
