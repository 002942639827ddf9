"""A base in 4 bits: refused in one sentence where it cannot be, trained on where it can."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_adapter, save_tiny_model
from worlds import raft_config

from haloforge.config import RaftConfig, SftConfig
from haloforge.errors import ConfigError, ModelError
from haloforge.models import load
from haloforge.models.loading import four_bits
from haloforge.stages import raft, sft

IS_POSSIBLE = torch.cuda.is_available() and find_spec("bitsandbytes") is not None
NEEDED = "lora.load_in_4bit needs .*bitsandbytes|lora.load_in_4bit needs a CUDA GPU"


@pytest.mark.skipif(IS_POSSIBLE, reason="this machine can train on a base in 4 bits")
def test_a_machine_that_cannot_refuses_before_anything_starts(tmp_path: Path) -> None:
    model = str(save_tiny_model(tmp_path / "model"))
    (tmp_path / "train.jsonl").write_text('{"prompt": "Say 1.", "completion": "1"}\n' * 4)
    settings = {"model.name": model, "data.train_file": str(tmp_path / "train.jsonl"), "lora.load_in_4bit": True}
    with pytest.raises(ConfigError, match=NEEDED):
        sft.dry_run(SftConfig.load(None, settings))
    with pytest.raises(ConfigError, match=NEEDED):
        raft.dry_run(raft_config(Path(model), tmp_path, **{"lora.load_in_4bit": True}))
    with pytest.raises(ConfigError, match=NEEDED.replace("lora", "generation")):
        raft.dry_run(raft_config(Path(model), tmp_path, **{"generation.load_in_4bit": True}))
    with pytest.raises(ConfigError, match=r"training.optimizer adamw_8bit needs .*use adamw"):
        sft.dry_run(SftConfig.load(None, settings | {"lora.load_in_4bit": False, "training.optimizer": "adamw_8bit"}))


def test_ratio_losses_need_the_same_base_for_sampling_and_training() -> None:
    both = {"prompts": "p", "lora.load_in_4bit": True, "generation.load_in_4bit": True, "training.loss": "raft++"}
    assert RaftConfig.load(None, both).training.loss == "raft++", "one model samples and is trained"
    with pytest.raises(ConfigError, match="other probabilities than it sampled from"):
        RaftConfig.load(None, {"prompts": "p", "lora.load_in_4bit": True, "training.loss": "raft++"})


def test_weights_are_kept_in_nf4_as_the_paper_says() -> None:
    asked = four_bits(torch.bfloat16)
    assert (asked.load_in_4bit, asked.bnb_4bit_quant_type, asked.bnb_4bit_use_double_quant) == (True, "nf4", True)
    assert asked.bnb_4bit_compute_dtype is torch.bfloat16


def test_nothing_is_merged_into_a_base_in_4_bits(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    lower, upper = (save_tiny_adapter(tmp_path / name, base) for name in ("lower", "upper"))
    said = json.loads((upper / "adapter_config.json").read_text())
    (upper / "adapter_config.json").write_text(json.dumps(said | {"base_model_name_or_path": str(lower)}))
    with pytest.raises(ModelError, match="adapter on an adapter.*merge it first"):
        load(str(upper), device="cpu", in_4bit=True)


@pytest.mark.skipif(not IS_POSSIBLE, reason="needs a CUDA GPU and bitsandbytes")
def test_the_base_is_loaded_in_4_bits_and_keeps_its_name(tmp_path: Path) -> None:
    loaded = load(str(save_tiny_model(tmp_path / "model")), trainable=True, dtype="bfloat16", in_4bit=True)
    assert loaded.model.is_loaded_in_4bit
    assert loaded.model.config._name_or_path == str(tmp_path / "model")
