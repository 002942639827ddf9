"""The C++ standard library as a precompiled header, made once per compiler: reading it is most of compiling."""

import functools
import re
import subprocess
from pathlib import Path

from haloforge.files import write_text
from haloforge.languages import Compiler
from haloforge.verify.sandbox.kept import BUILD_LIMIT_S, digest_of, headers_folder, made_once
from haloforge.verify.toolchains import compiler_path, compiler_version

HEADER = "bits/stdc++.h"
_BEFORE = re.compile(r"(?:\s|//[^\n]*\n|/\*(?>.*?\*/)|#\s*include\s*<(?!bits/stdc\+\+\.h>)[\w./+]+>)*+", re.DOTALL)
"""What may stand before the library: white space, comments, other headers. It gives nothing back, so it is linear."""
_LIBRARY = re.compile(r"#\s*include\s*<bits/stdc\+\+\.h>")


def arguments_for(compiler: Compiler, code: str) -> tuple[str, ...]:
    """Arguments that let this program use the precompiled header; none where it would change what the program means.

    That is so when it defines macros or sets pragmas before it includes the library, or does not include all of it.
    """
    if not compiler.precompiled_header or not _begins_with_library(code):
        return ()
    folder = precompiled(compiler)
    if folder is None:
        return ()
    if compiler.precompiled_header == "pch":
        return ("-include-pch", f"{folder}/stdc++.pch")
    return (f"-I{folder}", "-include", HEADER)


def _begins_with_library(code: str) -> bool:
    before = _BEFORE.match(code)
    return before is not None and _LIBRARY.match(code, before.end()) is not None


@functools.cache
def precompiled(compiler: Compiler) -> Path | None:
    """The folder for this compiler and these arguments, made now if need be; None where it cannot be made."""
    path, flags = compiler_path(compiler), tuple(f for f in compiler.build if f.startswith("-") and f != "-o")
    if path is None:
        return None
    folder = headers_folder() / f"{compiler.name}-{digest_of(path, compiler_version(compiler), flags)}"
    is_clang = compiler.precompiled_header == "pch"
    return made_once(folder, lambda partial: _build(path, flags, is_clang, partial))


def _build(compiler: str, flags: tuple[str, ...], is_clang: bool, folder: Path) -> None:
    if is_clang:  # which remembers where the header lay, so that must not be the folder that is about to be renamed
        source, output = headers_folder() / "all.h", folder / "stdc++.pch"
        more: tuple[str, ...] = ("-Xclang", "-fno-pch-timestamp", "-fpch-instantiate-templates")
        write_text(source, f"#include <{HEADER}>\n")
    else:
        source, output = folder / HEADER, folder / f"{HEADER}.gch"
        more = ()
        source.parent.mkdir()
        source.write_text(f"#include_next <{HEADER}>\n")
    command = [compiler, *flags, *more, "-x", "c++-header", str(source), "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True, timeout=BUILD_LIMIT_S)
