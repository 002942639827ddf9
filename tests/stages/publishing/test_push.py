"""Models and data go to the Hub, an interrupted upload goes on, and what arrives loads by its name."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard, constants, hf_hub_download
from peft import PeftModel
from pyarrow import parquet
from stand_in_hub import StandInHub, connected
from tiny import save_tiny_adapter, save_tiny_model
from transformers import AutoModelForCausalLM
from worlds import problems, write_problems

from haloforge.errors import ConfigError, MachineError, ModelError
from haloforge.models import Metadata, forget_fetched, load, resolve, write_metadata
from haloforge.stages.publishing.dataset import DatasetUpload, stage_dataset
from haloforge.stages.publishing.staging import model_upload, planned_folder, planned_model, stage_model
from haloforge.stages.publishing.upload import send
from haloforge.store import Store

IDS = torch.tensor([[5, 9, 33, 70, 12]])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    with connected(tmp_path / "hub") as opened:
        monkeypatch.setenv("HF_TOKEN", opened.uploads.token)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", opened.endpoint)  # what peft asks through
        yield opened


def quiet(line: str) -> None:
    """Progress that nobody reads."""


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(input_ids=IDS).logits
    return found


def sent(store: Store, hub: StandInHub, model: Path, *, form: object = None, gguf: str = "") -> str:
    upload = model_upload(str(model), "me/small", form, gguf)  # type: ignore[arg-type]
    return send(stage_model(store, upload, store.root / "uploads", quiet), "me/small")


def test_a_merged_model_arrives_and_loads_by_its_name(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    write_metadata(adapter, Metadata(str(base), str(base), "r1", "raft", 2))
    expected = logits(load(str(adapter), device="cpu").model)
    sent(store, hub, adapter)
    forget_fetched()
    assert hub.uploads.private == {"me/small": True}
    torch.testing.assert_close(logits(load("me/small", device="cpu").model), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained("me/small")), expected, atol=1e-5, rtol=1e-5)
    checkpoint = resolve("me/small")
    assert (checkpoint.run, checkpoint.cycle, checkpoint.is_adapter) == ("r1", 2, False)
    assert ModelCard.load("me/small").data.model_name == "small"


def test_an_adapter_on_a_base_of_the_hub_stays_an_adapter(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    hub.push("org/base", save_tiny_model(tmp_path / "base"))
    adapter = save_tiny_adapter(tmp_path / "adapter", "org/base")
    expected = logits(load(str(adapter), device="cpu").model)
    sent(store, hub, adapter)
    forget_fetched()
    base = AutoModelForCausalLM.from_pretrained("org/base")
    torch.testing.assert_close(logits(PeftModel.from_pretrained(base, "me/small")), expected)
    torch.testing.assert_close(logits(load("me/small", device="cpu").model), expected)
    assert resolve("me/small").is_adapter and resolve("me/small").base_model == "org/base"


def command(hub: StandInHub, folder: Path, *more: str) -> subprocess.Popen[str]:
    """`models push` as a process of its own, the token in its environment."""
    known = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": hub.uploads.token, "HF_HUB_DISABLE_XET": "1"}
    places = {"HF_HOME": str(folder / "hf"), "HALOFORGE_RUNS": str(folder / "runs")}
    return subprocess.Popen(
        [sys.executable, "-m", "haloforge.cli", "models", "push", "--repo", "me/small", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"} | known | places,
    )


def test_an_upload_that_is_killed_half_way_goes_on_where_it_was(hub: StandInHub, tmp_path: Path) -> None:
    model, uploads = str(save_tiny_model(tmp_path / "model")), hub.uploads
    uploads.breaks_after = 1
    killed = command(hub, tmp_path, "--model", model, "--gguf", "f32")
    assert uploads.is_broken.wait(300)
    killed.kill()
    said = killed.communicate()[0]
    before, uploads.breaks_after = list(uploads.sent), None
    again = command(hub, tmp_path, "--model", model, "--gguf", "f32")
    said += again.communicate()[0]
    assert again.returncode == 0, said
    assert len(before) == 1 and before[0] not in uploads.sent[1:]
    assert "Going on with" in said and uploads.token not in said
    names = {path.name for path in (hub.root / "me/small" / hub.refs["me/small"]["main"]).iterdir()}
    assert {"README.md", "model.safetensors", "tokenizer.json", "small-F32.gguf", "Modelfile", "config.json"} <= names
    kept = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not any(uploads.token.encode() in path.read_bytes() for path in kept)
    assert not any((tmp_path / "runs" / "uploads").iterdir())


def test_a_hub_that_cannot_be_reached_is_the_machine_s_fault(
    hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(MachineError, match="goes on"):
        send(tmp_path, "me/small")


def test_a_dry_run_names_the_files_and_sends_nothing(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    model = save_tiny_model(tmp_path / "model")
    upload = model_upload(str(model), "me/small", None, "q8_0")
    planned = {file.name: file for file in planned_model(store, upload)}
    folder = stage_model(store, upload, tmp_path / "uploads", quiet)
    real = {file.name: file.size for file in planned_folder(folder)}
    assert set(planned) == {"model.safetensors", "small-Q8_0.gguf", "README.md"}
    assert abs(planned["model.safetensors"].size / real["model.safetensors"] - 1) < 0.05
    assert planned["small-Q8_0.gguf"].size < real["small-Q8_0.gguf"] < planned["small-Q8_0.gguf"].size + 20_000
    assert hub.requests == []


def test_what_is_sent_names_no_place_of_this_machine(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    write_metadata(adapter, Metadata(str(base), str(base), "r1", "raft", 2))
    upload = model_upload(str(adapter), "me/small", None, "f32")
    folder = stage_model(store, upload, tmp_path / "uploads", quiet)
    assert [path.name for path in folder.iterdir() if str(tmp_path).encode() in path.read_bytes()] == []


def test_nothing_private_goes_to_a_repository_that_is_public(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    hub.uploads.private["me/small"] = False
    with pytest.raises(ModelError, match="public"):
        sent(store, hub, save_tiny_model(tmp_path / "model"))
    assert hub.uploads.sent == []


def test_a_token_that_may_not_write_is_named_and_never_shown(
    hub: StandInHub, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_another_secret")
    with pytest.raises(ModelError, match="does not let you write") as refused:
        sent(store, hub, save_tiny_model(tmp_path / "model"))
    assert "secret" not in str(refused.value)
    assert not any(b"hf_another_secret" in p.read_bytes() for p in store.root.rglob("*") if p.is_file())


def test_without_a_token_nothing_is_built(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ModelError, match="no token"):
        send(tmp_path, "me/small")


@pytest.mark.parametrize(("repo", "form", "said"), [("a b", None, "cannot be"), ("me/x", "adapter", "not on the Hub")])
def test_what_cannot_be_sent_is_refused(repo: str, form: object, said: str, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter", save_tiny_model(tmp_path / "base"))
    with pytest.raises((ModelError, ConfigError), match=said):
        model_upload(str(adapter), repo, form, "")  # type: ignore[arg-type]


def test_a_problem_set_arrives_as_parquet_with_a_card(hub: StandInHub, store: Store, tmp_path: Path) -> None:
    file = write_problems(tmp_path / "problems.jsonl")
    folder = stage_dataset(store, DatasetUpload("me/problems", str(file), None, "kept"), tmp_path / "staged")
    send(folder, "me/problems", kind="dataset")
    arrived = hf_hub_download("me/problems", "data/train-00000-of-00001.parquet", repo_type="dataset")
    assert [row["task_id"] for row in parquet.read_table(arrived).to_pylist()] == [p.task_id for p in problems()]
    card = Path(hf_hub_download("me/problems", "README.md", repo_type="dataset")).read_text()
    assert "Rows: 8." in card and "Languages: python (8)." in card
