"""A RAFT run holds one model at a time: whatever sampled or trained is gone before the next one is loaded."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from live_models import LiveModels, counted
from worlds import raft_config

from haloforge.errors import Stopped
from haloforge.stages import raft
from haloforge.store import Report, Store

pytestmark = pytest.mark.usefixtures("one_thread")


class Census(Report):
    """Counts the live models at everything that the run reports, by the phase that it is in."""

    def __init__(self, store: Store, run_id: str, live: LiveModels) -> None:
        super().__init__(store, run_id)
        self.live, self.phase = live, "start"
        self.counts: defaultdict[str, list[int]] = defaultdict(list)

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        self.phase = f"{phase} {cycle}"
        self.counts[self.phase].append(self.live.count)
        super().progress(phase, done, total, cycle=cycle, unit=unit)

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        self.counts[self.phase].append(self.live.count)
        super().metric(name, step, values)

    def artifact(self, name: str, path: Path | str, **about: Any) -> None:
        self.counts[f"{name} artifact"].append(self.live.count)
        super().artifact(name, path, **about)


def test_never_two_models_are_alive_in_two_cycles(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path)
    with Store(tmp_path / "runs") as store, counted() as live:
        census = Census(store, store.create_run("raft", config.to_json()).id, live)
        raft.run(config, census)
        assert live.count == 0
    most = {phase: max(counts) for phase, counts in census.counts.items()}
    assert {"evaluate 0", "sample 1", "train 1", "evaluate 1", "sample 2", "train 2", "evaluate 2"} <= most.keys()
    assert all(count <= 1 for count in most.values()), most
    assert (most["train 1"], most["train 2"]) == (1, 1), "the model that trains is counted"
    assert most["checkpoint artifact"] == 0, "a published training has let its model go"


@pytest.mark.parametrize("phase", ["evaluate 0", "train 1", "sample 2"])
def test_a_run_that_is_stopped_anywhere_keeps_no_model(phase: str, taught: Path, tmp_path: Path) -> None:
    class Impatient(Census):
        def stop_asked(self, at_cycle_end: bool = False) -> bool:
            return self.phase == phase

    config = raft_config(taught, tmp_path, **{"training.epochs": 4})
    with Store(tmp_path / "runs") as store, counted() as live:
        census = Impatient(store, store.create_run("raft", config.to_json()).id, live)
        with pytest.raises(Stopped) as stopped:
            raft.run(config, census)
        assert live.count == 0
    assert stopped.value.__traceback__ is not None, "the error was kept, and holds no model all the same"
