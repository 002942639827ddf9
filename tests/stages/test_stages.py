"""Every stage can be loaded by its name, and none of them loads a heavy library before it runs."""

import subprocess
import sys

import pytest

from haloforge import stages
from haloforge.config import STAGES
from haloforge.errors import ConfigError


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_with_settings_has_a_recipe(name: str) -> None:
    stage = stages.load(name)
    assert callable(stage.run) and callable(stage.dry_run) and callable(stage.check_output)


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no stage 'distill'"):
        stages.load("distill")


def test_loading_the_stages_does_not_import_torch() -> None:
    code = (
        "import sys; from haloforge import config, stages; [stages.load(n) for n in config.STAGES]; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "haloforge.stages.raft.run" in loaded
    assert not {"torch", "transformers", "trl", "datasets"} & set(loaded)
