"""Several seeds are several runs, and all of them are reported."""

import json
import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from worlds import raft_config, run_raft

from haloforge import jobs
from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.files import write_text
from haloforge.stages import raft
from haloforge.stages.raft.experiments import configs_of, run_seeds, summary
from haloforge.store import Report, Store


def test_every_seed_has_a_folder_of_its_own_and_a_seed_named_twice_runs_once() -> None:
    config = RaftConfig.parse({"prompts": "p", "output_dir": "out", "seeds": "3, 1 3"})
    assert [(c.seed, c.output_dir) for c in configs_of(config)] == [(3, "out/seed_3"), (1, "out/seed_1")]


def test_a_config_without_seeds_is_itself() -> None:
    config = RaftConfig.parse({"prompts": "p"})
    assert configs_of(config) == [config]


def test_the_summary_counts_every_verdict() -> None:
    better = {"pass@1": {"value": 0.4}, "base_pass@1": {"value": 0.3}, "verdict": "better"}
    same = {"pass@1": {"value": 0.3}, "base_pass@1": {"value": 0.3}, "verdict": "no detectable change"}
    text = summary([better, same, {"verdict": None}])
    assert text.startswith(
        "3 seeds: best cycle against the starting model +10.0 points, +0.0 points (mean +5.0 points); "
    )
    assert "better 1" in text and "not judged 1" in text


def test_a_dry_run_counts_all_seeds(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "none"))
    lines = raft.dry_run(raft_config(taught, tmp_path, seeds=[1, 2, 3]))
    assert "seeds     all of this 3 times, into folders seed_N of the output" in lines


@pytest.mark.parametrize(("ends", "status"), [(None, "done"), (Stopped(), "stopped"), (ValueError(), "failed")])
def test_the_run_of_a_seed_is_alive_while_it_is_worked_on_and_ends_as_its_work_does(
    ends: Exception | None, status: str, store: Store, tmp_path: Path
) -> None:
    config = RaftConfig.parse({"prompts": "p", "output_dir": str(tmp_path / "out"), "seeds": [1]})
    parent = jobs.submit(store, config)
    store.claim(parent.id, os.getpid())
    seen: list[str] = []

    def work(one: RaftConfig, report: Report) -> None:
        seen.extend((store.run(report.run_id).status, report.run_id))
        assert jobs.is_alive(store, report.run_id)
        write_text(Path(one.output_dir, "best.json"), json.dumps({"sentence": "nothing", "verdict": None}))
        if ends:
            raise ends

    with pytest.raises(type(ends)) if ends else nullcontext():
        run_seeds(config, Report(store, parent.id), work)
    assert seen[0] == "running" and store.run(seen[1]).status == status
    assert RaftConfig.load(store.folder(seen[1]) / "config.yaml").seed == 1


def test_a_seed_can_be_stopped_by_itself(store: Store, tmp_path: Path) -> None:
    config = RaftConfig.parse({"prompts": "p", "output_dir": str(tmp_path / "out"), "seeds": [1]})
    parent = jobs.submit(store, config)

    def work(one: RaftConfig, report: Report) -> None:
        assert not report.stop_asked()
        jobs.request_stop(store, report.run_id, "now")
        assert report.stop_asked()
        raise Stopped

    with pytest.raises(Stopped):
        run_seeds(config, Report(store, parent.id), work)


@pytest.mark.slow
def test_seeds_that_are_stopped_go_on_where_they_were(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.num_cycles": 1, "seeds": [1, 2]})
    with Store(tmp_path / "runs") as store:
        run = store.create_run("raft", config.to_json())
        store.update_run(run.id, stop="cycle")
        with pytest.raises(Stopped):
            raft.run(config, Report(store, run.id))
        store.update_run(run.id, stop="")
    run_raft(config, tmp_path / "runs", run.id)
    with Store(tmp_path / "runs") as store:
        children = [r for r in store.runs() if r.parent == run.id]
        sampled = {r.name: store.count_samples(r.id, purpose="train") for r in children}
        said = store.events(run.id, kind="log")[-1].data["text"]
    assert sampled == {"seed 1": 30, "seed 2": 30}
    assert [o["seed"] for o in json.loads(Path(config.output_dir, "seeds.json").read_text())] == [1, 2]
    assert said.startswith("2 seeds: best cycle against the starting model")
