"""What is special about Java: its compiler is started from an archive, and what it leaves is a jar that java starts.

Loading javac costs twice what it then does for a small program. So a program of ours calls it (Compile.java), and the
classes of both lie in an archive that the virtual machine maps into memory (class-data sharing). That is made once,
before any sample, and never written again; each compilation is a process of its own.
"""

import functools
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from haloforge.languages import Compiler
from haloforge.records import Problem
from haloforge.verify.compiled.adapter import BINARY, AppendedTests, Commands, Program, Sources, Step, last_line_for
from haloforge.verify.compiled.single_file import path_of
from haloforge.verify.sandbox.kept import BUILD_LIMIT_S, digest_of, headers_folder, made_once, unwritable
from haloforge.verify.toolchains import compiler_path, compiler_version, configuration_files, library_digest

LAST_LINE = "last_line.txt"
_OWN = tuple(Path(__file__).with_name(name) for name in ("Compile.java", "RunTests.java"))
_MACHINE = ("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:-CreateCoredumpOnCrash", "-XX:ErrorFile=/dev/null")
_COMPILING = (*_MACHINE, "-XX:TieredStopAtLevel=1", "-Xmx1024m", "-Xshare:auto", "-Xlog:disable")
_RUNNING = (
    *_MACHINE,
    "-Djava.io.tmpdir=.",
    "-DONLINE_JUDGE=true",
    "-XX:ReservedCodeCacheSize=64m",
    "-XX:CompressedClassSpaceSize=64m",
    "-Xlog:disable",
)
_BUILT_IN = ("java.", "javax.", "jdk.", "org.w3c.dom.", "org.xml.sax.")
_PACKAGE = re.compile(r"\s*package\s+[\w.]+\s*;")
_IMPORT = re.compile(r"^[ \t]*import\s+(?:static\s+)?([\w.]+(?:\.\*)?)\s*;[ \t]*", re.MULTILINE)
_REHEARSAL = """
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

public class Main {
    interface Shape { double area(); }
    enum Colour { RED, GREEN }
    static class Pair<A extends Comparable<A>, B> implements Comparable<Pair<A, B>> {
        final A first; final B second;
        Pair(A first, B second) { this.first = first; this.second = second; }
        @Override public int compareTo(Pair<A, B> other) { return first.compareTo(other.first); }
    }
    static long sum(List<Integer> numbers) { long all = 0; for (int n : numbers) { all += n; } return all; }
    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in);
        Map<String, List<Integer>> seen = new TreeMap<>();
        int[] counts = new int[10];
        while (in.hasNext()) { seen.computeIfAbsent(in.next(), key -> new ArrayList<>()).add(counts[0]++); }
        Shape shape = () -> 2.5;
        String text = seen.values().stream().map(Main::sum).sorted(Comparator.reverseOrder())
            .map(String::valueOf).collect(Collectors.joining(", "));
        switch (Colour.RED) { case RED: text += shape.area(); break; default: throw new IllegalStateException(); }
        StringBuilder built = new StringBuilder(text).append(new Pair<>("a", 1).first).reverse();
        System.out.printf("%s %d%n", built, IntStream.range(0, 3).filter(i -> i % 2 == 0).sum());
        List unchecked = new ArrayList(seen.values());
        unchecked.add(built);
    }
}
"""
"""A program that uses much of the language, and has a warning: so the archive holds what reports those, and errors."""


class Java:
    """See Adapter."""

    def appended(self, compiler: Compiler, tests: str) -> AppendedTests:
        """The tests' own `main` is called by a class of ours, which then prints the last line."""
        return AppendedTests(tests, last_line_for(tests))

    def sources(self, compiler: Compiler, problem: Problem, code: str, tests: AppendedTests | None) -> Sources:
        """One file, in which the imports of the tests stand before the solution, on its first line."""
        last_line = code.count("\n") + 1
        if tests is None:
            return Sources({compiler.source: code}, last_line)
        imports = "".join(f"import {found[0].strip()[6:].strip()} " for found in _IMPORT.finditer(tests.code))
        package = _PACKAGE.match(code)
        start = package.end() if package else 0
        program = f"{code[:start]}{imports}{code[start:]}\n{_IMPORT.sub('', tests.code)}"
        return Sources({compiler.source: program, LAST_LINE: tests.last_line}, last_line)

    def main_for_function(self, compiler: Compiler) -> str:
        """None: a class is checked as it is."""
        return ""

    def commands(self, compiler: Compiler, folder: str, *, harness: bool, only_check: bool) -> Commands:
        """One command. The virtual machine is told where its libraries lie: without /proc it cannot find out."""
        ours = own_compiler(compiler)
        if ours is None:
            raise unwritable()
        told = Path(folder, LAST_LINE)
        starts = "none" if only_check else told.read_text() if told.exists() else "main"
        classpath = os.pathsep.join(libraries(compiler))
        argv = (*_starter(compiler, ours), compiler.source, BINARY, starts, classpath)
        return Commands([Step(argv)], _environment(compiler))

    def missing_imports(self, compiler: Compiler, problem: Problem) -> set[str]:
        """What the tests or the code that comes with the problem import, and no library of the user's has."""
        sources = (problem.starter_code, *problem.tests.code)
        imported = {found[1] for source in sources for found in _IMPORT.finditer(source)}
        missing = {name for name in imported if not name.startswith(_BUILT_IN)}
        return {name for name in missing if not _package(name) & _packages(compiler)}

    def program(self, compiler: Compiler, folder: str, memory_mb: int) -> Program:
        """java with the jar; asserts count where there are tests."""
        home = _home(compiler)
        asserts = ("-ea",) if Path(folder, LAST_LINE).exists() else ()
        argv = (f"{home}/bin/java", *_RUNNING, f"-Xmx{memory_mb}m", *asserts, "-jar", f"{folder}/{BINARY}")
        readable = (*configuration_files(compiler), *libraries(compiler))
        machine = tuple(f"{home}/{part}" for part in ("bin/java", "lib", "conf", "release"))
        return Program(argv, _environment(compiler), executable=machine, readable=readable)


def _home(compiler: Compiler) -> Path:
    return Path(os.path.realpath(path_of(compiler))).parent.parent


def _environment(compiler: Compiler) -> dict[str, str]:
    """glibc otherwise reserves address space for every thread, of which a virtual machine has a dozen."""
    return {"LD_LIBRARY_PATH": str(_home(compiler) / "lib"), "MALLOC_ARENA_MAX": "2"}


def _starter(compiler: Compiler, ours: Path) -> tuple[str, ...]:
    """The command that starts our compiler, from the archive where that could be made."""
    archive = _archive(compiler)
    shared = (f"-XX:SharedArchiveFile={archive}",) if archive else ()
    return (f"{_home(compiler)}/bin/java", *_COMPILING, *shared, "-cp", str(ours), "Compile")


@functools.cache
def own_compiler(compiler: Compiler) -> Path | None:
    """The jar of our program around javac, made now if need be; None where it cannot be made."""
    if compiler_path(compiler) is None:
        return None
    folder = made_once(headers_folder() / f"java-{_digest(compiler)}", lambda partial: _build(compiler, partial))
    return folder / "compile.jar" if folder else None


def _digest(compiler: Compiler) -> str:
    return digest_of(compiler_path(compiler), compiler_version(compiler), *(path.read_text() for path in _OWN))


def _build(compiler: Compiler, partial: Path) -> None:
    with tempfile.TemporaryDirectory() as classes:
        _call([path_of(compiler), "-d", classes, *map(str, _OWN)], classes)
        with zipfile.ZipFile(partial / "compile.jar", "w") as jar:
            for path in sorted(Path(classes).iterdir()):
                jar.write(path, path.name)


@functools.cache
def _archive(compiler: Compiler) -> Path | None:
    """The classes of javac as the virtual machine maps them; None where it cannot make such an archive."""
    name = "compile.jsa"
    folder = headers_folder() / f"java-{_digest(compiler)}-classes"
    made = made_once(folder, lambda partial: _dump(compiler, partial / name))
    return made / name if made else None


def _dump(compiler: Compiler, archive: Path) -> None:
    """It is written when a first program has been compiled."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "Main.java").write_text(_REHEARSAL, encoding="utf-8")
        java = f"{_home(compiler)}/bin/java"
        command = [
            java,
            *_COMPILING,
            f"-XX:ArchiveClassesAtExit={archive}",
            "-cp",
            str(own_compiler(compiler)),
            "Compile",
        ]
        _call([*command, "Main.java", BINARY, "main", ""], folder)
    archive.stat()  # OSError where this machine makes none


def _call(command: list[str], folder: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=BUILD_LIMIT_S)


@functools.cache
def libraries(compiler: Compiler) -> tuple[str, ...]:
    """The user's jars (`verifier.classpath`), copied to where the sandbox shows them, under names of their content."""
    return tuple(_copied(Path(path)) for path in compiler.libraries)


def _copied(jar: Path) -> str:
    folder = headers_folder() / f"jar-{library_digest(str(jar))}"
    return str((made_once(folder, functools.partial(_copy, jar)) or folder) / jar.name)


def _copy(file: Path, folder: Path) -> None:
    shutil.copyfile(file, folder / file.name)


@functools.cache
def _packages(compiler: Compiler) -> frozenset[str]:
    return frozenset(package for path in compiler.libraries for package in _packages_in(path))


def _packages_in(jar: str) -> Iterator[str]:
    with zipfile.ZipFile(jar) as content:
        for name in content.namelist():
            yield name.rpartition("/")[0].replace("/", ".")


def _package(imported: str) -> set[str]:
    """The package of what is imported; of a name in a class, or a class in a class, that may be several levels up."""
    parts = imported.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}
