"""The Modelfile beside a GGUF: a chat template as pieces that Ollama understands."""

from pathlib import Path

import pytest
from tiny import save_tiny_model, tiny_tokenizer

from haloforge.models import FALLBACK_CHAT_TEMPLATE, load
from haloforge.models.gguf.modelfile import modelfile, turn_texts

CHATML = tiny_tokenizer().chat_template
QWEN = (
    "{%- if messages[0]['role'] == 'system' %}{{ '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}"
    "{%- else %}{{ '<|im_start|>system\nYou are Qwen.<|im_end|>\n' }}{%- endif %}"
    "{%- for m in messages %}{%- if m['role'] != 'system' %}"
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
LLAMA3 = (
    "{{ '<|begin|>' }}{% for m in messages %}"
    "{{ '<|h|>' + m['role'] + '<|/h|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|h|>assistant<|/h|>\n\n' }}{% endif %}"
)
NUMBERED = "{% for m in messages %}{{ loop.index ~ m['content'] }}{% endfor %}{{ 'answer:' }}"
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "1 + 1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "2 + 2?"},
]


@pytest.mark.parametrize("template", [CHATML, QWEN, LLAMA3, FALLBACK_CHAT_TEMPLATE])
@pytest.mark.parametrize("start", [0, 1])
def test_the_pieces_make_the_prompts_of_the_template(template: str, start: int) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    pieces = turn_texts(tokenizer)
    assert pieces
    expected = tokenizer.apply_chat_template(CHAT[start:], tokenize=False, add_generation_prompt=True)
    assert pieces.render(CHAT[start:]) == expected


def test_a_template_that_is_not_made_of_pieces_is_left_to_the_gguf() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = NUMBERED
    assert turn_texts(tokenizer) is None


def test_the_modelfile_names_the_file_the_template_and_what_ends_an_answer(tmp_path: Path) -> None:
    text = modelfile(load(str(save_tiny_model(tmp_path / "model")), device="cpu"), "small-F16.gguf")
    assert text.startswith("FROM ./small-F16.gguf\n") and 'PARAMETER stop "<|im_end|>"' in text
    assert '{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n{{ else if' in text
    assert "SYSTEM" not in text
