"""A plan's time is told before it starts with what it rests on, and how far off it was when it is done."""

import os
from pathlib import Path

import pytest
from known_rates import know_rates
from worlds import benchmark_config, raft_config, run_benchmark

from haloforge.config import RaftConfig
from haloforge.estimates import Adapting
from haloforge.stages import benchmark, raft
from haloforge.stages.shared.forecast import Plan, forecast
from haloforge.store import Store


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))


def log_of(root: Path) -> list[str]:
    with Store(root) as store:
        (run,) = store.runs()
        return [event.data["text"] for event in store.events(run.id, kind="log")]


def test_a_run_ends_with_how_far_off_its_estimates_were(taught: Path, tmp_path: Path) -> None:
    know_rates(taught)
    run_benchmark(benchmark_config(taught, tmp_path, samples=1, k=[1]), tmp_path / "runs")
    (time,) = [line for line in log_of(tmp_path / "runs") if line.startswith("time: ")]
    assert " estimated (" in time and time.endswith("%)")


def test_a_run_whose_time_nobody_asked_for_measures_nothing(taught: Path, tmp_path: Path) -> None:
    run_benchmark(benchmark_config(taught, tmp_path, samples=1, k=[1]), tmp_path / "runs")
    assert not [line for line in log_of(tmp_path / "runs") if line.startswith("time: ")]
    assert not (tmp_path / "cache" / "halo-forge" / "estimates").exists()


def test_a_raft_run_counts_every_cycle(taught: Path, tmp_path: Path) -> None:
    def seconds(cycles: int) -> dict[str, float]:
        config = raft_config(taught, tmp_path, **{"raft.num_cycles": cycles})
        know_rates(taught, Adapting(config.training, config.lora))
        found: dict[str, float] = {}
        for phase in times_of(config):
            for kind, value in phase.items():
                found[kind] = found.get(kind, 0.0) + value
        return found

    one, three = seconds(1), seconds(3)
    assert three["training"] == pytest.approx(3 * one["training"])
    assert three["sampling"] == pytest.approx(3 * one["sampling"], rel=0.2)
    assert three["evaluation"] == pytest.approx(2 * one["evaluation"])  # the starting model is evaluated too


def times_of(config: RaftConfig) -> list[dict[str, float]]:
    from haloforge.stages.raft.inputs import checked_split
    from haloforge.stages.raft.plan_estimate import plan_of

    found = forecast(plan_of(config, checked_split(config), config.sft_checkpoint))
    assert not found.unknown
    return [dict(phase.parts) for phase in found.wall]


def test_the_dry_run_says_what_a_time_rests_on(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path)
    know_rates(taught, Adapting(config.training, config.lora))
    (line,) = [line for line in raft.dry_run(config) if line.startswith("time")]
    assert "sampling" in line and "training" in line and "evaluation" in line
    assert "tokens on average, assumed, as no earlier run tells; half of what a cycle may keep is kept" in line


def test_the_dry_run_says_when_others_use_the_machine(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_rates(taught)
    config = benchmark_config(taught, tmp_path)
    for load, is_told in ((0.1, False), (1000.0, True)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, load, load))
        assert ("longer while 1000 processes share" in benchmark.dry_run(config)[-1]) == is_told


def test_a_time_that_cannot_be_known_says_why(tmp_path: Path) -> None:
    missing = Plan("nobody/never-heard-of-it", lambda room: [], lambda pace: [])
    assert forecast(missing).text().startswith("not known: the model is not on this machine yet")


def test_the_lengths_of_an_earlier_run_count(taught: Path, tmp_path: Path) -> None:
    know_rates(taught)
    run_benchmark(benchmark_config(taught, tmp_path, samples=1, k=[1]), tmp_path / "runs")
    again = benchmark_config(taught, tmp_path, output=str(tmp_path / "again.json"))
    assert "tokens on average, as in run benchmark-" in benchmark.dry_run(again)[-1]
