"""Fixtures that the whole suite shares, and what a run says at its end of the tests that it skipped."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from places import ROOT

from haloforge.children import collect_rarely
from haloforge.config import LoraSection, RaftTraining
from haloforge.estimates import Adapting
from haloforge.store import Store
from haloforge.verify import Verifier, VerifySettings, open_verifier

if "PYTEST_XDIST_WORKER" in os.environ:  # two threads each would wait for those of the other worker, in children too
    os.environ.setdefault("OMP_NUM_THREADS", "1")
collect_rarely()
settings.register_profile("no clock", deadline=None)  # on a busy machine any example may take long
settings.load_profile("no clock")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker is left alone with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: equal weights need an equal order of additions, and two are slow where others compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a temporary folder."""
    with Store(tmp_path / "runs") as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Benchmark files in their original format, where they lie beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of original benchmark files is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose samples of the small world of `worlds` pass now and then; made once, its speed made up."""
    from known_rates import know_rates
    from worlds import save_taught_model

    folder = save_taught_model(tmp_path_factory.mktemp("models") / "taught")
    know_rates(folder, Adapting(RaftTraining(), LoraSection(r=4)))
    return folder


@pytest.fixture(scope="session")
def verifier() -> Iterator[Verifier]:
    """One engine for every test of verification: two workers and a short time limit. Starting it is the slow part."""
    with open_verifier(VerifySettings(workers=2, time_limit_s=2.0)) as opened:
        yield opened


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per reason, after everything else: how many tests did not run for lack of which package."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count} tests: {reason}")
