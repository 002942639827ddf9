"""Which compilers and linkers this machine has, where they lie, and which version they are."""

import dataclasses
import functools
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import COMPILERS, Compiler, compiler_for
from haloforge.verify.sandbox.levels import ENVIRONMENT

_ANSWER_LIMIT_S = 60
"""Seconds that a compiler may take to say its version or its folder."""
_CACHES = frozenset({"ccache", "colorgcc", "distcc", "icecc", "sccache"})
"""Programs that PATH may have in place of a compiler, and that call it. They would cache nothing in a sandbox."""
_STORES = ("/nix/store", "/gnu/store", "/home/linuxbrew/.linuxbrew")
"""Folders of a package manager in which programs are made of many packages, and nobody keeps files of their own."""
_PARTS = """
    lib/gcc lib/gcc-cross lib/clang lib/rustlib lib/time libexec/gcc include/c++ pkg src VERSION go.env
    *-linux-gnu* *-w64-mingw32 lib/*-linux-gnu* lib/*.so* lib/*.a lib/*.o lib64/*.so* lib64/*.a lib64/*.o
    bin/as bin/ld bin/ld.* bin/*-as bin/*-ld bin/*-ld.* bin/lld* lib/node_modules
    lib/ct.sym lib/jvm.cfg lib/modules lib/security lib/server lib/tzdb.dat lib/*.jar
    conf/*.properties conf/security release
"""
"""What a toolchain consists of, in the folder above its `bin`: of GCC, Clang, Rust, Go, Node and Java."""
_FORMER_NAMES = {"c++23": "c++2b"}
"""How compilers of before a standard's year name it; newer ones know both, Clang before 17 only this."""
_OF_GO = frozenset({"pkg", "src", "lib/time"})
"""Those of them that any other folder may have too."""


@functools.cache
def compiler_path(compiler: Compiler) -> str | None:
    """Absolute path of the compiler itself (behind ccache, or rustup's proxy); None where it is missing."""
    path = _found(compiler.command)
    if path is None or not compiler.is_behind_proxy:
        return path
    asked = subprocess.run(
        [path, "--print", "sysroot"], capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, check=False
    )
    return f"{asked.stdout.strip()}/bin/{compiler.command}" if asked.returncode == 0 else None


def _found(command: str) -> str | None:
    paths = [shutil.which(command, path=folder) for folder in os.get_exec_path()]
    there = [os.path.abspath(path) for path in paths if path]
    return next((path for path in there if os.path.basename(os.path.realpath(path)) not in _CACHES), (*there, None)[0])


@functools.cache
def runner_path(compiler: Compiler) -> str | None:
    """Absolute path of what runs the compiler's programs: beside the compiler, or on the PATH; None where missing."""
    path = compiler_path(compiler)
    beside = Path(os.path.realpath(path)).with_name(compiler.runner) if path else None
    return str(beside) if beside and beside.is_file() else shutil.which(compiler.runner)


def configuration_files(compiler: Compiler) -> tuple[str, ...]:
    """What the compiler's runtime reads outside of the folder that it lives in."""
    return tuple(sorted(path for pattern in compiler.configuration for path in glob.glob(pattern)))


def toolchain_files() -> tuple[str, ...]:
    """The same for all compilers."""
    return tuple(dict.fromkeys(path for compiler in COMPILERS.values() for path in configuration_files(compiler)))


@functools.cache
def linker_arguments(compiler: Compiler) -> tuple[str, ...]:
    """Arguments for the first of the compiler's linkers that is installed where the sandbox has it, too."""
    there = ENVIRONMENT["PATH"]
    usable = (arguments for name, arguments in compiler.linkers if not name or shutil.which(name, path=there))
    return next(usable, ())


def toolchain_folders() -> tuple[str, ...]:
    """Files and folders outside /usr that the compilers of this machine are made of. Never a whole home."""
    return tuple(sorted({part for path in _outside() for part in _parts(Path(os.path.realpath(path)))}))


def toolchain_links() -> tuple[str, ...]:
    """The links by which PATH leads to compilers, through whatever folders."""
    return tuple(sorted({link for path in _outside() for link in _links(path)}))


def _outside() -> list[str]:
    """Compilers, and what runs their programs, that are not found under /usr, or are links to what is not there."""
    paths = [compiler_path(compiler) for compiler in COMPILERS.values()]
    paths += [runner_path(compiler) for compiler in COMPILERS.values() if compiler.runner]
    return [path for path in paths if path and not all(map(_is_under_usr, (path, os.path.realpath(path))))]


def _is_under_usr(path: str) -> bool:
    return path.startswith("/usr/")


def _parts(program: Path) -> list[str]:
    """What a compiler needs besides the system's own folders: it and, of the folder above, only what is known."""
    store = next((store for store in _STORES if program.is_relative_to(store)), None)
    if store or _is_under_usr(str(program)):
        return [store] if store else []
    prefix, is_go = program.parent.parent, program.parent.with_name("VERSION").is_file()
    if prefix in (Path.home(), Path("/")) or program.parent.name != "bin":
        return [str(program)]
    found = [path for part in _PARTS.split() if is_go or part not in _OF_GO for path in prefix.glob(part)]
    return [str(program), *map(str, found)]


def _links(path: str) -> Iterator[str]:
    """Every link on the way from the root to a file, in their order."""
    done, rest = "/", path.strip("/").split("/")
    while rest:
        step = os.path.normpath(os.path.join(done, rest.pop(0)))
        if os.path.islink(step):
            yield step
            target = os.path.join(done, os.readlink(step))
            done, rest = "/", [*target.strip("/").split("/"), *rest]
        else:
            done = step


@functools.cache
def compiler_version(compiler: Compiler) -> str:
    """First line of what the compiler says of itself; empty where it is missing. Part of every cache key."""
    path = compiler_path(compiler)
    if path is None:
        return ""
    programs = dict.fromkeys((path, runner_path(compiler) if compiler.runner else path))
    return " on ".join(_first_line_of(program, compiler.version_argument) for program in programs if program)


def _first_line_of(program: str, argument: str) -> str:
    asked = subprocess.run([program, argument], capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, check=False)
    return (asked.stdout or asked.stderr).strip().partition("\n")[0]


def compiler_of(settings: VerifySettings, language: str) -> Compiler | None:
    """The compiler that these settings use, with libraries or C++ standard where these apply; None for Python.

    Raises VerifierError where the verifier does not take that language.
    """
    compiler = compiler_for(settings.type, language)
    if compiler is None:
        return None
    if compiler.takes_libraries:
        return dataclasses.replace(compiler, libraries=tuple(map(os.path.abspath, settings.classpath)))
    if compiler.language == "cpp":
        standard = _FORMER_NAMES.get(settings.cpp_standard, settings.cpp_standard)
        build = (f"-std={standard}" if word.startswith("-std=") else word for word in compiler.build)
        return dataclasses.replace(compiler, build=tuple(build))
    return compiler


def toolchain(settings: VerifySettings, language: str) -> str:
    """What exactly a language is run by: a version of its interpreter or compiler, its arguments, its libraries."""
    if settings.type == "custom":
        return settings.type
    compiler = compiler_of(settings, language)
    if compiler is None:
        return sys.version
    return " ".join((compiler_version(compiler), *compiler.build, *map(library_digest, compiler.libraries)))


@functools.cache
def library_digest(path: str) -> str:
    """Of a library's content. Raises VerifierError for what is no jar."""
    if not zipfile.is_zipfile(path):
        raise VerifierError(f"verifier.classpath: {path} is no jar that can be read; give the paths of jar files")
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
