"""Rates of a model put where a measurement would leave them, so that a test of an estimate measures nothing."""

import json
from dataclasses import asdict
from pathlib import Path

from haloforge.estimates import Adapting, cache_file
from haloforge.estimates.rates import SamplingRates, TrainingRates

SAMPLING = SamplingRates(passes=((64, 0.1), (512, 0.8)), steps=((1, 0.01), (64, 0.05)), reach=32, per_position=1e-6)
TRAINING = TrainingRates(parts=((32, 0.1), (256, 0.8), (512, 1.7)), learned=1e-3, step=0.05, scored=1e-3)


def know_rates(model: str | Path, adapting: Adapting | None = None) -> None:
    """Both kinds of seconds alike; `adapting` is how the plan trains, None for one that does not."""
    config = Path(model, "config.json").read_text()
    _keep(cache_file("sampling", config, {}), asdict(SAMPLING))
    if adapting:
        _keep(cache_file("training", config, adapting.to_json()), asdict(TRAINING))


def _keep(file: Path, rates: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"wall": rates, "cpu": rates}))
