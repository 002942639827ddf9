"""The C++ standard library as a precompiled header, made once per compiler: reading it is most of compiling."""

import functools
import hashlib
import logging
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

from haloforge.files import write_text
from haloforge.verify.languages import Language, compiler_path, compiler_version

HEADER = "bits/stdc++.h"
_PLAIN_START = re.compile(
    r"(?:\s|//[^\n]*\n|/\*.*?\*/|#\s*include\s*<[\w./+]+>)*?#\s*include\s*<bits/stdc\+\+\.h>", re.DOTALL
)
_BUILD_LIMIT_S = 120
_building = threading.Lock()
_log = logging.getLogger(__name__)


def headers_folder() -> Path:
    """Where they are kept: `headers` in `$XDG_CACHE_HOME/halo-forge` or `~/.cache/halo-forge`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "halo-forge" / "headers"


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


def precompiled(language: Language) -> Path | None:
    """The folder for this compiler and these arguments, made now if need be; None where it cannot be made."""
    with _building:
        return _precompiled(language)


@functools.cache
def _precompiled(language: Language) -> Path | None:
    compiler, flags = compiler_path(language), tuple(f for f in language.build if f.startswith("-") and f != "-o")
    if compiler is None:
        return None
    digest = hashlib.sha256(repr((compiler, compiler_version(language), flags)).encode()).hexdigest()
    folder = headers_folder() / f"{language.name}-{digest[:16]}"
    if folder.is_dir():
        return folder
    partial = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _build(compiler, flags, "clang" in language.compiler, partial)
        partial.rename(folder)
    except (OSError, subprocess.SubprocessError) as error:
        _log.warning("no precompiled headers for %s: %s", language.name, error)
        shutil.rmtree(partial, ignore_errors=True)
    return folder if folder.is_dir() else None


def _build(compiler: str, flags: tuple[str, ...], is_clang: bool, folder: Path) -> None:
    if is_clang:  # which remembers where the header lay, so that must not be the folder that is about to be renamed
        source, output = folder.parent / "all.h", folder / "stdc++.pch"
        more: tuple[str, ...] = ("-Xclang", "-fno-pch-timestamp", "-fpch-instantiate-templates")
        write_text(source, f"#include <{HEADER}>\n")
    else:
        source, output = folder / HEADER, folder / f"{HEADER}.gch"
        more = ()
        source.parent.mkdir()
        source.write_text(f"#include_next <{HEADER}>\n")
    command = [compiler, *flags, *more, "-x", "c++-header", str(source), "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True, timeout=_BUILD_LIMIT_S)
