"""No folder stays behind, whatever happens to the engine."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tools import needs

from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier
from haloforge.verify.sandbox.scratch import PREFIX, Scratch, sweep

HOLDER = """
import signal, sys
from haloforge.verify.sandbox.scratch import Scratch
scratch = Scratch()
(scratch.folder / "object.o").write_text("x")
print(scratch.folder, flush=True)
signal.pause()
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The system's folder for temporary files, as long as a test runs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield
    tempfile.tempdir = None


@pytest.fixture
def other_engine():
    """Another process with a folder of its own, and that folder, made long ago."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    folder = Path(process.stdout.readline().strip())
    os.utime(folder, (1, 1))
    yield process, folder
    process.kill()
    process.wait()


def test_a_killed_engines_folder_is_removed_by_the_next(other_engine):
    process, folder = other_engine
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.exists()
    assert Scratch().folder.exists() and not folder.exists()


def test_a_living_engines_folder_is_left_alone(other_engine):
    _, folder = other_engine
    sweep()
    assert (folder / "object.o").exists()


def test_a_folder_that_was_just_made_is_left_alone(tmp_path):
    (tmp_path / f"{PREFIX}new").mkdir()
    sweep()
    assert (tmp_path / f"{PREFIX}new").exists()


def test_links_are_not_followed(tmp_path):
    (tmp_path / "precious").mkdir()
    os.utime(tmp_path / "precious", (1, 1))
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "precious")
    sweep()
    assert (tmp_path / "precious").exists()


def test_a_worker_needs_one_folder_and_leaves_none(tmp_path):
    needs("gcc")
    both = [
        Problem("p", "", tests=Tests("stdio", cases=(Case("", "7\n"),))),
        Problem("c", "", language="c", tests=Tests("stdio", cases=(Case("", "7\n"),))),
    ]
    codes = ["print(7)", '#include <stdio.h>\nint main(void) { puts("7"); return 0; }\n']
    with open_verifier(VerifySettings(workers=1)) as verifier:
        assert verifier.verify(both[0], codes[0]).passed
        assert verifier.verify(both[1], codes[1]).passed
        assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1
    assert list(tmp_path.glob(f"{PREFIX}*")) == []
