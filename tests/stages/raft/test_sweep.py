"""The strength of an adapter is one factor; a DoRA adapter has lengths besides, so it is left alone."""

import json
from pathlib import Path

import pytest
from tiny import save_tiny_adapter, save_tiny_model
from worlds import problems, raft_config

from haloforge.errors import ConfigError
from haloforge.stages import raft
from haloforge.stages.raft.evaluation import Evaluation
from haloforge.stages.raft.sweep import sweep
from haloforge.statistics import Estimate
from haloforge.store import Report, Store


def test_strength_and_dora_exclude_each_other(tmp_path: Path) -> None:
    config = raft_config(save_tiny_model(tmp_path / "m"), tmp_path, **{"raft.sweep": True, "lora.use_dora": True})
    with pytest.raises(ConfigError, match="raft.sweep scales the adapter .* give one of them"):
        raft.dry_run(config)


def test_a_run_that_started_from_a_dora_adapter_ends_without_the_sweep(store: Store, tmp_path: Path) -> None:
    config = raft_config(tmp_path / "m", tmp_path, **{"raft.sweep": True})
    trained = save_tiny_adapter(tmp_path / "out" / "cycle_1" / "final_model", save_tiny_model(tmp_path / "m"))
    said = json.loads((trained / "adapter_config.json").read_text())
    (trained / "adapter_config.json").write_text(json.dumps(said | {"use_dora": True}))
    report = Report(store, store.create_run("raft", {}).id)
    evaluated = [Evaluation(1, [], Estimate(0.5, 0.4, 0.6, "bootstrap"))]
    sweep(report, config, problems(), evaluated, lambda folder, work: pytest.fail(f"{folder} was sampled from"))
    assert "DoRA" in next(e.data["text"] for e in store.events(report.run_id, kind="log"))
