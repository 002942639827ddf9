"""What a model name means."""

import json
from pathlib import Path

import pytest

from haloforge.errors import ModelError
from haloforge.models import Metadata, find_checkpoints, read_metadata, resolve, write_metadata


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def make_adapter(folder: Path, base: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    return folder


def test_the_embedded_model_is_known_by_its_name() -> None:
    checkpoint = resolve("smollm2-135m")
    assert (checkpoint.path, checkpoint.base_model, checkpoint.is_adapter) == ("smollm2-135m", "smollm2-135m", False)


def test_a_hub_id_is_taken_as_it_is() -> None:
    assert resolve("Qwen/Qwen2.5-Coder-7B").path == "Qwen/Qwen2.5-Coder-7B"


def test_a_model_folder_is_its_own_base(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m")
    assert resolve(str(folder)).base_model == str(folder.resolve())


def test_an_adapter_finds_its_base_through_other_adapters(tmp_path: Path) -> None:
    first = make_adapter(tmp_path / "first", "smollm2-135m")
    second = make_adapter(tmp_path / "second", str(first))
    checkpoint = resolve(str(second))
    assert checkpoint.is_adapter
    assert checkpoint.base_model == "smollm2-135m"
    assert checkpoint.parent == str(first.resolve())


def test_a_relative_base_is_found_beside_the_adapter(tmp_path: Path) -> None:
    base = make_model(tmp_path / "run" / "base")
    adapter = make_adapter(tmp_path / "run" / "adapter", "../base")
    assert resolve(str(adapter)).base_model == str(base.resolve())


def test_a_relative_base_is_found_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = make_model(tmp_path / "models" / "base")
    adapter = make_adapter(tmp_path / "adapter", "models/base")
    monkeypatch.chdir(tmp_path)
    assert resolve(str(adapter)).base_model == str(base.resolve())


def test_a_run_folder_means_its_final_model(tmp_path: Path) -> None:
    final = make_model(tmp_path / "sft" / "final_model")
    assert resolve(str(tmp_path / "sft")).path == str(final.resolve())


def test_a_raft_folder_means_its_newest_cycle(tmp_path: Path) -> None:
    for cycle in (1, 2, 10):
        make_model(tmp_path / f"cycle_{cycle}" / "final_model")
    assert resolve(str(tmp_path)).path.endswith("cycle_10/final_model")


def test_a_raft_folder_that_names_its_best_cycle_means_that_one(tmp_path: Path) -> None:
    for cycle in (1, 2):
        make_model(tmp_path / f"cycle_{cycle}" / "final_model")
    write_metadata(tmp_path, Metadata(best="cycle_1/final_model"))
    assert resolve(str(tmp_path)).path.endswith("cycle_1/final_model")


@pytest.mark.parametrize("name", ["models/sft/final_model", "./m", "/no/such/model", "runs/x", "somewhere/final_model"])
def test_a_path_that_does_not_exist_is_not_asked_of_the_hub(name: str) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        resolve(name)


@pytest.mark.parametrize("name", ["", "gpt-17", "a b/c", "..", "org/"])
def test_an_unknown_name_is_one_sentence(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(name)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        resolve(str(tmp_path))


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    with pytest.raises(ModelError, match="is a file"):
        resolve(str(tmp_path / "weights.bin"))


def test_an_adapter_that_names_itself_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    make_adapter(folder, str(folder))
    with pytest.raises(ModelError, match="rests on itself"):
        resolve(str(folder))


def test_a_circle_of_adapters_is_refused(tmp_path: Path) -> None:
    make_adapter(tmp_path / "a", str(tmp_path / "b"))
    make_adapter(tmp_path / "b", str(tmp_path / "a"))
    with pytest.raises(ModelError, match="rests on itself"):
        resolve(str(tmp_path / "a"))


def test_a_damaged_adapter_config_names_the_file(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "torn", "x")
    (folder / "adapter_config.json").write_text('{"base_model')
    with pytest.raises(ModelError, match=r"adapter_config\.json is damaged"):
        resolve(str(folder))


def test_metadata_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Metadata(base_model="smollm2-135m", parent="models/sft", run="r1", stage="raft", cycle=2)
    write_metadata(tmp_path, written)
    assert read_metadata(tmp_path) == written


def test_metadata_of_a_newer_version_is_read_without_its_unknown_keys(tmp_path: Path) -> None:
    (tmp_path / "haloforge.json").write_text('{"run": "r1", "colour": "ember"}')
    assert read_metadata(tmp_path) == Metadata(run="r1")


def test_a_checkpoint_knows_its_run_and_cycle(tmp_path: Path) -> None:
    folder = make_adapter(tmp_path / "cycle_3" / "final_model", "smollm2-135m")
    write_metadata(folder, Metadata(run="r7", cycle=3, parent="models/sft"))
    checkpoint = resolve(str(folder))
    assert (checkpoint.run, checkpoint.cycle, checkpoint.parent) == ("r7", 3, "models/sft")


def test_every_final_model_below_the_folders_is_found_once(tmp_path: Path) -> None:
    make_model(tmp_path / "models" / "sft" / "final_model")
    for cycle in (1, 2):
        make_adapter(tmp_path / "models" / "raft" / f"cycle_{cycle}" / "final_model", "smollm2-135m")
    make_model(tmp_path / "models" / "sft" / "checkpoint-5")
    make_model(tmp_path / "models" / ".sft-half" / "final_model")
    make_adapter(tmp_path / "models" / "lost" / "final_model", "/gone/base")
    found = find_checkpoints([tmp_path / "models", tmp_path / "models" / "raft", tmp_path / "nothing"])
    names = sorted(str(Path(checkpoint.path).relative_to(tmp_path.resolve())) for checkpoint in found)
    assert names == [
        "models/raft/cycle_1/final_model",
        "models/raft/cycle_2/final_model",
        "models/sft/final_model",
    ]
