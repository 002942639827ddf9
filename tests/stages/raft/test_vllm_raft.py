"""RAFT over vLLM servers: the adapter of a cycle serves the next one, and training sees the servers' own tokens."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stored_samples import ids_of
from vllm_server import Stub, stubs
from worlds import benchmark_config, raft_config, run_benchmark, run_raft

from haloforge.config import BenchmarkConfig, RaftConfig
from haloforge.errors import BackendError, ConfigError, RunError
from haloforge.generate import own_servers
from haloforge.stages import benchmark, raft
from haloforge.store import Store

SMALL = {"raft.samples_per_prompt": 4, "evaluation.samples_per_prompt": 1, "generation.max_new_tokens": 30}


def at(config: Any, urls: list[str]) -> Any:
    return config.changed({"generation.backend": "vllm", "generation.endpoints": urls})


def texts(root: Path, run_id: str, **which: Any) -> dict[Any, tuple[int, ...]]:
    with Store(root) as store:
        rows = store.samples(run_id, **which)
        keys = [(s.cycle, s.purpose, s.sample.task_id, s.sample.index) for s in rows]
        return dict(zip(keys, ids_of(store, rows), strict=True))


@pytest.fixture(scope="module")
def finished(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RaftConfig, Path, str, list[Stub]]:
    """Two cycles over two servers; the second one dies after 15 completions."""
    folder, servers = tmp_path_factory.mktemp("served"), [Stub(str(taught)), Stub(str(taught), dies_after=15)]
    with stubs(*servers) as urls:
        config = at(raft_config(taught, folder, **SMALL), urls)
        return config, folder / "runs", run_raft(config, folder / "runs"), servers


def test_the_adapter_of_a_cycle_serves_the_next_under_a_name_of_its_own(
    finished: tuple[RaftConfig, Path, str, list[Stub]],
) -> None:
    config, _, run_id, (server, _) = finished
    cycles = [(f"{run_id}-cycle-{n}", str(Path(config.output_dir, f"cycle_{n}/final_model"))) for n in (1, 2)]
    assert server.loaded == cycles
    assert server.unloaded == [name for name, _ in cycles]
    assert {row["model"] for row in server.completions} == {config.sft_checkpoint, *(name for name, _ in cycles)}


def test_no_sample_is_lost_or_there_twice_when_a_server_dies(
    finished: tuple[RaftConfig, Path, str, list[Stub]],
) -> None:
    _, root, run_id, (_, dead) = finished
    assert dead.is_dead
    with Store(root) as store:
        said = [event.data["text"] for event in store.events(run_id, kind="log")]
        stored = [(s.cycle, s.purpose, s.sample.task_id, s.sample.index) for s in store.samples(run_id)]
        trains, held_out = (len(store.problems(run_id, held_out=which)) for which in (False, True))
    assert len(stored) == len(set(stored)) == 2 * 4 * trains + 3 * held_out
    assert any(f"{dead.url} is given up" in line for line in said)


def test_training_sees_the_prompt_ids_token_ids_and_log_probs_of_the_servers(
    finished: tuple[RaftConfig, Path, str, list[Stub]],
) -> None:
    _, root, run_id, servers = finished
    sent = {tuple(row["prompt"]) for server in servers for row in server.completions}
    with Store(root) as store:
        samples = list(store.tokens(stored.id for stored in store.samples(run_id)))
    assert all(tuple(s.prompt_ids) in sent for s in samples)
    assert all(s.token_ids and len(s.token_ids) == len(s.logprobs) for s in samples)


def test_a_run_goes_on_at_other_endpoints_and_not_silently_at_another_backend(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **SMALL, **{"raft.num_cycles": 1})
    with stubs(Stub(str(taught), dies_after=4)) as urls, Store(tmp_path / "runs") as store:
        run_id = store.create_run("raft", at(config, urls).to_json()).id
        with pytest.raises(BackendError, match="no vLLM endpoint is left"):
            run_raft(at(config, urls), tmp_path / "runs", run_id)
    with pytest.raises(RunError, match=r"generation\.backend changed"):
        run_raft(config, tmp_path / "runs", run_id)
    before = texts(tmp_path / "runs", run_id)
    with stubs(Stub(str(taught))) as urls:
        run_raft(at(config, urls), tmp_path / "runs", run_id)
    after = texts(tmp_path / "runs", run_id)
    assert before and before.items() <= after.items()


def test_a_benchmark_of_a_checkpoint_over_a_server_is_the_one_here(taught: Path, tmp_path: Path) -> None:
    greedy = {"samples": 1, "k": [1], "generation.temperature": 0.0}
    here = run_benchmark(benchmark_config(taught, tmp_path, **greedy), tmp_path / "runs")
    config = benchmark_config(taught, tmp_path, output=str(tmp_path / "served.json"), **greedy)
    with stubs(Stub(str(taught))) as urls:
        there = run_benchmark(at(config, urls), tmp_path / "runs")
    assert there["pass_at_k"] == here["pass_at_k"]
    assert there["model"]["sampled_by"] == "vllm" and "sampled_by" not in here["model"]


def test_a_dry_run_says_who_samples(taught: Path, tmp_path: Path) -> None:
    urls = ["http://127.0.0.1:9"]
    lines = benchmark.dry_run(at(benchmark_config(taught, tmp_path), urls), measures=False)
    assert "servers   vLLM at http://127.0.0.1:9" in lines
    assert any("vLLM" in line for line in raft.dry_run(at(raft_config(taught, tmp_path), urls)))


def test_without_endpoints_a_dry_run_says_that_servers_start_here(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_servers, "shutil", SimpleNamespace(which=lambda name: f"/opt/bin/{name}"))
    own = raft_config(taught, tmp_path).changed({"generation.backend": "vllm"})
    assert "servers   vLLM on this machine, one, on the CPU, which the run starts and stops" in raft.dry_run(own)


def test_without_endpoints_and_without_vllm_nothing_starts(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_servers, "shutil", SimpleNamespace(which=lambda name: None))
    own = {"generation.backend": "vllm"}
    with pytest.raises(ConfigError, match="no command vllm is on the PATH"):
        benchmark.dry_run(benchmark_config(taught, tmp_path).changed(own), measures=False)
    with pytest.raises(ConfigError, match="no command vllm is on the PATH"):
        run_raft(raft_config(taught, tmp_path).changed(own), tmp_path / "runs")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"generation.endpoints": "http://a:8000"}, "give generation.backend vllm"),
        ({"generation.backend": "vllm", "generation.endpoints": "a:8000"}, "'a:8000' is no web address"),
        ({"generation.backend": "openai"}, "gives no token ids and no log-probs back"),
        ({"generation.backend": "vllm", "generation.endpoints": "http://a", "lora.use_dora": True}, "DoRA"),
        (
            {"generation.backend": "vllm", "generation.endpoints": "http://a", "generation.load_in_4bit": True},
            "load_in_4bit is for the local backend",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        RaftConfig.load(None, {"prompts": "problems.jsonl"} | changes)


def test_a_benchmark_has_one_kind_of_server() -> None:
    data = {"model": "m", "prompts": "p", "backend": "openai", "generation.backend": "vllm"}
    with pytest.raises(ConfigError, match="give one of them"):
        BenchmarkConfig.load(None, data | {"generation.endpoints": "http://a:8000"})
