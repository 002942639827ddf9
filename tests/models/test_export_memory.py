"""An export holds one copy of the weights: measured in a process of its own, against the size of the file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_adapter, tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
]

MEASURE = """
import json, sys, threading
import peft, torch, transformers
from gguf import GGUFWriter
from haloforge.models import export
from haloforge.models.gguf import export_gguf

def held():
    lines = dict(line.split(":") for line in open("/proc/self/status"))
    return int(lines["RssAnon"].split()[0]) * 1024

def watch():
    global peak
    while not over.wait(0.002):
        peak = max(peak, held())

before = peak = held()
over = threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
if sys.argv[1] == "gguf":
    export_gguf(sys.argv[2], sys.argv[3], kind="bf16")
else:
    export(sys.argv[2], sys.argv[3], dtype="bfloat16")
over.set()
watcher.join()
print(json.dumps(peak - before))
"""


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter on a random Llama of 146 million weights, 292 MB in bf16."""
    folder, tokenizer = tmp_path_factory.mktemp("big"), tiny_tokenizer()
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 9, "num_attention_heads": 16}
    config = LlamaConfig(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, bos_token_id=None, **sizes)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    return save_tiny_adapter(folder / "adapter", folder / "base")


@pytest.mark.parametrize("form", ["merged", "gguf"])
def test_an_export_holds_one_copy_of_the_weights(form: str, adapter: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", MEASURE, form, str(adapter), str(tmp_path / "out")]
    peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    size = (adapter.parent / "base" / "model.safetensors").stat().st_size
    print(f"{form}: {peak / size:.2f} times the {size / 1e6:.0f} MB of the weights")
    assert peak < 1.5 * size
