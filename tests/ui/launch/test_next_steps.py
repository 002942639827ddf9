"""What a finished run offers next, and what it fills in."""

from pathlib import Path

import pytest
from seeded import BENCHMARK, PREPARE, RAFT, SFT, add_cycles, make_run, problem

from haloforge.config import BenchmarkConfig
from haloforge.files import write_jsonl
from haloforge.problems import Manifest, write_manifest
from haloforge.store import Store
from haloforge.ui.launch.next_steps import open_stage, prefill, steps


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def texts(store: Store, run_id: str) -> list[str]:
    return [step.text for step in steps(store, store.run(run_id))]


def write_data(name: str, *, for_training: bool) -> None:
    write_jsonl(Path(name), [problem().to_json()])
    write_manifest(name, Manifest(dataset="mine", source="me", for_training=for_training))


def test_data_is_trained_on_and_test_data_is_benchmarked_on(store: Store, workspace: Path) -> None:
    run = make_run(store, PREPARE, "done", cwd=str(workspace))
    assert texts(store, run.id) == ["Train on this", "Run RAFT on this"]
    write_data("data/train.jsonl", for_training=False)
    assert texts(store, run.id) == ["Benchmark on this"]


def test_a_run_that_is_not_done_offers_nothing(store: Store) -> None:
    assert texts(store, make_run(store, SFT, "failed").id) == []


def test_after_sft_comes_raft_on_the_same_data(store: Store, workspace: Path) -> None:
    run = make_run(store, SFT, "done", cwd=str(workspace))
    assert texts(store, run.id) == ["Run RAFT", "Benchmark", "Make it ready for others", "Try it"]
    assert prefill(store, run, "raft") == {"sft_checkpoint": "models/sft/final_model", "prompts": "data/train.jsonl"}


def test_after_raft_its_best_cycle_is_compared_with_the_start(store: Store, workspace: Path) -> None:
    run = make_run(store, RAFT, "done", cwd=str(workspace))
    add_cycles(store, run, [0.2, 0.5, 0.4])
    step = steps(store, run)[0]
    assert step.text == "Compare with before"
    assert step.address.endswith("1") and "tab=compare" in step.address


def test_a_benchmark_is_compared_with_an_earlier_one_on_the_same_problems(store: Store, workspace: Path) -> None:
    make_run(store, BENCHMARK, "done", cwd=str(workspace))
    other = make_run(store, BENCHMARK.changed({"prompts": "data/else.jsonl", "output": "results/x.json"}), "done")
    after = BENCHMARK.changed({"model": "models/sft/final_model", "output": "results/after.json"})
    run = make_run(store, after, "done", cwd=str(workspace))
    first = steps(store, run)[0]
    assert first.text == "Compare with before" and "benchmark.json" in first.address and "after.json" in first.address
    assert "Compare with before" not in texts(store, other.id)


def test_a_benchmark_of_a_new_model_is_set_as_the_one_before(store: Store, workspace: Path) -> None:
    earlier = BENCHMARK.changed({"samples": 7, "generation.temperature": 0.3})
    make_run(store, earlier, "done", cwd=str(workspace))
    flat = prefill(store, make_run(store, SFT, "done", cwd=str(workspace)), "benchmark")
    config = BenchmarkConfig.load(None, {k: v for k, v in flat.items() if v is not None})
    assert (config.samples, config.generation.temperature, config.prompts) == (7, 0.3, "data/test.jsonl")
    assert config.model == "models/sft/final_model" and flat["output"] is None


def test_the_first_benchmark_takes_test_data_and_never_training_data(store: Store, workspace: Path) -> None:
    write_data("data/train.jsonl", for_training=True)
    run = make_run(store, SFT, "done", cwd=str(workspace))
    assert prefill(store, run, "benchmark") == {"model": "models/sft/final_model"}
    write_data("data/held-out.jsonl", for_training=False)
    assert prefill(store, run, "benchmark")["prompts"] == "data/held-out.jsonl"


def test_the_address_of_the_next_stage_names_the_run(store: Store) -> None:
    run = make_run(store, SFT, "done")
    assert open_stage("raft", run) == f"?tab=raft&from={run.id}"


def test_a_release_begins_with_the_model_that_the_run_made(store: Store, workspace: Path) -> None:
    run = make_run(store, RAFT, "done", cwd=str(workspace))
    [step] = [step for step in steps(store, run) if step.text == "Make it ready for others"]
    assert step.address == open_stage("release", run) and "tab=release" in step.address
    assert prefill(store, run, "release") == {"model": "models/raft"}
