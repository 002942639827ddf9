"""Which compilers and linkers this machine has, where they lie, and which version they are."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    bin/as bin/ld bin/ld.* bin/*-as bin/*-ld bin/*-ld.* bin/lld* bin/node lib/node_modules
    lib/ct.sym lib/jvm.cfg lib/modules lib/security lib/server lib/tzdb.dat conf/*.properties conf/security release
"""
"""What a toolchain consists of, in the folder above its `bin`: of GCC, Clang, Rust, Go, Node and Java."""
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
    """Compilers that are not found under /usr, or are links to what is not there."""
    paths = [compiler_path(compiler) for compiler in COMPILERS.values()]
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
    asked = subprocess.run(
        [path, compiler.version_argument], capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, check=False
    )
    return (asked.stdout or asked.stderr).strip().partition("\n")[0]


def toolchain(verifier: str, language: str) -> str:
    """What exactly a verifier runs a language by: an interpreter's or compiler's version and its arguments."""
    if verifier == "custom":
        return verifier
    compiler = compiler_for(verifier, language)
    return f"{compiler_version(compiler)} {' '.join(compiler.build)}" if compiler else sys.version
