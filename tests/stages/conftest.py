"""A taught tiny model, made once for all tests of stages that sample."""

from pathlib import Path

import pytest
from worlds import save_taught_model


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose samples of the small world pass now and then."""
    return save_taught_model(tmp_path_factory.mktemp("models") / "taught")
