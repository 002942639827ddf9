"""Merging and exporting."""

from pathlib import Path

import pytest
import torch
from tiny import save_tiny_adapter, save_tiny_model
from transformers import AutoModelForCausalLM

from haloforge.errors import ModelError
from haloforge.models import Metadata, export, load, merge, merge_for_good, read_metadata, write_metadata

IDS = torch.tensor([[5, 9, 33, 70, 12]])


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    base = save_tiny_model(tmp_path / "base")
    return save_tiny_adapter(tmp_path / "adapter", base)


def test_a_merged_model_says_what_its_adapter_said(adapter: Path, tmp_path: Path) -> None:
    write_metadata(adapter, Metadata(run="r1", stage="raft", cycle=2))
    checkpoint = merge(str(adapter), tmp_path / "merged")
    with torch.inference_mode():
        expected = load(str(adapter), device="cpu").model(input_ids=IDS).logits
        found = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")(input_ids=IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert not checkpoint.is_adapter
    assert checkpoint.base_model == str((tmp_path / "base").resolve())
    found_metadata = read_metadata(tmp_path / "merged")
    assert (found_metadata.parent, found_metadata.run, found_metadata.cycle) == (str(adapter.resolve()), "r1", 2)


def test_a_full_model_has_nothing_to_merge(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    with pytest.raises(ModelError, match="no adapter to merge"):
        merge(str(base), tmp_path / "merged")


def test_an_export_in_bf16_is_stored_in_bf16(adapter: Path, tmp_path: Path) -> None:
    export(str(adapter), tmp_path / "out", dtype="bfloat16")
    assert AutoModelForCausalLM.from_pretrained(tmp_path / "out").dtype is torch.bfloat16


def test_an_output_that_is_taken_is_refused_and_left_alone(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious").write_text("x")
    with pytest.raises(ModelError, match="exists already"):
        merge(str(adapter), tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["precious"]


def test_a_merge_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        merge(str(adapter), tmp_path / "merged")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["adapter", "base"]


def test_a_merge_into_half_precision_rounds_each_weight_once(tmp_path: Path) -> None:
    """As the whole model in fp32 merged and then rounded, though only one layer is ever in fp32."""
    base = save_tiny_model(tmp_path / "base")
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    loaded = load(str(adapter), device="cpu", dtype="float32")
    expected = merge_for_good(loaded.model).to(torch.bfloat16).state_dict()
    export(str(adapter), tmp_path / "out", dtype="bfloat16")
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto").state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
