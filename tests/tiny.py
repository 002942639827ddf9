"""A tiny random Llama with a byte-level tokenizer and a chat template: real transformers files, made in a moment.

It has learned nothing; it is for plumbing.
"""

from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

_TEXTS = [
    "Write a Python function that adds two numbers.",
    "```python\ndef add(a, b):\n    return a + b\n```",
    "def largest(items):\n    best = items[0]\n    for item in items:\n        best = max(best, item)\n    return best",
    "#include <iostream>\nint main() {\n    int n;\n    std::cin >> n;\n    std::cout << n * 2;\n    return 0;\n}\n",
]


def tiny_tokenizer() -> Any:
    """Byte-level BPE of at most 512 tokens, every byte among them; pad and end (<|im_end|>) differ."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.train_from_iterator(
        _TEXTS,
        trainers.BpeTrainer(
            vocab_size=512,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|pad|>", "<|im_start|>", "<|im_end|>"],
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def tiny_model(tokenizer: Any, seed: int = 0, heads: int = 4) -> Any:
    """A two-layer Llama of about 100,000 random weights (grouped-query attention, tied embeddings), fp32 on the CPU.

    With one head it has the 64 numbers that vLLM's attention on a CPU wants at least.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 2),
        max_position_embeddings=1024,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config).eval()


def save_tiny_model(folder: str | Path, seed: int = 0) -> Path:
    """Write the tiny model and its tokenizer into `folder` as a checkpoint that transformers loads."""
    tokenizer = tiny_tokenizer()
    tiny_model(tokenizer, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Path(folder)


def save_tiny_adapter(folder: str | Path, base: str | Path, seed: int = 0, rank: int = 4) -> Path:
    """Write a LoRA adapter with random (not zero) weights for the model in the folder `base`."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(
            model, LoraConfig(r=rank, lora_alpha=8, target_modules="all-linear", init_lora_weights=False)
        )
        adapted.save_pretrained(folder)
    return Path(folder)
