"""Every kind of adapter samples as PEFT's own forward pass says: merged into its base, or beside a base in 4 bits."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tiny import save_tiny_model
from transformers import AutoModelForCausalLM

from haloforge.generate import SampleRequest, SamplingParams, render
from haloforge.generate.local import LocalEngine
from haloforge.models import LoadedModel, load, merge, merge_in_place
from haloforge.records import Problem

KINDS = [{}, {"use_rslora": True}, {"use_dora": True}, {"use_rslora": True, "use_dora": True}]
PROBLEMS = [Problem(str(n), f"Write a function that adds {n} to its argument.") for n in range(3)]


def adapter_of_kind(kind: dict[str, bool], folder: Path) -> LoadedModel:
    base = save_tiny_model(folder / "base")
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, **kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora)
        for name, parameter in model.named_parameters():
            if "magnitude" in name:
                parameter.data *= 1 + torch.rand_like(parameter)
    model.save_pretrained(folder / "adapter")
    return load(str(folder / "adapter"), device="cpu")


def greedy_by_peft(loaded: LoadedModel, prompt: tuple[int, ...], count: int) -> tuple[int, ...]:
    """One unmerged forward pass of the whole text per token."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(count):
            ids.append(int(loaded.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return tuple(ids[len(prompt) :])


def assert_samples_as_peft(loaded: LoadedModel) -> None:
    engine = LocalEngine(loaded)
    request = SampleRequest(PROBLEMS, 1, SamplingParams(max_new_tokens=12, temperature=0), seed=0)
    samples = list(engine.generate(request))
    engine.close()
    for sample in samples:
        assert sample.token_ids == greedy_by_peft(loaded, tuple(sample.prompt_ids), len(sample.token_ids))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_engine_samples_what_peft_says(kind: dict[str, bool], tmp_path: Path) -> None:
    assert_samples_as_peft(adapter_of_kind(kind, tmp_path))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_merging_keeps_what_the_model_says_and_can_be_undone_exactly(kind: dict[str, bool], tmp_path: Path) -> None:
    loaded = adapter_of_kind(kind, tmp_path)
    ids = torch.tensor([[5, 9, 33, 70, 12]])
    with torch.inference_mode():
        expected = loaded.model(input_ids=ids).logits
        merged, undo = merge_in_place(loaded.model)
        torch.testing.assert_close(merged(input_ids=ids).logits, expected, atol=1e-4, rtol=1e-4)
        undo()
        assert torch.equal(loaded.model(input_ids=ids).logits, expected)
    merge(str(tmp_path / "adapter"), tmp_path / "merged")
    with torch.inference_mode():
        found = load(str(tmp_path / "merged"), device="cpu").model(input_ids=ids).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_beside_a_base_in_4_bits_nothing_is_merged(tmp_path: Path) -> None:
    loaded = adapter_of_kind({"use_dora": True}, tmp_path)
    loaded.model.get_base_model().config.quantization_config = {"load_in_4bit": True}
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    plain, undo = merge_in_place(loaded.model)
    assert plain is loaded.model.get_base_model()
    assert all(torch.equal(before[name], value) for name, value in loaded.model.state_dict().items())
    undo()
    assert_samples_as_peft(loaded)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_engine_that_throws_its_model_away_samples_the_same(kind: dict[str, bool], tmp_path: Path) -> None:
    loaded = adapter_of_kind(kind, tmp_path)
    prompt = tuple(render(loaded.tokenizer, PROBLEMS[0]))
    expected = greedy_by_peft(loaded, prompt, 8)
    engine = LocalEngine(loaded, disposable=True)
    (sample,) = engine.generate(SampleRequest(PROBLEMS[:1], 1, SamplingParams(max_new_tokens=8, temperature=0), seed=0))
    assert sample.token_ids == expected[: len(sample.token_ids)]
