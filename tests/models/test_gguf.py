"""A GGUF file is the model that it was written from: real llama.cpp loads it and computes the same."""

from contextlib import suppress
from pathlib import Path
from typing import get_args

import gguf
import numpy as np
import pytest
import tiny_architectures
import torch
from llama_cpp import LlamaCpp, llama_cpp
from tiny import save_tiny_adapter, save_tiny_model, tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from haloforge.config import ReleaseConfig
from haloforge.errors import MachineError, ModelError
from haloforge.models import load
from haloforge.models.gguf import GGUF_TYPES, export_gguf, gguf_size, refuse_type
from haloforge.models.gguf.k_quants import quantize_file
from haloforge.models.gguf.precision import K_QUANTS

pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")

PROMPT = "def largest(items):\n    return 12"
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add 1 and 2."}]


def greedy(folder: Path, prompt: list[int], count: int) -> list[int]:
    """The same with transformers in fp32: likeliest token by likeliest token, up to the end token."""
    loaded = load(str(folder), device="cpu", dtype="float32")
    ids = list(prompt)
    with torch.inference_mode():
        while len(ids) < len(prompt) + count and ids[-1] != loaded.tokenizer.eos_token_id:
            ids.append(int(loaded.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def first(llama: LlamaCpp, prompt: list[int]) -> dict[int, float]:
    return llama.log_probabilities(prompt, 20)


@pytest.mark.parametrize("name", tiny_architectures.NAMES)
def test_llama_cpp_computes_every_architecture_as_transformers_does(name: str, tmp_path: Path) -> None:
    folder = tiny_architectures.save_architecture(tmp_path / "model", name)
    prompt = load(str(folder)).tokenizer(PROMPT * 4).input_ids
    with llama_cpp(export_gguf(str(folder), tmp_path / "out", kind="f32")) as llama, torch.inference_mode():
        expected = load(str(folder)).model(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
        found = first(llama, prompt)
        assert llama.greedy(prompt, 20) == greedy(folder, prompt, 20)
    assert len(found) == 20
    assert max(abs(expected[token].item() - value) for token, value in found.items()) < 0.001


def test_a_half_precision_file_is_the_model_as_good_as_half_precision_goes(tmp_path: Path) -> None:
    folder = tiny_architectures.save_architecture(tmp_path / "model", "qwen2")
    prompt = load(str(folder)).tokenizer(PROMPT).input_ids
    with torch.inference_mode():
        expected = load(str(folder)).model(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    worst = {}
    for kind in GGUF_TYPES:
        with llama_cpp(export_gguf(str(folder), tmp_path / kind, kind=kind)) as llama:
            found = first(llama, prompt)
        worst[kind] = max(abs(expected[token].item() - value) for token, value in found.items())
    assert worst["f32"] < 0.001 and worst["f16"] < 0.02 and worst["bf16"] < 0.2 and worst["q8_0"] < 0.3, worst
    assert all(worst[kind] < 3 for kind in GGUF_TYPES), worst


def test_every_number_format_that_the_package_writes_is_offered_everywhere() -> None:
    written = set()
    for kind in gguf.GGMLQuantizationType:
        with suppress(NotImplementedError):
            gguf.quants.quantize(np.zeros((1, 256), np.float32), kind)
            written.add(kind.name.lower())
    assert {*GGUF_TYPES} - {*K_QUANTS} == written
    assert get_args(ReleaseConfig.model_fields["type"].annotation) == GGUF_TYPES


def test_k_quants_are_made_by_llama_cpp_itself(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    sizes = tiny_architectures.SIZES | {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2}
    tokenizer.save_pretrained(tmp_path / "model")
    LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=len(tokenizer))).save_pretrained(tmp_path / "model")
    file = export_gguf(str(tmp_path / "model"), tmp_path / "out", kind="q4_k_m")
    assert [path.name for path in file.parent.glob("*.gguf")] == ["out-Q4_K_M.gguf"]
    assert {tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors} == {"F32", "Q4_K", "Q6_K"}
    tensors = sum(tensor.n_bytes for tensor in gguf.GGUFReader(file).tensors)
    assert tensors == pytest.approx(gguf_size(tmp_path / "model", "q4_k_m"), rel=0.1)


def test_k_quants_without_their_package_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haloforge.models.gguf.precision.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"q4_k_m needs .*pip install 'halo-forge\[kquants\]'; or use one of f32"):
        refuse_type("q4_k_m")


def test_what_llama_cpp_cannot_quantize_is_said_in_its_words(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(MachineError, match=r"^llama\.cpp could not make b\.gguf: .+"):
        quantize_file(tmp_path / "a.gguf", tmp_path / "b.gguf", "q4_k_m")


@pytest.mark.parametrize("kind", ["tq2_0", "tq1_0"])
def test_a_ternary_model_is_written_in_ternary_numbers_and_no_other_model_is(kind: str, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    sizes = tiny_architectures.SIZES | {"hidden_size": 256, "intermediate_size": 256, "num_hidden_layers": 2}
    torch.manual_seed(1)
    model = LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=len(tokenizer), tie_word_embeddings=True))
    tokenizer.save_pretrained(tmp_path / "model")
    model.save_pretrained(tmp_path / "model")
    with pytest.raises(ModelError, match="other numbers than -1, 0 and 1 times a scale.*Use --type q4_0"):
        export_gguf(str(tmp_path / "model"), tmp_path / "out", kind=kind)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data = layer.weight.data.sign() * (layer.weight.data.abs() > 0.2) * 0.0625
    model.save_pretrained(tmp_path / "model")
    prompt = load(str(tmp_path / "model")).tokenizer(PROMPT).input_ids
    file = export_gguf(str(tmp_path / "model"), tmp_path / "out", kind=kind)
    kinds = {tensor.tensor_type.name.lower() for tensor in gguf.GGUFReader(file).tensors}
    assert kinds == {"f32", "q8_0", kind}
    with llama_cpp(file) as llama, torch.inference_mode():
        expected = model.eval()(input_ids=torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
        found = first(llama, prompt)
    assert max(abs(expected[token].item() - value) for token, value in found.items()) < 0.3


def test_an_adapter_is_merged_into_the_file(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    prompt = load(str(adapter)).tokenizer(PROMPT).input_ids
    with llama_cpp(export_gguf(str(adapter), tmp_path / "out", kind="f32")) as llama:
        assert llama.greedy(prompt, 30) == greedy(adapter, prompt, 30) != greedy(base, prompt, 30)


def test_the_chat_template_and_the_tokenizer_are_the_ones_of_the_model(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    tokenizer = load(str(folder)).tokenizer
    text = "\tdef f(x):\n\n    return x+12345  # it's \u00fc\u4e2d\U0001f600 \r\n<|im_end|>"
    with llama_cpp(export_gguf(str(folder), tmp_path / "out")) as llama:
        prompt = llama.prompt_of(CHAT)
        assert prompt == tokenizer.apply_chat_template(CHAT, tokenize=False, add_generation_prompt=True)
        for each in (text, prompt):
            assert llama.tokens(each) == tokenizer(each).input_ids
