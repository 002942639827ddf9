"""One record per compiler: its command, its arguments, and what has to be installed for it."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """A compiler of one language. Argument lists name the files `solution` and its source as they lie in the folder."""

    name: str
    language: str
    command: str
    package: str
    """What to install (Debian's name) where the command is missing."""
    verifier: str
    """The verifier that stands for it; one verifier may stand for compilers of several languages."""
    source: str
    """Name of the source file."""
    build: tuple[str, ...]
    """Arguments that make the binary; for Go, which takes several commands, their names."""
    check: tuple[str, ...] = ()
    """Arguments that check a solution without a `main`, and produce no program; empty where one is given a `main`."""
    harness: tuple[str, ...] = ()
    """Arguments that build the language's own test harness, for tests written for it."""
    linkers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Programs and the arguments that make the compiler link by them; the first that is installed is used, "" is."""
    adapter: Literal["single_file", "rust", "go", "java", "javascript", "typescript"] = "single_file"
    can_run: bool = True
    runner: str = ""
    """The program that runs what the compiler leaves; empty where that runs by itself."""
    runs_source: bool = False
    """The source itself is run; compiling only checks it."""
    configuration: tuple[str, ...] = ()
    """Patterns of files, outside the folder that it lives in, that its runtime reads."""
    libraries: tuple[str, ...] = ()
    """Files of the user's that programs may import; set by `verifier.classpath`."""
    takes_libraries: bool = False
    reserved_mb: int = 0
    """Address space that every program's runtime takes beforehand, without using it; allowed on top of its memory."""
    version_argument: str = "--version"
    is_behind_proxy: bool = False
    """The command may be rustup's proxy; the compiler itself is bin/COMMAND in the folder of `--print sysroot`."""
    precompiled_header: Literal["", "gch", "pch"] = ""
    """How bits/stdc++.h is precompiled: as GCC does, as Clang does, or not at all."""
    note: str = ""
    """What the verifier does, in one line, where its languages and commands do not say it all."""


FAST_LINKERS = (("mold", ("-fuse-ld=mold",)), ("ld.lld", ("-fuse-ld=lld",)))
_ALL = ("-Wall", "-Wextra", "-DONLINE_JUDGE")
_GCC = (*_ALL, "-fmax-errors=5", "-fdiagnostics-color=never")
_CLANG = (*_ALL, "-ferror-limit=5", "-fno-color-diagnostics")
_C = ("-std=gnu17",)
_CPP = ("-std=c++17", "-ftemplate-depth=900")
_GCC_CPP = (*_CPP, *_GCC, "-fconstexpr-ops-limit=4194304")
_CLANG_CPP = (*_CPP, *_CLANG, "-fconstexpr-steps=4194304")
_RUST = ("--edition=2021", "-O", "--color=never", "-o", "solution")


def _c_family(name: str, language: str, flags: tuple[str, ...], **more: Any) -> Compiler:
    """A compiler of C or C++ that takes GCC's arguments."""
    source, libraries = f"solution.{language}", ("-lm",) if language == "c" else ()
    return Compiler(
        name=name,
        language=language,
        source=source,
        build=(*flags, "-O2", source, "-o", "solution", *libraries),
        **more,
    )


COMPILERS: dict[str, Compiler] = {
    compiler.name: compiler
    for compiler in (
        _c_family(
            "gcc",
            "cpp",
            _GCC_CPP,
            command="g++",
            package="g++",
            verifier="gcc",
            linkers=FAST_LINKERS,
            precompiled_header="gch",
        ),
        _c_family(
            "clang",
            "cpp",
            _CLANG_CPP,
            command="clang++",
            package="clang",
            verifier="clang",
            linkers=FAST_LINKERS,
            precompiled_header="pch",
        ),
        _c_family("gcc-c", "c", (*_C, *_GCC), command="gcc", package="gcc", verifier="gcc", linkers=FAST_LINKERS),
        _c_family(
            "clang-c", "c", (*_C, *_CLANG), command="clang", package="clang", verifier="clang", linkers=FAST_LINKERS
        ),
        _c_family(
            "mingw",
            "cpp",
            _GCC_CPP,
            command="x86_64-w64-mingw32-g++",
            package="g++-mingw-w64-x86-64-posix",
            verifier="mingw",
            can_run=False,
            precompiled_header="gch",
            note="C++ for Windows: compiles, does not run",
        ),
        Compiler(
            name="rust",
            language="rust",
            command="rustc",
            package="rustc",
            verifier="rust",
            source="solution.rs",
            build=(*_RUST, "solution.rs"),
            check=("--edition=2021", "--color=never", "--emit=metadata", "-o", "solution.rmeta", "solution.rs"),
            harness=(*_RUST, "--test", "solution.rs"),
            # Rust's own linker needs /proc, which the sandbox does not have.
            linkers=(("mold", ("-Clink-arg=-fuse-ld=mold",)), ("", ("-Clink-arg=-fuse-ld=bfd",))),
            adapter="rust",
            is_behind_proxy=True,
        ),
        Compiler(
            name="go",
            language="go",
            command="go",
            package="golang-go",
            verifier="go",
            source="solution.go",
            build=("compile", "vet", "link"),
            adapter="go",
            reserved_mb=768,
            version_argument="version",
            note="Go by the go tool",
        ),
        Compiler(
            name="node",
            language="javascript",
            command="node",
            package="nodejs",
            verifier="node",
            source="solution.js",
            build=("check",),
            adapter="javascript",
            runner="node",
            runs_source=True,
            reserved_mb=1280,
        ),
        Compiler(
            name="typescript",
            language="typescript",
            command="tsc",
            package="node-typescript",
            verifier="typescript",
            source="solution.ts",
            build=("target=es2022", "module=commonjs"),
            adapter="typescript",
            runner="node",
            reserved_mb=1280,
            note="TypeScript: every type checked by its own compiler, then run by node",
        ),
        Compiler(
            name="java",
            language="java",
            command="javac",
            package="default-jdk-headless",
            verifier="java",
            source="solution.java",
            build=("javac", "-Xlint:all"),
            adapter="java",
            runner="java",
            reserved_mb=1024,
            configuration=("/etc/java-*",),
            takes_libraries=True,
            note="Java by javac and java",
        ),
    )
}
