"""The demo is a pipeline like any other."""

from pathlib import Path

import pytest

from haloforge.cli import demo


def test_a_wrong_number_of_cycles_is_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))
    assert demo.main(["--cycles", "0", "--output", str(tmp_path / "demo")]) == 2
    said = capsys.readouterr()
    assert "raft.num_cycles should be greater than or equal to 1" in said.err
    assert said.out == "" and not (tmp_path / "demo").exists()
