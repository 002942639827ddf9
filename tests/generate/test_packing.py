"""Packed linear layers give the same numbers, and give the model back."""

import platform
import sys
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_model, tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM, MambaConfig

from haloforge.generate.packing import pack_for_good, pack_linears

IS_PACKED_HERE = sys.platform == "linux" and platform.machine() == "x86_64" and torch.backends.mkldnn.is_available()


@pytest.mark.parametrize("rows", [1, 2, 7, 64, 130])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_gives_the_same_numbers_for_any_number_of_rows(rows: int, bias: bool) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(96, 200, bias=bias))
    x = torch.randn(rows, 1, 96)
    with torch.inference_mode():
        expected = model(x)
        undo = pack_linears(model)
        torch.testing.assert_close(model(x), expected, atol=1e-5, rtol=1e-5)
        undo()
        assert torch.equal(model(x), expected)


def test_the_undo_leaves_no_trace() -> None:
    model = tiny_model(tiny_tokenizer())
    pack_linears(model)()
    assert not any("forward" in vars(module) for module in model.modules())
    ids = torch.tensor([[5, 9, 33]])
    model(input_ids=ids, labels=ids).loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_layers_in_another_precision_stay_as_they_are() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(8, 8).bfloat16())
    pack_linears(model)
    assert "forward" not in vars(model[0])


@pytest.mark.skipif(not IS_PACKED_HERE, reason="layers are packed on x86-64 only")
def test_packed_for_good_a_model_says_the_same_and_holds_its_weights_once() -> None:
    model = tiny_model(tiny_tokenizer())
    ids = torch.tensor([[5, 9, 33, 70, 12]])
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        pack_for_good(model)
        torch.testing.assert_close(model(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)
    layers = [module for module in model.modules() if type(module) is torch.nn.Linear]
    assert [layer for layer in layers if layer.weight.numel()] == [model.lm_head], "its weights are the embedding's too"
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert (model.dtype, model.device.type) == (torch.float32, "cpu")


@pytest.mark.skipif(not IS_PACKED_HERE, reason="layers are packed on x86-64 only")
def test_packed_for_good_a_model_lets_go_of_the_file_that_it_was_read_from(tmp_path: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(save_tiny_model(tmp_path))
    assert str(tmp_path) in Path("/proc/self/maps").read_text(), "the weights are read from the file's own pages"
    pack_for_good(model)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_a_model_that_reads_weights_of_its_layers_itself_keeps_them() -> None:
    config = MambaConfig(vocab_size=64, hidden_size=16, state_size=4, num_hidden_layers=1)
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.tensor([[5, 9, 33]])
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        pack_for_good(model)
        assert torch.equal(model(input_ids=ids).logits, expected)
