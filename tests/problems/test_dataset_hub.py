"""The Hub's rows, from a folder in the Hub's layout; and what is said when the Hub is not there."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import original_rows
import pytest

from haloforge.errors import DataError
from haloforge.problems import SOURCES, adapt_rows, hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """MBPP as the Hub has it: one parquet file per split, a configuration in the card."""
    import pyarrow
    from pyarrow import parquet

    for split in ("train", "test"):
        (tmp_path / "full").mkdir(exist_ok=True)
        table = pyarrow.Table.from_pylist([{**original_rows.MBPP, "task_id": 700 if split == "train" else 20}])
        parquet.write_table(table, tmp_path / "full" / f"{split}-00000-of-00001.parquet")
    files = "".join(f"  - split: {s}\n    path: full/{s}-*\n" for s in ("train", "test"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n- config_name: full\n  data_files:\n{files}---\n")
    return tmp_path


def test_a_split_of_a_configuration_is_streamed_and_adapted(folder: Path) -> None:
    source = replace(SOURCES["mbpp"], hub=str(folder))
    rows = hub.dataset_rows(source, "train", None, None)
    ((_, problem),) = adapt_rows(enumerate(rows, start=1), stem="mbpp")
    assert not isinstance(problem, DataError)
    assert (problem.task_id, problem.split) == ("Mbpp/700", "train")


def test_only_the_wanted_columns_are_fetched(folder: Path) -> None:
    source = replace(SOURCES["mbpp"], hub=str(folder), columns=("task_id", "text"))
    assert [set(row) for row in hub.dataset_rows(source, "test", "python", None)] == [{"task_id", "text"}]


def test_a_configuration_that_is_not_there_is_one_sentence(folder: Path) -> None:
    source = replace(SOURCES["mbpp"], hub=str(folder), configs={"python": "half"})
    with pytest.raises(DataError, match="cannot be read from the Hub .* --from FILE") as refused:
        list(hub.dataset_rows(source, "train", None, None))
    assert "\n" not in str(refused.value)


def test_without_a_network_one_sentence_names_the_way_out() -> None:
    program = """if True:
        from haloforge.errors import DataError
        from haloforge.problems import SOURCES, hub
        try:
            hub.newest_revision(SOURCES["mbpp"])
        except DataError as error:
            print(error)
    """
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=offline, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("google-research-datasets/mbpp cannot be read from the Hub (")
    assert "--from FILE" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.parametrize("name", SOURCES)
def test_every_dataset_is_described_without_contradiction(name: str) -> None:
    source = SOURCES[name]
    assert source.name == name and source.license and source.note and source.rows > 0
    assert source.is_bundled or all(source.config(language) for language in source.languages)
    assert source.is_benchmark == ("benchmark" in source.purposes)
    assert not source.is_benchmark or "test" in source.splits


def test_the_configuration_offers_exactly_the_registered_datasets() -> None:
    from typing import get_args

    from haloforge.config import DatasetName

    assert set(get_args(DatasetName)) == set(SOURCES)
