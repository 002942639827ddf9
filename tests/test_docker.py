"""The image of `docker/Dockerfile`, as far as can be told without a builder: its words, and what starts in it."""

import os
import re
import subprocess
from pathlib import Path

from places import ROOT

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()


def test_everything_that_is_copied_is_there() -> None:
    sources = [word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.M) for word in line.split()[:-1]]
    assert sources and [word for word in sources if not (ROOT / word).exists()] == []


def test_torch_comes_from_its_own_index_and_what_it_needs_from_the_usual_one() -> None:
    assert '--extra-index-url "$TORCH_INDEX"' in DOCKERFILE
    assert "--index-url" not in DOCKERFILE.replace("--extra-index-url", "")  # that has only some versions


def test_it_has_the_weights_that_the_makefile_has_and_does_not_run_as_root() -> None:
    [weights] = re.findall(r"^EMBEDDED := (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    assert weights in DOCKERFILE
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.M)
    assert users[-1] == "user" and "useradd --create-home --uid 1000 user" in DOCKERFILE


def started(tmp_path: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The entry point with a `halo-forge` that only says what it was given."""
    (tmp_path / "halo-forge").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "halo-forge").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | variables
    command = ["sh", str(ROOT / "docker" / "start"), *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_words_are_a_command_of_halo_forge(tmp_path: Path) -> None:
    assert started(tmp_path, "run", "laptop").stdout == "run laptop\n"


def test_without_words_it_is_the_studio_behind_a_login(tmp_path: Path) -> None:
    assert started(tmp_path, HALOFORGE_LOGIN="me:secret").stdout == "app --host 0.0.0.0 --auth me:secret\n"
    without = started(tmp_path)
    assert without.returncode != 0 and "give a login for the studio" in without.stderr
