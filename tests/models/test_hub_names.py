"""Names on the Hub: what they stand for is told by their files, and every revision is a commit."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from stand_in_hub import StandInHub, connected
from tiny import save_tiny_adapter, save_tiny_model

from haloforge.errors import ModelError
from haloforge.models import (
    Metadata,
    fetched,
    forget_fetched,
    load,
    load_tokenizer,
    merge,
    read_metadata,
    resolve,
    write_metadata,
)

IDS = torch.tensor([[5, 9, 33, 70, 12]])


def logits(name: str) -> torch.Tensor:
    with torch.inference_mode():
        return load(name, device="cpu").model(input_ids=IDS).logits


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return save_tiny_adapter(base.parent / "adapter", base)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandInHub]:
    with connected(tmp_path) as opened:
        yield opened


def rests_on(adapter: Path, base: str, folder: Path, **settings: object) -> Path:
    """A copy of an adapter that names another base."""
    folder.mkdir(parents=True)
    for file in adapter.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    said = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(said | {"base_model_name_or_path": base} | settings))
    return folder


def test_a_full_model_is_told_by_its_files(hub: StandInHub, base: Path) -> None:
    commit = hub.push("org/base", base)
    torch.testing.assert_close(logits("org/base"), logits(str(base)))
    found = resolve("org/base")
    assert (found.path, found.base_model, found.is_adapter) == ("org/base", "org/base", False)
    assert (found.revision, found.base_revision) == (commit, commit)
    assert load("org/base", device="cpu").model.config._name_or_path == "org/base"


def test_an_adapter_is_told_by_its_files_and_sits_on_its_base(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path
) -> None:
    base_commit = hub.push("org/base", base)
    commit = hub.push("org/adapter", rests_on(adapter, "org/base", tmp_path / "a"))
    torch.testing.assert_close(logits("org/adapter"), logits(str(adapter)))
    found = resolve("org/adapter")
    assert (found.base_model, found.is_adapter, found.parent) == ("org/base", True, "org/base")
    assert (found.revision, found.base_revision) == (commit, base_commit)
    assert load_tokenizer("org/adapter").get_vocab() == load_tokenizer(str(base)).get_vocab()


def test_a_local_adapter_finds_its_base_on_the_hub(hub: StandInHub, base: Path, adapter: Path, tmp_path: Path) -> None:
    hub.push("org/base", base)
    local = rests_on(adapter, "org/base", tmp_path / "a")
    torch.testing.assert_close(logits(str(local)), logits(str(adapter)))


def test_an_adapter_on_the_hub_names_the_revision_of_its_base(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path
) -> None:
    commit = hub.push("org/base", base, branch="v1")
    hub.push("org/base", save_tiny_model(tmp_path / "newer", seed=5))
    hub.push("org/adapter", rests_on(adapter, "org/base", tmp_path / "a", revision="v1"))
    torch.testing.assert_close(logits("org/adapter"), logits(str(adapter)))
    found = resolve("org/adapter")
    assert (found.base_model, found.base_revision) == ("org/base", commit)


def test_what_a_run_of_ours_left_is_known_by_its_best_cycle(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path
) -> None:
    hub.push("org/base", base)
    output = tmp_path / "raft"
    for cycle in (1, 2):
        made = rests_on(adapter, "org/base", output / f"cycle_{cycle}" / "final_model")
        write_metadata(made, Metadata(base_model="org/base", run="r1", stage="raft", cycle=cycle))
    write_metadata(output, Metadata(best="cycle_1/final_model"))
    hub.push("org/raft", output)
    torch.testing.assert_close(logits("org/raft"), logits(str(adapter)))
    found = resolve("org/raft")
    assert (found.is_adapter, found.run, found.cycle) == (True, "r1", 1)
    weights = [path.partition("/resolve/")[2] for path in hub.requests if "adapter_model.safetensors" in path]
    assert weights and all("cycle_1" in path for path in weights), "weights of other cycles are not fetched"


def test_an_output_of_sft_is_known_by_its_final_model(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path
) -> None:
    hub.push("org/base", base)
    rests_on(adapter, "org/base", tmp_path / "sft" / "final_model")
    hub.push("org/sft", tmp_path / "sft")
    torch.testing.assert_close(logits("org/sft"), logits(str(adapter)))


def test_a_revision_is_a_branch_a_tag_or_a_commit(hub: StandInHub, base: Path, tmp_path: Path) -> None:
    newer = save_tiny_model(tmp_path / "newer", seed=5)
    old = hub.push("org/base", base, branch="v1")
    new = hub.push("org/base", newer)
    for name, folder, commit in (("@v1", base, old), ("", newer, new), (f"@{old}", base, old)):
        torch.testing.assert_close(logits(f"org/base{name}"), logits(str(folder)))
        assert fetched(f"org/base{name}") == f"org/base@{commit}"
        assert resolve(f"org/base{name}").revision == commit


def test_a_branch_that_moves_is_one_commit_for_a_process_and_the_newest_for_the_next(
    hub: StandInHub, base: Path, tmp_path: Path
) -> None:
    old = hub.push("org/base", base)
    assert fetched("org/base") == f"org/base@{old}"
    new = hub.push("org/base", save_tiny_model(tmp_path / "newer", seed=5))
    assert fetched("org/base") == f"org/base@{old}"
    forget_fetched()  # as another process
    assert fetched("org/base") == f"org/base@{new}"
    torch.testing.assert_close(logits(f"org/base@{old}"), logits(str(base)))


def test_what_was_fetched_loads_offline(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.push("org/base", base)
    hub.push("org/adapter", rests_on(adapter, "org/base", tmp_path / "a"))
    load("org/adapter", device="cpu")
    forget_fetched()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    hub.requests.clear()
    torch.testing.assert_close(logits("org/adapter"), logits(str(adapter)))
    assert hub.requests == []


def test_a_name_is_resolved_without_a_request(hub: StandInHub, base: Path) -> None:
    hub.push("org/base", base)
    found = resolve("org/base@v1")
    assert (found.path, found.is_adapter, found.revision) == ("org/base@v1", False, "")
    assert hub.requests == []


def test_a_merged_hub_adapter_says_where_it_came_from(
    hub: StandInHub, base: Path, adapter: Path, tmp_path: Path
) -> None:
    base_commit = hub.push("org/base", base)
    commit = hub.push("org/adapter", rests_on(adapter, "org/base", tmp_path / "a"))
    merged = merge("org/adapter", tmp_path / "merged")
    assert (merged.base_model, merged.base_revision, merged.revision) == ("org/base", base_commit, "")
    assert read_metadata(tmp_path / "merged").parent == f"org/adapter@{commit}"


def test_a_folder_may_have_an_at_sign_in_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "name@v1").mkdir(parents=True)
    (tmp_path / "org" / "name@v1" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert resolve("org/name@v1").path == str((tmp_path / "org" / "name@v1").resolve())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("org/missing", "The Hub has no model org/missing that you can see; check the spelling, or run: hf auth login"),
        ("org/gated", "org/gated is gated: accept its licence at https://huggingface.co/org/gated, then run: hf auth"),
        ("org/base@v9", "org/base has no revision 'v9' on the Hub; name a branch, tag or commit"),
        ("org/words", "org/words holds no model: there is no config.json or adapter_config.json in it"),
        ("org/na..me", "'org/na..me' cannot be a Hub id"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(name: str, said: str, hub: StandInHub, base: Path, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "README.md").write_text("words")
    for repo, folder in (("org/base", base), ("org/gated", base), ("org/words", tmp_path / "words")):
        hub.push(repo, folder)
    hub.gated.add("org/gated")
    with pytest.raises(ModelError) as caught:
        load(name, device="cpu")
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_an_adapter_whose_base_is_missing_names_the_base(hub: StandInHub, adapter: Path, tmp_path: Path) -> None:
    hub.push("org/adapter", rests_on(adapter, "org/gone", tmp_path / "a"))
    with pytest.raises(ModelError, match="The Hub has no model org/gone"):
        load("org/adapter", device="cpu")


def test_without_a_hub_it_is_one_sentence_that_names_the_way_out(tmp_path: Path) -> None:
    program = """if True:
        from haloforge.errors import ModelError
        from haloforge.models import fetched
        try:
            fetched("org/base@v1")
        except ModelError as error:
            print(error)
    """
    elsewhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    child = [sys.executable, "-c", program]
    done = subprocess.run(child, env=os.environ | elsewhere, capture_output=True, text=True, timeout=100)
    assert done.stdout == (
        "org/base@v1 is not in the local cache and the Hub cannot be reached; check the connection, or use "
        "smollm2-135m\n"
    )
