"""A model is measured once on a machine; what cannot be measured is not known, and stops nothing."""

import json
from contextvars import copy_context
from pathlib import Path

import pytest
from tiny import save_tiny_model
from transformers import MambaConfig

from haloforge.config import LoraSection, RaftTraining
from haloforge.estimates import Adapting, Rates, calibrated, calibration, remember
from haloforge.estimates.measure import measured


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))


def measure_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every measurement runs out of time at once."""
    monkeypatch.setattr(calibration, "LIMIT_S", 0)


def test_a_model_is_measured_once_and_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_tiny_model(tmp_path / "model")
    first = calibrated(folder, sampling=True, adapting=None)
    for rates in first:
        assert rates.sampling and rates.sampling.step(64, 100) > 0 and rates.sampling.prompts(200) > 0
    measure_no_more(monkeypatch)
    assert calibrated(folder, sampling=True, adapting=None) == first


def test_what_a_busy_machine_took_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_tiny_model(tmp_path / "model")
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    assert calibrated(folder, sampling=True, adapting=None).wall.sampling is not None
    measure_no_more(monkeypatch)
    assert calibrated(folder, sampling=True, adapting=None).wall.sampling is None


def test_who_plans_again_and_again_measures_a_busy_machine_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save_tiny_model(tmp_path / "model")
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))

    def plan_twice() -> None:
        remember()
        first = calibrated(folder, sampling=True, adapting=None)
        measure_no_more(monkeypatch)
        assert calibrated(folder, sampling=True, adapting=None) == first

    copy_context().run(plan_twice)


def test_the_trainers_own_steps_are_measured(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())  # a head whose share in the time is no noise
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 32_768}))
    asked = {"training": Adapting(RaftTraining(), LoraSection(r=4)).to_json()}
    found = measured(str(folder), asked)["training"]
    rates = Rates.from_json({"sampling": None, "training": found["cpu"]}).training
    assert rates and rates.part(200, 100) > rates.part(200, 0) >= 0 and rates.step > 0 and rates.scored > 0


def test_what_changes_the_seconds_is_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, adapting = "{}", Adapting(RaftTraining(), LoraSection())
    file = calibration.cache_file("training", config, adapting.to_json())
    wider = adapting._replace(lora=LoraSection(r=64))
    more_often = adapting._replace(settings=RaftTraining(epochs=9, batch_size=7))
    assert calibration.cache_file("training", config, more_often.to_json()) == file
    assert calibration.cache_file("training", config, wider.to_json()) != file
    assert calibration.cache_file("training", '{"hidden_size": 64}', adapting.to_json()) != file
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert calibration.cache_file("training", config, adapting.to_json()) != file


def test_a_model_that_cannot_be_measured_has_no_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measure_no_more(monkeypatch)
    (tmp_path / "config.json").write_text("{not json")
    found = calibrated(tmp_path, sampling=True, adapting=None)
    assert found.wall.sampling is None and found.wall.training is None


def test_a_model_that_does_not_run_in_slots_has_no_rate_of_sampling(tmp_path: Path) -> None:
    MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=512, state_size=4).save_pretrained(tmp_path)
    assert measured(str(tmp_path), {"sampling": {}}) == {"sampling": None}


def test_what_cannot_be_kept_is_known_all_the_same(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    calibration.cache_file("sampling", (folder / "config.json").read_text(), {}).mkdir(parents=True)
    assert calibrated(folder, sampling=True, adapting=None).wall.sampling is not None
