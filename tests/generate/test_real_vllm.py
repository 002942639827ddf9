"""Real vLLM processes on loopback (`make test-vllm`): ids and log-probs as here, adapters by path, one killed.

The model has learned the small world of `worlds`, so a cycle of RAFT keeps something, and the next one samples from an
adapter that is not the model it started from. Each server needs 3 GB of memory, and a minute to start.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import torch
from known_rates import know_rates
from tiny import save_tiny_adapter, save_tiny_model
from worlds import problems, raft_config, run_raft, save_taught_model

from haloforge.children import end_group, own_environment
from haloforge.config import LoraSection, RaftConfig, RaftTraining
from haloforge.errors import BackendError
from haloforge.estimates import Adapting
from haloforge.generate import SampleRequest, SamplingParams, open_local, open_vllm
from haloforge.generate.own_servers import ON_CPU, free_ports
from haloforge.models import load
from haloforge.records import Sample
from haloforge.store import Store, StoredTokens

VLLM = os.environ.get("HALO_FORGE_VLLM", "")
pytestmark = [
    pytest.mark.skipif(not VLLM, reason="make test-vllm runs these against real vLLM"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]
GREEDY = SampleRequest(problems(), 1, SamplingParams(max_new_tokens=24, temperature=0), seed=1)
OPTIONS = "--enable-lora --max-lora-rank 8 --dtype float32 --logprobs-mode raw_logprobs"
SETTINGS = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "OMP_NUM_THREADS": "1",
    "VLLM_HOST_IP": "127.0.0.1",
}


@dataclass(frozen=True)
class Server:
    """Its address, the process that heads its group, and its log."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def models(self) -> list[str]:
        """What it serves now: the base, and adapters."""
        return [row["id"] for row in httpx.get(f"{self.url}/v1/models").json()["data"]]

    def kill(self) -> None:
        """Take it away without a word."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(model: str, folder: Path, ports: Iterable[int]) -> Iterator[list[Server]]:
    """Servers of a model, ready; they start at the same time."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | SETTINGS
    servers = []
    try:
        for port in ports:
            words = [VLLM, "serve", model, "--host", "127.0.0.1", "--port", str(port)]
            words += [*OPTIONS.split(), *ON_CPU.split()]
            log = folder / f"{port}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(words, env=environment, stdout=output, stderr=output, start_new_session=True)
            servers.append(Server(f"http://127.0.0.1:{port}", process, log))
        for server in servers:
            wait_until_ready(server)
        yield servers
    finally:
        for server in servers:
            end_group(server.process, 60)


def wait_until_ready(server: Server) -> None:
    """Until it answers; a test has a limit of its own."""
    while True:
        assert server.process.poll() is None, server.log.read_text()[-4000:]
        try:
            if httpx.get(f"{server.url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_taught_model(tmp_path_factory.mktemp("models") / "base", heads=1)
    know_rates(folder, Adapting(RaftTraining(), LoraSection(r=4)))
    return folder


@pytest.fixture(scope="module")
def servers(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with serving(str(base), tmp_path_factory.mktemp("servers"), free_ports(2)) as ready:
        yield ready


@pytest.fixture(scope="module")
def urls(servers: list[Server]) -> list[str]:
    return [server.url for server in servers]


def sampled(engine: Any, request: SampleRequest) -> dict[tuple[str, int], Sample]:
    try:
        return {(s.task_id, s.index): s for s in engine.generate(request)}
    finally:
        engine.close()


def furthest(model: Path, samples: Sequence[Sample | StoredTokens]) -> float:
    """How far the log-probs of samples lie from those that the model gives their tokens here."""
    loaded, most = load(str(model), device="cpu"), 0.0
    for sample in samples:
        ids = torch.tensor([[*sample.prompt_ids, *sample.token_ids]])
        with torch.inference_mode():
            scores = loaded.model(input_ids=ids).logits[0, len(sample.prompt_ids) - 1 : -1].log_softmax(-1)
        ours = scores.gather(1, torch.tensor(sample.token_ids)[:, None])[:, 0]
        most = max(most, float((ours - torch.tensor(sample.logprobs)).abs().max()))
    return most


def test_greedy_ids_and_log_probs_of_two_cycles_adapters_are_those_of_the_local_engine(
    base: Path, urls: list[str], tmp_path: Path
) -> None:
    most = 0.0
    for cycle in (1, 2):
        adapter = str(save_tiny_adapter(tmp_path / f"cycle_{cycle}", base, seed=cycle))
        ours = sampled(open_local(adapter), GREEDY)
        theirs = sampled(open_vllm(adapter, urls, f"run-cycle-{cycle}"), GREEDY)
        assert ours.keys() == theirs.keys()
        for key, one in ours.items():
            other = theirs[key]
            assert (one.prompt_ids, one.token_ids) == (other.prompt_ids, other.token_ids)
            assert (one.text, one.finish_reason) == (other.text, other.finish_reason)
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
            most = max(most, *(abs(a - b) for a, b in zip(one.logprobs, other.logprobs, strict=True)))
    print(f"log-probs differ by {most:.1e} at most")


@pytest.fixture(scope="module")
def two_cycles(
    base: Path, urls: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[RaftConfig, dict[int, list[StoredTokens]]]:
    """RAFT over both servers; what its cycles sampled to train on, by cycle."""
    folder = tmp_path_factory.mktemp("raft")
    served = {"generation.backend": "vllm", "generation.endpoints": urls}
    config = raft_config(base, folder, **served, **{"raft.samples_per_prompt": 12})
    run_id = run_raft(config, folder / "runs")
    with Store(folder / "runs") as store:
        assert store.count_samples(run_id, cycle=1, purpose="train", kept=True)
        return config, {cycle: tokens_of(store, run_id, cycle, "train") for cycle in (1, 2)}


def tokens_of(store: Store, run_id: str, cycle: int, purpose: str) -> list[StoredTokens]:
    return list(store.tokens(sample.id for sample in store.samples(run_id, cycle=cycle, purpose=purpose)))


def test_the_adapter_of_cycle_1_serves_cycle_2(
    base: Path, two_cycles: tuple[RaftConfig, dict[int, list[StoredTokens]]]
) -> None:
    config, of_cycle = two_cycles
    first = Path(config.output_dir, "cycle_1", "final_model")
    assert of_cycle[1] and furthest(base, of_cycle[1]) < 1e-3
    assert of_cycle[2] and furthest(first, of_cycle[2]) < 1e-3
    assert furthest(base, of_cycle[2]) > 0.1  # so that the adapter is more than a name


def test_the_adapters_of_a_run_are_unloaded_after_it(
    servers: list[Server], two_cycles: tuple[RaftConfig, dict[int, list[StoredTokens]]]
) -> None:
    assert [len(server.models()) for server in servers] == [1, 1]


def test_a_server_with_another_model_is_refused_in_one_sentence(urls: list[str], tmp_path: Path) -> None:
    other = str(save_tiny_model(tmp_path / "other"))
    with pytest.raises(BackendError, match=rf"serves .*base, and {other} is meant"):
        open_vllm(other, urls, "run-cycle-0")


def test_an_adapter_of_too_large_a_rank_is_refused_in_one_sentence(base: Path, urls: list[str], tmp_path: Path) -> None:
    adapter = str(save_tiny_adapter(tmp_path / "large", base, rank=16))
    with pytest.raises(BackendError, match=r"cannot load the adapter .*--max-lora-rank 16 or more"):
        open_vllm(adapter, urls, "run-cycle-0")


def test_a_server_that_is_killed_in_the_middle_costs_no_sample(
    base: Path, servers: list[Server], urls: list[str], tmp_path: Path
) -> None:
    adapter = str(save_tiny_adapter(tmp_path / "adapter", base))
    request = SampleRequest(problems(), 24, SamplingParams(max_new_tokens=200, temperature=1.0), seed=1)
    said: list[str] = []
    engine = open_vllm(adapter, urls, "run-cycle-1", progress=said.append)
    found = []
    for sample in engine.generate(request):
        if not found:
            servers[1].kill()
        found.append((sample.task_id, sample.index, sample.finish_reason))
    engine.close()
    assert len(found) == len({(task_id, index) for task_id, index, _ in found}) == request.size
    assert all(reason != "error" for *_, reason in found)
    assert any("is given up" in line for line in said)
    assert len(servers[0].models()) == 1


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{Path(VLLM).absolute().parent}:{os.environ['PATH']}")


def test_a_run_starts_vllm_itself_and_ends_it_where_it_trains(base: Path, tmp_path: Path, on_path: None) -> None:
    own = {"generation.backend": "vllm", "generation.cache_memory": 1, "raft.num_cycles": 1}
    config = raft_config(base, tmp_path, **own, **{"raft.samples_per_prompt": 12})
    others = set(psutil.Process().children(recursive=True))  # the servers that the tests before this one share
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        said = [event.data["text"] for event in store.events(run_id, kind="log")]
        before, after = (tokens_of(store, run_id, cycle, "eval") for cycle in (0, 1))
        assert (store.folder(run_id) / "vllm-0.log").stat().st_size
    assert len([line for line in said if line.startswith("vLLM is ready after")]) == 2
    assert before and furthest(base, before) < 1e-3
    assert after and furthest(Path(config.output_dir, "cycle_1", "final_model"), after) < 1e-3
    left = set(psutil.Process().children(recursive=True)) - others
    assert not [p for p in left if "vllm" in " ".join(p.cmdline()).lower()]


KILLED = """
import sys, time
from pathlib import Path
from haloforge.generate.own_servers import OwnServers
from haloforge.models import outline_of
servers = OwnServers(Path(sys.argv[2]), lambda line: print(line, flush=True), cache_gib=1)
servers.serving(outline_of(sys.argv[1]))
time.sleep(600)
"""


def test_vllm_ends_with_a_run_that_is_killed(base: Path, tmp_path: Path, on_path: None) -> None:
    words = [sys.executable, "-c", KILLED, str(base), str(tmp_path)]
    run = subprocess.Popen(words, env=own_environment(), stdout=subprocess.PIPE, text=True)
    assert run.stdout and any("is ready" in line for line in iter(run.stdout.readline, ""))
    below = psutil.Process(run.pid).children(recursive=True)
    assert len(below) > 2  # the guard, vLLM, and its own processes
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(below, timeout=120)
    assert not alive
