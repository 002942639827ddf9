"""Presets: valid settings for a kind of machine, which fit its memory by the estimates."""

import json
from pathlib import Path
from typing import Any

import pytest
from seeded import SFT, make_run

from haloforge.config import STAGES, RaftConfig, SftConfig
from haloforge.estimates import Device, Span, check_fits, sampling_need, shape_of, training_need
from haloforge.nesting import nested
from haloforge.settings import settings
from haloforge.store import Store
from haloforge.ui.launch import presets

WHAT: dict[str, dict[str, Any]] = {
    "sft": {"model.name": "m", "data.train_file": "d.jsonl"},
    "raft": {"sft_checkpoint": "m", "prompts": "d.jsonl"},
    "benchmark": {"model": "m", "prompts": "d.jsonl"},
}
QWEN: dict[str, dict[str, Any]] = {
    "gpu24": {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12, "num_key_value_heads": 2,
              "vocab_size": 151936, "tie_word_embeddings": True},
    "gpu80": {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4,
              "vocab_size": 152064, "tie_word_embeddings": False},
}  # fmt: skip
"""Preset -> the sizes of Qwen2.5-Coder 1.5B and 7B, from their published configs."""


@pytest.mark.parametrize("key", presets.PRESETS)
@pytest.mark.parametrize("stage", WHAT)
def test_every_preset_is_a_valid_config_of_its_stage(stage: str, key: str, store: Store) -> None:
    flat = presets.values_of(stage, key, store)
    assert flat.keys() == {s.path for s in settings(STAGES[stage])}
    STAGES[stage].parse(nested(flat | WHAT[stage]))


@pytest.mark.parametrize(("key", "gib"), [("gpu24", 24), ("gpu80", 80)])
def test_a_preset_for_a_gpu_fits_it_with_the_model_it_names(key: str, gib: int, store: Store, tmp_path: Path) -> None:
    config = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "num_hidden_layers": 28, **QWEN[key]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(b"")
    shape, device = shape_of(str(tmp_path)), Device("the GPU", gib * 2**30, 2)
    assert shape is not None
    sft = SftConfig.parse(nested(presets.values_of("sft", key, store) | WHAT["sft"]))
    raft = RaftConfig.parse(nested(presets.values_of("raft", key, store) | WHAT["raft"]))
    longest = Span(100, raft.generation.max_new_tokens + 500)
    needs = [
        training_need(shape, device, sft.training, sft.lora, Span(100, sft.data.max_seq_length)),
        training_need(shape, device, raft.training, raft.lora, longest),
        sampling_need(shape, device, longest, 1000),
    ]
    check_fits(needs, device)
    assert all(need.total < device.total for need in needs)


def test_an_earlier_run_is_offered_and_its_output_is_not(store: Store) -> None:
    run = make_run(store, SFT.changed({"lora.r": 4}), "done", name="mine")
    assert ("As in mine", presets.key_of(run)) in presets.choices(store, "sft")
    flat = presets.values_of("sft", presets.key_of(run), store)
    assert flat["lora.r"] == 4 and flat["output_dir"] is None


def test_no_preset_names_a_file_that_need_not_exist(store: Store) -> None:
    for stage in STAGES:
        flat = presets.values_of(stage, presets.start(stage), store)
        named = [flat[s.path] for s in settings(STAGES[stage]) if s.kind]
        assert set(named) <= {None, "smollm2-135m"}


def test_settings_of_another_version_are_no_reason_to_fail(store: Store) -> None:
    run = make_run(store, SFT, "done")
    store.update_run(run.id, config=json.dumps({"colour": "red"}))
    assert presets.values_of("sft", presets.key_of(run), store)["lora.r"] == 16
