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
from pathlib import Path

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import COMPILERS, Compiler, compiler_for

_ANSWER_LIMIT_S = 60
"""Seconds that a compiler may take to say its version or its folder."""


@functools.cache
def compiler_path(compiler: Compiler) -> str | None:
    """Absolute path of the compiler itself (behind rustup's proxy, for rustc); None where it is missing."""
    path = shutil.which(compiler.command)
    if path is None or not compiler.is_behind_proxy:
        return path
    asked = subprocess.run(
        [path, "--print", "sysroot"], capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, check=False
    )
    return f"{asked.stdout.strip()}/bin/{compiler.command}" if asked.returncode == 0 else None


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
    """Arguments for the first of the compiler's linkers that is installed."""
    return next((arguments for program, arguments in compiler.linkers if not program or shutil.which(program)), ())


def toolchain_folders() -> tuple[str, ...]:
    """Folders outside /usr that compilers of this machine live in."""
    paths = [compiler_path(compiler) for compiler in COMPILERS.values()]
    homes = {str(Path(path).resolve().parent.parent) for path in paths if path}
    return tuple(sorted(home for home in homes if home != "/usr" and not home.startswith("/usr/")))


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
    """The compiler that these settings use, with the user's libraries where it takes some; None for Python.

    Raises VerifierError where the verifier does not take that language.
    """
    compiler = compiler_for(settings.type, language)
    if compiler is None or not compiler.takes_libraries:
        return compiler
    return dataclasses.replace(compiler, libraries=tuple(map(os.path.abspath, settings.classpath)))


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
