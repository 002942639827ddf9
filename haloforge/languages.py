"""One record per language, and one per compiler: a new language is written here. Facts only, standard library only.

What this machine has of it is asked in `haloforge.verify.toolchains`; what a language does by code of its own (Go's
import lists, Rust's crates) is an adapter in `haloforge.verify.compiled`, named by its compiler's record.
"""

from dataclasses import dataclass
from typing import Any, Literal

from haloforge.errors import VerifierError

PROBE_REPORT = "contained"
"""What a probe program prints last; before that it names everything that it could do and should not."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language of problems: how it is named, written in answers and prompts, tested, and shown."""

    name: str
    display_name: str
    aliases: tuple[str, ...] = ()
    """Other names that a problem may call it by."""
    suffix: str = ".txt"
    fences: tuple[str, ...] = ()
    """Tags of code blocks in answers that hold it, besides its name and aliases."""
    syntax: Literal["python", "braces", "unknown"] = "unknown"
    """How answers are cut and programs compared: by the syntax tree, by tokens and braces, or as plain text."""
    line_comment: str = "//"
    block_comment: tuple[str, str] = ("/*", "*/")
    nests_comments: bool = False
    """Whether a block comment inside another has its own end."""
    line_ends_statement: bool = False
    """Whether a statement ends with its line, without a semicolon."""
    first_line: str = ""
    """Regular expression of how code begins, in an answer without code blocks; empty: such answers hold no code."""
    function_keyword: str = ""
    """Regular expression of what stands before the name of a function that is defined; empty: a type, as in C."""
    imports: Literal["repeatable", "once", "joined"] = "repeatable"
    """Whether the lines that import something may stand twice, may not, or are put together by the adapter."""
    highlighter: str = ""
    """Its name in Pygments; empty: its own."""
    editor: str | None = None
    """The name by which gr.Code highlights it, or one that looks alike; None: plain text."""
    verifier: str = ""
    """What the verifier `auto` takes for it; empty: it cannot be verified."""
    print_statement: str = ""
    """Prints {text} and a line break; it is put at the end of tests that are appended to a solution."""
    print_declaration: str = ""
    """What must stand before `main` for that, where it is no part of the language."""
    smallest_program: str = ""
    """A program that compiles."""
    probe: str = ""
    """A program that tries what the sandbox must not allow, says what it could do, and prints `PROBE_REPORT`."""
    file_reading_line: str = ""
    """A line that makes the compiler read the file {path}; empty where none can."""

    @property
    def fence_names(self) -> frozenset[str]:
        """Every tag of a code block that holds this language."""
        return frozenset({self.name, *self.aliases, *self.fences})


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
    adapter: Literal["single_file", "rust", "go"] = "single_file"
    can_run: bool = True
    reserved_mb: int = 0
    """Address space that every program's runtime takes beforehand, without using it; allowed on top of its memory."""
    version_argument: str = "--version"
    is_behind_proxy: bool = False
    """The command may be rustup's proxy; the compiler itself is bin/COMMAND in the folder of `--print sysroot`."""
    precompiled_header: Literal["", "gch", "pch"] = ""
    """How bits/stdc++.h is precompiled: as GCC does, as Clang does, or not at all."""
    note: str = ""
    """What the verifier does, in one line, where its languages and commands do not say it all."""


_C_FIRST_LINE = (
    r"\s*(#\s*(include|define|pragma|if)|using\s|namespace\s|template\s*<|typedef\s|struct\s|class\s|enum\s"
    r"|(static|inline|const|constexpr|extern|unsigned|signed|long|short|int|void|bool|char|double|float|auto"
    r"|std::\w+|vector\s*<|string|size_t|u?int\d+_t)\b[^.!?]*[({;=])"
)
_C_PROBE = """
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void attempt(const char *what, int succeeded) {
    if (succeeded) printf("could %s\\n", what);
}

int main(void) {
    attempt("read /etc/passwd", open("/etc/passwd", O_RDONLY) >= 0);
    attempt("write to /tmp", open("/tmp/halo-forge-canary", O_WRONLY | O_CREAT, 0600) >= 0);
    attempt("open a socket", socket(AF_INET, SOCK_STREAM, 0) >= 0);
    attempt("signal everyone", kill(-1, 0) == 0);
    int child = fork();
    if (child == 0) _exit(0);
    attempt("start a process", child > 0);
    fflush(stdout);
    execl("/bin/true", "true", (char *)0);
    puts("contained");
    return 0;
}
"""
_RUST_PROBE = """
use std::{fs::File, net::TcpListener, process::Command};

fn attempt(what: &str, succeeded: bool) {
    if succeeded {
        println!("could {what}");
    }
}

fn main() {
    attempt("read /etc/passwd", File::open("/etc/passwd").is_ok());
    attempt("write to /tmp", File::create("/tmp/halo-forge-canary").is_ok());
    attempt("open a socket", TcpListener::bind("127.0.0.1:0").is_ok());
    attempt("start a process", Command::new("/bin/true").spawn().is_ok());
    println!("contained");
}
"""
_GO_PROBE = """
package main

import (
	"fmt"
	"os"
	"syscall"
)

func attempt(what string, err error) {
	if err == nil {
		fmt.Println("could", what)
	}
}

func main() {
	_, err := os.Open("/etc/passwd")
	attempt("read /etc/passwd", err)
	_, err = os.Create("/tmp/halo-forge-canary")
	attempt("write to /tmp", err)
	_, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	attempt("open a socket", err)
	_, err = syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{})
	attempt("start a process", err)
	fmt.Println("contained")
}
"""

LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        Language(
            name="python",
            display_name="Python",
            aliases=("py", "python3"),
            suffix=".py",
            fences=("py3",),
            syntax="python",
            line_comment="#",
            block_comment=("", ""),
            first_line=(
                r"(def|class|async def|import|from|for|while|if|try|with)\b|@\w|[A-Za-z_][\w.\[\],\s]*=[^=]|print\("
            ),
            editor="python",
            verifier="python",
        ),
        Language(
            name="c",
            display_name="C",
            suffix=".c",
            fences=("h",),
            syntax="braces",
            first_line=_C_FIRST_LINE,
            editor="c",
            verifier="gcc",
            print_statement='puts("{text}");',
            print_declaration="int puts(const char *);",
            smallest_program="int main(void) { return 0; }",
            probe=_C_PROBE,
            file_reading_line='#include "{path}"\n',
        ),
        Language(
            name="cpp",
            display_name="C++",
            aliases=("c++",),
            suffix=".cpp",
            fences=("cc", "cxx", "hpp", "c"),
            syntax="braces",
            first_line=_C_FIRST_LINE,
            editor="cpp",
            verifier="gcc",
            print_statement='puts("{text}");',
            print_declaration='extern "C" int puts(const char *);',
            smallest_program="int main() {}",
            probe=_C_PROBE,
            file_reading_line='#include "{path}"\n',
        ),
        Language(
            name="rust",
            display_name="Rust",
            aliases=("rs",),
            suffix=".rs",
            syntax="braces",
            first_line=r"\s*(use|fn|pub|mod|struct|enum|impl|trait|const|static|#!?\[)\b",
            nests_comments=True,
            function_keyword=r"(?:pub\s+)?fn\s+",
            imports="once",
            editor="cpp",
            verifier="rust",
            print_statement='println!("{text}");',
            smallest_program="fn main() {}",
            probe=_RUST_PROBE,
            file_reading_line='const SECRET: &str = include_str!("{path}");\n',
        ),
        Language(
            name="go",
            display_name="Go",
            aliases=("golang",),
            suffix=".go",
            syntax="braces",
            line_ends_statement=True,
            first_line=r"\s*(package|import|func|type|var|const)\b",
            function_keyword=r"func\s+",
            imports="joined",
            editor="c",
            verifier="go",
            smallest_program="package main\nfunc main() {}\n",
            probe=_GO_PROBE,
        ),
        Language(name="java", display_name="Java", editor="cpp"),
        Language(name="javascript", display_name="JavaScript"),
        Language(name="typescript", display_name="TypeScript"),
    )
}

FAST_LINKERS = (("mold", ("-fuse-ld=mold",)), ("ld.lld", ("-fuse-ld=lld",)))
_WARNINGS = ("-Wall", "-Wextra")
_GCC = (*_WARNINGS, "-fmax-errors=5", "-fdiagnostics-color=never")
_CLANG = (*_WARNINGS, "-ferror-limit=5", "-fno-color-diagnostics")
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
    )
}


def language_of(name: str) -> Language:
    """The record of a language by its name or an alias, in any case; an unknown language has one without facts."""
    lowered = name.lower()
    by_alias = (language for language in LANGUAGES.values() if lowered in language.aliases)
    known = LANGUAGES.get(lowered) or next(by_alias, None)
    return known or Language(name=lowered, display_name=name)


def verifiers() -> dict[str, str]:
    """Every verifier by name, with one line for people."""
    lines = {
        "auto": "by each problem's language",
        "python": "Python: asserts, check functions, pytest, stdin and stdout",
    }
    for compiler in COMPILERS.values():
        siblings = [other for other in COMPILERS.values() if other.verifier == compiler.verifier]
        languages = " and ".join(LANGUAGES[sibling.language].display_name for sibling in siblings)
        commands = " and ".join(sibling.command for sibling in siblings)
        lines.setdefault(compiler.verifier, compiler.note or f"{languages} by {commands}")
    return lines | {"custom": "a command of your own: its exit code, or a JSON line it prints, is the verdict"}


def compiler_for(verifier: str, language: str) -> Compiler | None:
    """The compiler that a verifier uses for programs in a language; None for Python, which needs none.

    Raises VerifierError where the verifier does not take that language.
    """
    known = language_of(language)
    chosen = known.verifier if verifier == "auto" else verifier
    if chosen == "python" and known.name == "python":
        return None
    for compiler in COMPILERS.values():
        if compiler.verifier == chosen and compiler.language == known.name:
            return compiler
    others = ", ".join(name for name in verifiers() if name != "auto")
    raise VerifierError(f"verifier {verifier!r} does not take {language!r} programs; use auto, or one of {others}")


def default_language(verifier: str) -> str:
    """The language of problems that name none: what the verifier's compiler compiles, else Python."""
    compilers = (compiler for compiler in COMPILERS.values() if compiler.verifier == verifier)
    return next((compiler.language for compiler in compilers), "python")
