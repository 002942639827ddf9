"""Tiny random models of every architecture that a GGUF file can hold, each with what is special about it."""

from pathlib import Path
from typing import Any

from tiny import tiny_tokenizer

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


def configs() -> dict[str, Any]:
    """A config by the name of what it is; the vocabulary is the tiny tokenizer's."""
    from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, SmolLM3Config

    yarn = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "original_max_position_embeddings": 128}
    linear = {"rope_type": "linear", "rope_theta": 1000.0, "factor": 2.0}
    return {
        "llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
        "llama tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
        "llama 3.1 positions": LlamaConfig(**SIZES, rope_parameters=LLAMA3_ROPE),
        "llama linear positions": LlamaConfig(**SIZES, rope_parameters=linear),
        "llama with biases": LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
        "mistral": MistralConfig(**SIZES, head_dim=32, sliding_window=None),
        "qwen2": Qwen2Config(**SIZES, tie_word_embeddings=True),
        "qwen2 yarn": Qwen2Config(**SIZES, rope_parameters=yarn),
        "qwen3": Qwen3Config(**SIZES, head_dim=32),
        "smollm3": SmolLM3Config(**SIZES, tie_word_embeddings=True),
    }


NAMES = (
    "llama", "llama tied", "llama 3.1 positions", "llama linear positions", "llama with biases",
    "mistral", "qwen2", "qwen2 yarn", "qwen3", "smollm3",
)  # fmt: skip


def save_architecture(folder: Path, name: str) -> Path:
    """Write a model of that architecture with random weights, biases and norms included."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer, config = tiny_tokenizer(), configs()[name]
    config.vocab_size = len(tokenizer) + 3  # as in Qwen: more embeddings than tokens
    config.pad_token_id, config.eos_token_id, config.bos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id, None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(config).eval()
        for parameter in (p for p in model.parameters() if p.dim() == 1):
            torch.nn.init.normal_(parameter, mean=parameter.mean().item(), std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
