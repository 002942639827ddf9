"""What `pip install halo-forge` gets: the package, its data and its commands, nothing of the checkout around it."""

import re
import shutil
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "haloforge"
MOST_BYTES = 2 * 2**20
"""Data of others (HumanEval, MBPP, weights) would be larger than all of it."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: setuptools leaves folders beside the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, source / "haloforge", ignore=without)
    shutil.copytree(ROOT / "tests", source / "tests", ignore=without)
    for name in ("pyproject.toml", "README.md", "LICENSE", "app.py"):
        shutil.copy(ROOT / name, source)
    build = "import setuptools.build_meta as b; b.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_every_file_of_the_package_is_in_it_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    there = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = {
        str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert there == ours


def test_it_is_small(wheel: zipfile.ZipFile) -> None:
    assert sum(info.compress_size for info in wheel.infolist()) < MOST_BYTES


def test_it_names_no_build_of_torch_and_no_exact_version(wheel: zipfile.ZipFile) -> None:
    [metadata] = [name for name in wheel.namelist() if name.endswith("METADATA")]
    headers = message_from_string(wheel.read(metadata).decode())
    needed = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert any(re.match(r"torch\b", line) for line in needed)
    assert not [line for line in needed if "+" in line or "==" in line or "@" in line]
    assert headers["Requires-Python"] == ">=3.11"


def test_it_brings_the_command(wheel: zipfile.ZipFile) -> None:
    [entries] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "halo-forge = haloforge.cli:main" in wheel.read(entries).decode()


def test_its_recipes_run_from_any_folder(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import haloforge.cli as c; sys.exit(c.main())"
    command = [sys.executable, "-I", "-c", code, "run", "laptop", "--dry-run", "--set", "model=nowhere/at-all"]
    command += ["--set", "sft=false", "--set", "raft=false", "--set", "benchmark=false", "--set", "export=false"]
    done = subprocess.run(command, cwd=tmp_path / "empty", capture_output=True, text=True, check=False)
    assert "== data" in done.stdout, done.stderr
