"""A pipeline is planned before its files are there."""

from pathlib import Path

import pytest

from haloforge.errors import ForgeError
from haloforge.models import Metadata, write_metadata
from haloforge.ui import pipeline
from haloforge.ui.launch.panel import UNTOLD
from haloforge.ui.launch.rehearsal import UNKNOWN_YET, times


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_run_is_planned_and_nothing_is_written(workspace: Path) -> None:
    chain = pipeline.of_choices("starter-easy", "python", "smollm2-135m", "models/p", pipeline.SMALL).configs()
    assert times(chain, measures=False) == ["", "", UNTOLD, UNTOLD, UNTOLD, UNTOLD]
    assert list(workspace.iterdir()) == []


def test_data_that_is_not_here_is_not_fetched_for_a_plan() -> None:
    chain = pipeline.of_choices("mbpp", "python", "smollm2-135m", "models/p", pipeline.SMALL).configs()
    assert times(chain, measures=False) == ["", "", *[UNKNOWN_YET] * 4]


def test_an_output_of_another_run_is_refused_before_anything_is_queued() -> None:
    Path("models/p/sft/final_model").mkdir(parents=True)
    write_metadata("models/p/sft/final_model", Metadata(stage="sft", run="sft-of-yesterday"))
    chain = pipeline.of_choices("starter-easy", "python", "smollm2-135m", "models/p", pipeline.SMALL).configs()
    with pytest.raises(ForgeError, match="sft-of-yesterday"):
        times(chain, measures=False)
