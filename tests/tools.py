"""Programs of the system that some tests need, and the Debian package of each; a test skips where one is missing."""

import shutil

import pytest

PACKAGES = {
    "bwrap": "bubblewrap",
    "chromium": "chromium",
    "clang": "clang",
    "clang++": "clang",
    "g++": "g++",
    "gcc": "gcc",
    "git": "git",
    "go": "golang-go",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "mold": "mold",
    "mount": "mount",
    "node": "nodejs",
    "rustc": "rustc",
    "setpriv": "util-linux",
    "tsc": "node-typescript",
    "unshare": "util-linux",
    "x86_64-w64-mingw32-g++": "g++-mingw-w64-x86-64-posix",
}
COMMANDS = {
    "c": "gcc",
    "cpp": "g++",
    "rust": "rustc",
    "go": "go",
    "javascript": "node",
    "typescript": "tsc node",
    "java": "javac java",
}
"""The programs that verify each compiled language by default."""


def needs(*programs: str) -> None:
    """Skip the test, or the tests of the fixture, that calls this, when one of these programs is not on the PATH."""
    for program in " ".join(programs).split():
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install {PACKAGES[program]}")
