"""What the README says is true: its commands run, its tree is the tree, its commands are the commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from haloforge import config
from haloforge.cli.parser import build
from haloforge.problems import SOURCES

README = (ROOT / "README.md").read_text()
COMMANDS = re.search(r"<!-- readme-commands.*?-->\s*```bash\n(.*?)```", README, re.S)
SHORT = "--max-new-tokens 40"
SMALLER = {"data prepare": "--limit 4", "raft train": SHORT, "benchmark run": SHORT, "generate": SHORT}


def commands() -> list[str]:
    assert COMMANDS
    return [line for line in COMMANDS[1].splitlines() if line.strip()]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_commands_of_the_readme_run_one_after_the_other(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    for line in commands():
        # Four problems and short answers are the only differences to what a reader types: the pipeline stays whole.
        smaller = [flags for start, flags in SMALLER.items() if line.startswith(f"halo-forge {start}")]
        words = shlex.split(" ".join([line, *smaller]))
        done = subprocess.run(
            [sys.executable, "-m", "haloforge.cli", *words[1:]],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | {"HALOFORGE_RUNS": str(tmp_path / "runs")},
            check=False,
        )
        verified_generation = words[1] == "generate"
        assert done.returncode in ((0, 1) if verified_generation else (0,)), f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
    assert (tmp_path / "results" / "after.json").exists()


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_parses(line: str) -> None:
    assert build().parse_args(shlex.split(line)[1:]).do


def test_the_tree_in_the_readme_is_the_tree() -> None:
    tree = re.search(r"## How it is built\s+```\n(.*?)```", README, re.S)
    assert tree
    said = set(re.findall(r"[\w.]+(?:\.py)?/?", tree[1]))
    rooms = {p.name.removesuffix(".py") for p in (ROOT / "haloforge").iterdir() if not p.name.startswith(("_", "."))}
    missing = {room for room in rooms if not {room, f"{room}/", f"{room}.py"} & said} - {"py.typed"}
    assert not missing


def test_the_readme_names_every_dataset() -> None:
    assert [name for name in SOURCES if f"`{name}`" not in README] == []


def test_every_dataset_of_the_config_has_a_source() -> None:
    assert set(config.DatasetName.__args__) == set(SOURCES)  # type: ignore[attr-defined]


def test_the_two_commands_of_the_readme_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_what_the_first_hour_clicks_is_on_the_page() -> None:
    text = (ROOT / "docs" / "first-hour.md").read_text()
    page = "\n".join(path.read_text() for path in (ROOT / "haloforge").rglob("*.py"))
    clicked = set(re.findall(r"\*\*(.+?)\*\*", text, re.S)) - {"Bold"}
    assert len(clicked) > 10
    assert [words for words in clicked if " ".join(words.split()) not in page] == []
