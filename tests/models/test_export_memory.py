"""An export holds one copy of the weights: measured in a process of its own, against the size of the file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import save_tiny_adapter, save_tiny_model, tiny_tokenizer
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

def make(form, model, output):
    export_gguf(model, output, kind="bf16") if form == "gguf" else export(model, output, dtype="bfloat16")

make(sys.argv[1], sys.argv[4], sys.argv[3] + "-small")  # what is imported on the way is none of the weights
before = peak = held()
over = threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
make(*sys.argv[1:4])
over.set()
watcher.join()
print(json.dumps(peak - before))
"""


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter on a random Llama of 50 million weights."""
    folder, tokenizer = tmp_path_factory.mktemp("big"), tiny_tokenizer()
    sizes = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 16}
    config = LlamaConfig(vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id, bos_token_id=None, **sizes)
    model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    return save_tiny_adapter(folder / "adapter", folder / "base")


@pytest.mark.parametrize("form", ["merged"])
def test_an_export_holds_one_copy_of_the_weights(form: str, adapter: Path, tmp_path: Path) -> None:
    small = save_tiny_adapter(tmp_path / "small", save_tiny_model(tmp_path / "base"))
    command = [sys.executable, "-c", MEASURE, form, str(adapter), str(tmp_path / "out"), str(small)]
    peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    size = (adapter.parent / "base" / "model.safetensors").stat().st_size
    print(f"{form}: {peak / size:.2f} times the {size / 1e6:.0f} MB of the weights")
    assert peak < 1.9 * size  # two copies would be 2; 1.3 to 1.7 were seen
