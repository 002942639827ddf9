"""Packed linear layers give the same numbers, and give the model back."""

import pytest
import torch
from tiny import tiny_model, tiny_tokenizer

from haloforge.generate.packing import pack_linears


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
