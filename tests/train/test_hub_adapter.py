"""A LoRA adapter that is named by its Hub id is trained on, not thrown away."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import training_samples
from safetensors.torch import load_file
from stand_in_hub import StandInHub, connected
from tiny import save_tiny_adapter, tiny_tokenizer

from haloforge.models import load, read_metadata
from haloforge.store import Report
from haloforge.train import Training
from haloforge.train.fitting import fit

IDS = torch.tensor([[5, 9, 33, 70, 12]])


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandInHub]:
    with connected(tmp_path / "hub") as opened:
        yield opened


def without_learning(start: str, report: Report, output: Path) -> Training:
    return replace(training_samples.cycle(start, report, output, learning_rate=0.0, num_train_epochs=1), stage="sft")


def test_training_a_hub_adapter_at_learning_rate_0_gives_the_adapter_not_the_base(
    hub: StandInHub, model: str, report: Report, tmp_path: Path
) -> None:
    adapter = save_tiny_adapter(tmp_path / "adapter", model)
    tiny_tokenizer().save_pretrained(adapter)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(settings | {"base_model_name_or_path": "org/base"}))
    base_commit, commit = hub.push("org/base", Path(model)), hub.push("org/adapter", adapter)
    fit(without_learning("org/adapter", report, tmp_path), training_samples.samples(), [], report)

    trained = tmp_path / "final_model"
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (adapter, trained))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    with torch.inference_mode():
        said = {
            name: load(name, device="cpu").model(input_ids=IDS).logits for name in (str(trained), "org/adapter", model)
        }
    torch.testing.assert_close(said[str(trained)], said["org/adapter"])
    assert not torch.allclose(said[str(trained)], said[model])
    about = read_metadata(trained)
    assert (about.base_model, about.base_revision) == ("org/base", base_commit)
    assert about.parent == "org/adapter"
    made = json.loads((trained / "adapter_config.json").read_text())
    assert (made["base_model_name_or_path"], made["revision"]) == ("org/base", base_commit)
    assert commit != base_commit


def test_a_new_adapter_names_the_commit_that_it_was_trained_on(
    hub: StandInHub, model: str, report: Report, tmp_path: Path
) -> None:
    commit = hub.push("org/base", Path(model), branch="v1")
    fit(without_learning("org/base@v1", report, tmp_path), training_samples.samples(), [], report)
    made = json.loads((tmp_path / "final_model" / "adapter_config.json").read_text())
    assert (made["base_model_name_or_path"], made["revision"]) == ("org/base", commit)
