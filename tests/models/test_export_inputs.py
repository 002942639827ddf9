"""What cannot be exported is said in one sentence, and leaves nothing behind."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny import save_tiny_adapter, save_tiny_model, tiny_tokenizer
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen3Config

from haloforge.errors import MachineError, ModelError
from haloforge.models import export, export_adapter, resolve
from haloforge.models.gguf import export_gguf

SMALL = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "head_dim": 16}
ROPE = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}


def save(config: Any, folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    config.vocab_size = len(tokenizer)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (GPT2Config(n_embd=64, n_layer=1, n_head=4, bos_token_id=0, eos_token_id=0), "'gpt2' cannot be written"),
        (Qwen3Config(**SMALL, attention_bias=True), "it has biases"),
        (LlamaConfig(**SMALL, hidden_act="gelu"), "its activation is gelu"),
        (LlamaConfig(**SMALL, rope_parameters=ROPE), "of the kind dynamic"),
    ],
    ids=["gpt2", "biases", "activation", "positions"],
)
def test_a_model_that_llama_cpp_would_not_compute_alike_is_refused(config: Any, said: str, tmp_path: Path) -> None:
    model = save(config, tmp_path / "model")
    with pytest.raises(ModelError, match=said):
        export_gguf(str(model), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("kind", "said"), [("q4_k_l", "llama-quantize"), ("iq4_xs", "llama-quantize"), ("int4", "Unknown GGUF type")]
)
def test_a_number_format_that_is_not_there_is_named(kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        export_gguf("smollm2-135m", tmp_path / "out", kind=kind)


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    with pytest.raises(ModelError, match="exists already"):
        export_gguf(str(save_tiny_model(tmp_path / "model")), tmp_path / "out")


def test_a_disk_without_room_is_the_machine_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = save_tiny_model(tmp_path / "model")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(MachineError, match="No space left"):
        export_gguf(str(model), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_adapter_whose_base_is_gone_is_named(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    shutil.rmtree(base)
    for make in (export, export_gguf, export_adapter):
        with pytest.raises(ModelError, match="base does not exist"):
            make(str(adapter), tmp_path / "out")


def test_a_copied_adapter_is_the_same_for_plain_peft(tmp_path: Path) -> None:
    base = save_tiny_model(tmp_path / "base")
    adapter = save_tiny_adapter(tmp_path / "adapter", base)
    checkpoint = export_adapter(str(adapter), tmp_path / "out")
    weights = [folder / "adapter_model.safetensors" for folder in (adapter, tmp_path / "out")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert checkpoint.is_adapter and checkpoint.base_model == resolve(str(base)).path


def test_a_full_model_has_no_adapter_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no adapter to export"):
        export_adapter(str(save_tiny_model(tmp_path / "base")), tmp_path / "out")
