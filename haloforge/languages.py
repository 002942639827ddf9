"""The languages: one table. How each is stored, compiled, only checked, and run; which compilers this machine has."""

import functools
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from haloforge.errors import VerifierError


@dataclass(frozen=True)
class Language:
    """A compiled language by one compiler. `{source}` and `{binary}` in an argument list stand for the two files."""

    name: str
    family: str
    """The language of problems it takes: c, cpp, rust, go."""
    compiler: str
    package: str
    """What to install (Debian's name) where the compiler is missing."""
    source: str
    """Name of the source file."""
    build: tuple[str, ...]
    """Arguments that make the binary; for Go, which takes several commands, their names."""
    check: tuple[str, ...] = ()
    """Arguments that compile without producing anything; empty where that is no faster."""
    harness: tuple[str, ...] = ()
    """Arguments that build the language's own test harness, for tests written for it."""
    can_run: bool = True
    reserved_mb: int = 0
    """Address space that every program's runtime takes beforehand, without using it; allowed on top of its memory."""


_WARNINGS = ("-Wall", "-Wextra")
_GCC = (*_WARNINGS, "-fmax-errors=5", "-fdiagnostics-color=never")
_CLANG = (*_WARNINGS, "-ferror-limit=5", "-fno-color-diagnostics")
_CPP = ("-std=c++17", "-ftemplate-depth=900")
_GCC_CPP = (*_CPP, *_GCC, "-fconstexpr-ops-limit=4194304")
_CLANG_CPP = (*_CPP, *_CLANG, "-fconstexpr-steps=4194304")


def _c_family(
    name: str, family: str, compiler: str, package: str, flags: tuple[str, ...], can_run: bool = True
) -> Language:
    source = f"solution.{family}"
    build = (*flags, "-O2", source, "-o", "solution", *(("-lm",) if family == "c" else ()))
    return Language(
        name, family, compiler, package, source, build, check=(*flags, "-O2", "-fsyntax-only", source), can_run=can_run
    )


_RUST = ("--edition=2021", "-O", "--color=never", "-o", "solution")
LANGUAGES: dict[str, Language] = {
    language.name: language
    for language in (
        _c_family("gcc", "cpp", "g++", "g++", _GCC_CPP),
        _c_family("clang", "cpp", "clang++", "clang", _CLANG_CPP),
        _c_family("gcc-c", "c", "gcc", "gcc", ("-std=gnu17", *_GCC)),
        _c_family("clang-c", "c", "clang", "clang", ("-std=gnu17", *_CLANG)),
        _c_family("mingw", "cpp", "x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64-posix", _GCC_CPP, can_run=False),
        Language(
            "rust",
            "rust",
            "rustc",
            "rustc",
            "solution.rs",
            build=(*_RUST, "solution.rs"),
            check=("--edition=2021", "--color=never", "--emit=metadata", "-o", "solution.rmeta", "solution.rs"),
            harness=(*_RUST, "--test", "solution.rs"),
        ),
        Language("go", "go", "go", "golang-go", "solution.go", build=("compile", "vet", "link"), reserved_mb=768),
    )
}

FAST_LINKERS = {"mold": ("-fuse-ld=mold",), "ld.lld": ("-fuse-ld=lld",)}

SECOND_COMPILERS = {"gcc": {"c": "gcc-c"}, "clang": {"c": "clang-c"}}
"""Names that stand for a C compiler too."""

VERIFIERS: dict[str, str] = {
    "auto": "by each problem's language: python, gcc for C and C++, rust, go",
    "python": "Python: asserts, check functions, pytest, stdin and stdout",
    "gcc": "C++ and C by g++ and gcc",
    "clang": "C++ and C by clang++ and clang",
    "mingw": "C++ for Windows: compiles, does not run",
    "rust": "Rust by rustc",
    "go": "Go by the go tool",
    "custom": "a command of your own: its exit code, or a JSON line it prints, is the verdict",
}
"""Every verifier by name, with one line for people."""

_AUTO = {"cpp": "gcc", "c++": "gcc", "c": "gcc", "rust": "rust", "go": "go"}
_FAMILIES = {"c++": "cpp", "py": "python", "python3": "python", "rs": "rust", "golang": "go"}


def family_of(language: str) -> str:
    """One name per language: cpp for c++, python for py."""
    lowered = language.lower()
    return _FAMILIES.get(lowered, lowered)


def language_for(name: str, language: str) -> Language | None:
    """The compiler that verifier `name` uses for problems in `language`; None for Python.

    Raises VerifierError where the verifier does not take that language.
    """
    family = family_of(language)
    chosen = ("python" if family == "python" else _AUTO.get(family, "")) if name == "auto" else name
    if chosen == "python" and family == "python":
        return None
    chosen = SECOND_COMPILERS.get(chosen, {}).get(family, chosen)
    found = LANGUAGES.get(chosen)
    if found is None or found.family != family:
        takes = f"verifier {name!r} does not take {language!r} programs"
        raise VerifierError(f"{takes}; use auto, or one of {', '.join(n for n in VERIFIERS if n != 'auto')}")
    return found


@functools.cache
def compiler_path(language: Language) -> str | None:
    """Absolute path of the compiler itself (behind rustup's proxy, for rustc); None where it is missing."""
    path = shutil.which(language.compiler)
    if path is None or language.family != "rust":
        return path
    asked = subprocess.run([path, "--print", "sysroot"], capture_output=True, text=True, timeout=60, check=False)
    return f"{asked.stdout.strip()}/bin/rustc" if asked.returncode == 0 else None


@functools.cache
def linker_arguments(language: Language) -> tuple[str, ...]:
    """A faster linker than the usual one, where it is installed."""
    if language.family == "rust":  # its own linker wants /proc, which the sandbox does not have
        return (f"-Clink-arg=-fuse-ld={'mold' if shutil.which('mold') else 'bfd'}",)
    if language.family == "go" or not language.can_run:
        return ()
    return next((argument for name, argument in FAST_LINKERS.items() if shutil.which(name)), ())


def toolchain_folders() -> tuple[str, ...]:
    """Folders outside /usr that compilers of this machine live in."""
    paths = [compiler_path(language) for language in LANGUAGES.values()]
    homes = {str(Path(path).resolve().parent.parent) for path in paths if path}
    return tuple(sorted(home for home in homes if home != "/usr" and not home.startswith("/usr/")))


@functools.cache
def compiler_version(language: Language) -> str:
    """First line of what the compiler says of itself; empty where it is missing. Part of every cache key."""
    path = compiler_path(language)
    if path is None:
        return ""
    argument = "version" if language.family == "go" else "--version"
    asked = subprocess.run([path, argument], capture_output=True, text=True, timeout=60, check=False)
    return (asked.stdout or asked.stderr).strip().partition("\n")[0]


def toolchain(name: str, language: str) -> str:
    """What exactly verifier `name` runs a language by: an interpreter's or compiler's version and its arguments."""
    if name == "custom":
        return name
    chosen = language_for(name, language)
    if chosen is None:
        return sys.version
    return f"{compiler_version(chosen)} {' '.join(chosen.build)}"


def compilers_available() -> dict[str, str]:
    """For each compiler its version, or what to install."""
    return {
        name: compiler_version(language) or f"not found; apt-get install {language.package}"
        for name, language in LANGUAGES.items()
    }
