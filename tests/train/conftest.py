"""A tiny model made once, a run to report to, and one thread: the tests' processes share the cores."""

import pytest
from tiny import save_tiny_model

from haloforge.store import Report, Store


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the tiny model."""
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def report(store: Store) -> Report:
    """The report of a new run."""
    return Report(store, store.create_run("raft", {}).id)


@pytest.fixture(autouse=True)
def always_one_thread(one_thread: None) -> None:
    """For every test of training."""
