"""A compiler works wherever PATH finds it, and takes nothing of a home along into its sandbox."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from tools import needs

from haloforge.languages import COMPILERS
from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.compiled.probe import compiler_flaw
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.toolchains import compiler_path, toolchain_folders
from haloforge.verify.worker import Worker

LIMITS = Limits(cpu_s=2, wall_s=20, memory_mb=512)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a key, whose `bin` stands first in PATH."""
    folder = tmp_path / "home"
    for name in ("bin", ".ssh", ".local/share/keyrings", "lib"):
        (folder / name).mkdir(parents=True)
    for name in (".ssh/id_rsa", ".local/share/keyrings/login", "lib/private.txt"):
        (folder / name).write_text("PRIVATE KEY")
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def called(monkeypatch, command, **more):
    """GCC's record under another command, which only the test's PATH has; without a header of 100 MB to be made."""
    compiler = dataclasses.replace(COMPILERS["gcc"], command=command, precompiled_header="", **more)
    monkeypatch.setitem(COMPILERS, "gcc", compiler)
    return compiler


def real(command="g++"):
    needs(command)
    return shutil.which(command)


@pytest.mark.parametrize("level", ["ns", "landlock"])
def test_a_compiler_behind_links_in_other_folders_works(level, home, tmp_path, monkeypatch):
    if isolation().name != "ns":
        pytest.skip("this machine cannot be made to hold both levels")
    (tmp_path / "profile").symlink_to(home / "bin")
    (home / "bin" / "mine").symlink_to(real())
    (home / "bin" / "linked-g++").symlink_to("mine")
    monkeypatch.setenv("PATH", f"{tmp_path}/profile:/usr/bin:/bin")
    assert compiler_flaw(called(monkeypatch, "linked-g++"), level) is None


def test_a_compiler_cache_in_front_of_it_is_passed_over(home, tmp_path, monkeypatch):
    cache = tmp_path / "ccache"
    cache.write_text("#!/bin/sh\nexit 1\n")
    cache.chmod(0o755)
    (home / "bin" / "cached-g++").symlink_to(cache)
    (tmp_path / "cached-g++").symlink_to(real())
    monkeypatch.setenv("PATH", f"{home}/bin:{tmp_path}:{os.environ['PATH']}")
    assert compiler_path(called(monkeypatch, "cached-g++")) == f"{tmp_path}/cached-g++"


def including(path):
    return f'asm(".pushsection .rodata\\n.globl secret\\nsecret: .incbin \\"{path}\\"\\n.popsection");\n'


@pytest.mark.parametrize("folder", ["bin", ".local/bin"])
def test_a_compiler_in_a_home_takes_no_other_file_of_it_along(folder, home, monkeypatch):
    (home / folder).mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", f"{home / folder}:{os.environ['PATH']}")
    script = home / folder / f"home-g++{len(folder)}"
    script.write_text(f'#!/bin/sh\nexec {real()} "$@"\n')
    script.chmod(0o755)
    compiler = called(monkeypatch, script.name)
    worker = Worker(VerifySettings(type="gcc"), isolation().name)
    try:
        program = "extern const char secret[];\nint main() { return secret[0] == 0; }\n"
        for path in (".ssh/id_rsa", ".local/share/keyrings/login", "lib/private.txt", str(Path(__file__))):
            outcome = worker.judge(Problem("i", "", "cpp", Tests()), including(home / path) + program, LIMITS)
            assert outcome.status == "compile_error", (path, outcome)
        assert worker.judge(Problem("i", "", "cpp", Tests()), "int main() {}", LIMITS).status == "no_code"
    finally:
        worker.close()
    assert compiler_path(compiler) == str(script)


def test_a_toolchain_in_a_home_has_its_own_parts_and_no_more(home, monkeypatch):
    prefix = home / "gcc-14"
    parts = (
        "lib/gcc/x86_64-linux-gnu/14/crtbegin.o",
        "libexec/gcc/cc1plus",
        "include/c++/14/vector",
        "lib64/libstdc++.so.6",
    )
    others = (".env", "lib/python3.11/site-packages/tests.py", "share/notes.txt", "bin/deploy.sh")
    for name in (*parts, *others, "bin/parts-g++"):
        path = prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    monkeypatch.setenv("PATH", f"{prefix}/bin")
    called(monkeypatch, "parts-g++")
    paths = [Path(path) for path in toolchain_folders()]

    def is_there(name):
        return any((prefix / name).is_relative_to(path) for path in paths)

    assert all(map(is_there, (*parts, "bin/parts-g++")))
    assert not any(map(is_there, others))
