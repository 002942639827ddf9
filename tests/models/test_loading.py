"""Names to models in memory."""

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from tiny import save_tiny_adapter, save_tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, CodeGenConfig

from haloforge.errors import MachineError, ModelError
from haloforge.models import FALLBACK_CHAT_TEMPLATE, load, load_tokenizer

IDS = torch.tensor([[5, 9, 33, 70, 12]])


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=IDS).logits


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def adapter(base: Path) -> Path:
    return save_tiny_adapter(base.parent / "adapter", base)


def test_a_folder_loads_in_fp32_on_the_cpu(base: Path) -> None:
    loaded = load(str(base), device="cpu")
    assert loaded.model.dtype is torch.float32
    assert loaded.device.type == "cpu"
    assert loaded.model.config._attn_implementation == "sdpa"
    assert not loaded.model.training


def test_an_architecture_without_pytorchs_own_attention_loads_too(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    config = CodeGenConfig(vocab_size=len(tokenizer), n_embd=32, n_layer=1, n_head=4, n_positions=64, rotary_dim=4)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert logits(load(str(tmp_path), device="cpu").model).isfinite().all()


def test_a_load_leaves_no_more_threads_than_the_container_grants_cores(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    try:
        for threads, granted, expected in ((8, 2, 2), (1, 4, 1)):
            torch.set_num_threads(threads)
            monkeypatch.setattr("haloforge.models.loading.usable_cores", lambda cores=granted: cores)
            load(str(base), device="cpu")
            assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)


def test_a_model_is_named_by_its_name_not_by_a_cache_folder(base: Path) -> None:
    assert load(str(base), device="cpu").model.config._name_or_path == str(base.resolve())


def test_an_adapter_is_frozen_unless_it_is_to_be_trained(adapter: Path) -> None:
    def trainable(model: torch.nn.Module) -> int:
        return sum(parameter.requires_grad for parameter in model.parameters())

    frozen, live = load(str(adapter), device="cpu"), load(str(adapter), trainable=True, device="cpu")
    assert isinstance(frozen.model, PeftModel)
    assert trainable(frozen.model) == 0
    assert trainable(live.model) > 0
    assert live.model.training


def test_an_adapter_changes_what_its_base_says(base: Path, adapter: Path) -> None:
    assert not torch.allclose(
        logits(load(str(base), device="cpu").model), logits(load(str(adapter), device="cpu").model)
    )


def test_an_adapter_on_an_adapter_adds_both(base: Path, adapter: Path, tmp_path: Path) -> None:
    inner = AutoModelForCausalLM.from_pretrained(base)
    merged = PeftModel.from_pretrained(inner, str(adapter)).merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    outer = save_tiny_adapter(tmp_path / "outer", tmp_path / "merged", seed=1)
    expected = logits(PeftModel.from_pretrained(merged, str(outer)))
    config = json.loads((outer / "adapter_config.json").read_text())
    (outer / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(adapter)}))
    loaded = load(str(outer), device="cpu")
    assert loaded.checkpoint.base_model == str(base.resolve())
    torch.testing.assert_close(logits(loaded.model), expected, atol=1e-5, rtol=1e-5)


def test_an_adapter_without_a_tokenizer_uses_that_of_its_base(base: Path, adapter: Path) -> None:
    assert load_tokenizer(str(adapter)).get_vocab() == load_tokenizer(str(base)).get_vocab()


def test_a_model_without_a_chat_template_gets_the_fallback(base: Path, tmp_path: Path) -> None:
    bare = tiny_tokenizer()
    bare.chat_template = None
    bare.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((base / "config.json").read_bytes())
    tokenizer = load_tokenizer(str(tmp_path))
    assert tokenizer.chat_template == FALLBACK_CHAT_TEMPLATE
    asked = [{"role": "user", "content": "Add."}]
    answered = [*asked, {"role": "assistant", "content": "done"}]
    prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    assert prompt == "### Instruction:\nAdd.\n\n### Response:\n"
    assert tokenizer.apply_chat_template(answered, tokenize=False) == f"{prompt}done{tokenizer.eos_token}\n\n"


def test_a_model_without_a_pad_token_pads_with_its_end_token(base: Path, tmp_path: Path) -> None:
    bare = tiny_tokenizer()
    bare.pad_token = None
    bare.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((base / "config.json").read_bytes())
    assert load_tokenizer(str(tmp_path)).pad_token_id == bare.eos_token_id


def test_an_adapter_of_another_shape_is_one_sentence(adapter: Path, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    LlamaForCausalLM(
        LlamaConfig(vocab_size=365, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    ).save_pretrained(tmp_path / "other")
    tiny_tokenizer().save_pretrained(tmp_path / "other")
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in adapter.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    config = json.loads((adapter / "adapter_config.json").read_text())
    (broken / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "../other"}))
    with pytest.raises(ModelError, match="does not fit its base") as caught:
        load(str(broken), device="cpu")
    assert "\n" not in str(caught.value)


def test_weights_that_are_missing_are_one_sentence(base: Path, tmp_path: Path) -> None:
    for file in base.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load(str(tmp_path), device="cpu")
    assert "\n" not in str(caught.value)


def test_torn_weights_are_one_sentence(base: Path, tmp_path: Path) -> None:
    for file in base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:5000])
    (tmp_path / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(str(tmp_path), device="cpu")


def test_weights_with_a_tensor_missing_are_refused(base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack model\.layers\.1\.mlp\.up_proj\.weight"):
        load(str(tmp_path), device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_one_sentence(base: Path) -> None:
    with pytest.raises(MachineError, match="finds no GPU"):
        load(str(base), device="cuda")


def test_an_unreachable_hub_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="cannot be reached"):
        load("nobody/never-fetched", device="cpu")


@pytest.mark.slow
def test_the_embedded_model_is_converted_once_and_splits_numbers_into_digits() -> None:
    lines: list[str] = []
    load("smollm2-135m", device="cpu", progress=lines.append)
    again: list[str] = []
    loaded = load("smollm2-135m", device="cpu", progress=again.append)
    assert len(lines) <= 1
    assert again == []
    assert loaded.tokenizer.tokenize("12  34") == ["1", "2", "ĠĠ", "3", "4"]
    prompt = loaded.tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}], add_generation_prompt=True, return_tensors="pt"
    )
    answer = loaded.model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in loaded.tokenizer.decode(answer[0])


@pytest.mark.slow
def test_the_embedded_model_has_the_weights_of_its_gguf() -> None:
    from haloforge.models import embedded_folder, gguf_file

    source = gguf_file()
    original = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    converted = AutoModelForCausalLM.from_pretrained(embedded_folder())
    assert converted.dtype is torch.float32
    assert AutoTokenizer.from_pretrained(embedded_folder()).eos_token == "<|im_end|>"
    expected, found = original.state_dict(), converted.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
