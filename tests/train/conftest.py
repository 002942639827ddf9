"""A tiny model made once, a run to report to, and one thread: the tests' processes share the cores."""

from collections.abc import Iterator

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
def one_thread() -> Iterator[None]:
    """Equal weights need an equal order of additions."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
