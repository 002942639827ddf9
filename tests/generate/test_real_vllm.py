"""Real vLLM processes on loopback (`make test-vllm`): ids and log-probs as here, adapters by path, one killed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from tiny import save_tiny_adapter, tiny_tokenizer
from worlds import raft_config, run_raft

from haloforge.generate import SampleRequest, SamplingParams, open_local, open_vllm
from haloforge.records import Problem, Sample
from haloforge.store import Store

VLLM = os.environ.get("HALO_FORGE_VLLM", "")
pytestmark = [
    pytest.mark.skipif(not VLLM, reason="make test-vllm runs these against real vLLM"),
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]
PROBLEMS = [Problem(f"p{n}", f"Write a function that adds {n}.") for n in range(4)]
GREEDY = SampleRequest(PROBLEMS, 1, SamplingParams(max_new_tokens=24, temperature=0), seed=1)
SERVERS = int(os.environ.get("HALO_FORGE_VLLM_SERVERS", "2"))
"""One needs 3 GB of memory; with 1 only what one server can show is run."""


def save_model(folder: Path) -> str:
    """A tiny Llama with heads of 64: vLLM's CPU attention knows no smaller ones."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@contextmanager
def vllm(model: str, log: Path) -> Iterator[tuple[str, int]]:
    """A server's address and process group, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_HOST_IP": "127.0.0.1",
    }
    options = "--enable-lora --max-lora-rank 8 --max-loras 2 --max-model-len 512 --enforce-eager --dtype float32"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | settings
    words = [VLLM, "serve", model, "--host", "127.0.0.1", "--port", str(port), *options.split()]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*words, "--logprobs-mode", "raw_logprobs"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield url, process.pid
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(1)
    raise AssertionError(log.read_text()[-4000:])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_model(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="module")
def first(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with vllm(base, tmp_path_factory.mktemp("vllm") / "log") as (url, _):
        yield url


def sampled(engine: Any, request: SampleRequest) -> dict[tuple[str, int], Sample]:
    try:
        return {(s.task_id, s.index): s for s in engine.generate(request)}
    finally:
        engine.close()


def test_greedy_ids_and_log_probs_of_two_cycles_adapters_are_those_of_the_local_engine(
    base: str, first: str, tmp_path: Path
) -> None:
    furthest = 0.0
    for cycle in (1, 2):
        adapter = str(save_tiny_adapter(tmp_path / f"cycle_{cycle}", base, seed=cycle))
        ours = sampled(open_local(adapter), GREEDY)
        theirs = sampled(open_vllm(adapter, [first], f"run-cycle-{cycle}"), GREEDY)
        assert ours.keys() == theirs.keys()
        for key, one in ours.items():
            other = theirs[key]
            assert (one.prompt_ids, one.token_ids) == (other.prompt_ids, other.token_ids)
            assert (one.text, one.finish_reason) == (other.text, other.finish_reason)
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
            furthest = max(furthest, *(abs(a - b) for a, b in zip(one.logprobs, other.logprobs, strict=True)))
    print(f"log-probs differ by {furthest:.1e} at most")


def test_raft_of_two_cycles_runs_at_a_real_server(base: str, first: str, tmp_path: Path) -> None:
    """A random model solves nothing, so programs count that need not be right: what compiles is trained on."""
    urls = {"generation.backend": "vllm", "generation.endpoints": [first], "verifier.type": "subprocess"}
    config = raft_config(Path(base), tmp_path, **urls, **{"raft.control": "unverified"})
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        samples = [stored.sample for stored in store.samples(run_id)]
    assert samples and all(len(s.token_ids) == len(s.logprobs) for s in samples)


@pytest.mark.skipif(SERVERS < 2, reason="two real servers need 6 GB of memory")
def test_a_server_that_is_killed_in_the_middle_costs_no_sample(base: str, first: str, tmp_path: Path) -> None:
    request = SampleRequest(PROBLEMS, 24, SamplingParams(max_new_tokens=200, temperature=1.0), seed=1)
    said: list[str] = []
    with vllm(base, tmp_path / "log") as (second, group):
        engine = open_vllm(base, [first, second], "run-cycle-0", progress=said.append)
        found = []
        for sample in engine.generate(request):
            if not found:
                os.killpg(group, signal.SIGKILL)
            found.append((sample.task_id, sample.index, sample.finish_reason))
        engine.close()
    assert len(found) == len(set(found)) == request.size
    assert all(reason != "error" for *_, reason in found)
    assert any("is given up" in line for line in said)
