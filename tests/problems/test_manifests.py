import json
from pathlib import Path

import pytest

from haloforge.errors import DataError
from haloforge.files import sha256_of, write_text
from haloforge.problems.manifest import Manifest, manifest_path, read_manifest, write_manifest


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz", "train.json", "train"])
def test_a_manifest_stands_beside_its_file_under_the_same_name(name: str) -> None:
    assert manifest_path(Path("data") / name) == Path("data/train.manifest.json")


def test_a_manifest_says_what_is_in_the_file_and_what_is_not(tmp_path: Path) -> None:
    write_text(tmp_path / "x.jsonl", "{}\n")
    manifest = Manifest(dataset="mbpp", source="the Hub", license="MIT", rows_in=3, rows_out=1, dropped={"torn": 2})
    path = write_manifest(tmp_path / "x.jsonl", manifest)
    written = json.loads(path.read_text())
    assert written["schema"] == "halo-forge/manifest/1" and written["sha256"] == sha256_of(tmp_path / "x.jsonl")
    assert (written["rows_in"], written["rows_out"], written["dropped"]) == (3, 1, {"torn": 2})
    assert read_manifest(tmp_path / "x.jsonl") == written


def test_the_manifest_of_another_content_is_not_taken_for_the_file_s_own(tmp_path: Path) -> None:
    write_text(tmp_path / "x.jsonl", "{}\n")
    assert read_manifest(tmp_path / "x.jsonl") is None
    path = write_manifest(tmp_path / "x.jsonl", Manifest(dataset="mbpp", source="x"))
    write_text(tmp_path / "x.jsonl", "{}\n{}\n")
    assert read_manifest(tmp_path / "x.jsonl") is None
    path.write_text("{")
    with pytest.raises(DataError, match="x.manifest.json is not valid JSON"):
        read_manifest(tmp_path / "x.jsonl")
