"""The C++ standard library as a precompiled header, made once per compiler: reading it is most of compiling."""

import functools
import hashlib
import re
import subprocess
from pathlib import Path

from haloforge.files import write_text
from haloforge.languages import Language, compiler_path, compiler_version
from haloforge.verify.sandbox.kept import kept_folder, made_once

HEADER = "bits/stdc++.h"
_PLAIN_START = re.compile(
    r"(?:\s|//[^\n]*\n|/\*.*?\*/|#\s*include\s*<[\w./+]+>)*?#\s*include\s*<bits/stdc\+\+\.h>", re.DOTALL
)
_BUILD_LIMIT_S = 120


def headers_folder() -> Path:
    """Where they are kept; readable in the sandbox of compilers."""
    return kept_folder("headers")


def arguments_for(language: Language, code: str) -> tuple[str, ...]:
    """Arguments that let this program use the precompiled header; none where it would change what the program means.

    That is so when it defines macros or sets pragmas before it includes the library, or does not include all of it.
    """
    if language.family != "cpp" or not _PLAIN_START.match(code):
        return ()
    folder = precompiled(language)
    if folder is None:
        return ()
    if "clang" in language.compiler:
        return ("-include-pch", f"{folder}/stdc++.pch")
    return (f"-I{folder}", "-include", HEADER)


@functools.cache
def precompiled(language: Language) -> Path | None:
    """The folder for this compiler and these arguments, made now if need be; None where it cannot be made."""
    compiler, flags = compiler_path(language), tuple(f for f in language.build if f.startswith("-") and f != "-o")
    if compiler is None:
        return None
    digest = hashlib.sha256(repr((compiler, compiler_version(language), flags)).encode()).hexdigest()
    is_clang = "clang" in language.compiler
    return made_once(
        headers_folder() / f"{language.name}-{digest[:16]}", lambda folder: _build(compiler, flags, is_clang, folder)
    )


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
    subprocess.run(command, check=True, capture_output=True, timeout=_BUILD_LIMIT_S)
