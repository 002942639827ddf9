"""A real RAFT run that is asked on its page to stop after this cycle, and to go on again."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from driving import App, Window
from worlds import raft_config

from haloforge import jobs
from haloforge.records import Run
from haloforge.store import Store

RUN_MS = 240_000
"""A worker loads torch anew, on a machine that may be busy."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A server over an empty store; its runs use one thread, so that many suites fit on one machine."""
    running = App(tmp_path, OMP_NUM_THREADS="1").start()
    yield running
    running.stop()


def paused_within_cycle_1(store: Store, run: Run) -> psutil.Process:
    """The worker, held still between two samples of cycle 1, writing nothing: a click now is within that cycle."""
    deadline = time.monotonic() + RUN_MS / 1000
    while time.monotonic() < deadline:
        now = store.run(run.id)
        assert not now.is_finished, jobs.log_tail(store, run.id)
        if now.pid and store.count_samples(run.id, cycle=1, purpose="train"):
            worker = psutil.Process(now.pid)
            worker.suspend()
            if may_write(store):
                return worker
            worker.resume()
        time.sleep(0.02)
    raise AssertionError(jobs.log_tail(store, run.id))


def may_write(store: Store) -> bool:
    """False while another process is in the middle of writing."""
    with sqlite3.connect(store.root / "haloforge.db", timeout=0) as database:
        try:
            database.execute("begin immediate")
        except sqlite3.OperationalError:
            return False
        database.rollback()
    return True


def evaluated_cycles(store: Store, run: Run) -> list[int]:
    return [int(event.data["step"]) for event in store.metrics(run.id, "cycle")]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_stops_after_the_cycle_it_is_in_and_is_resumed_to_its_end(window: Window, taught: Path) -> None:
    config = raft_config(taught, window.app.folder)
    page = window.open("?tab=runs")
    with Store(window.app.runs) as store:
        run = jobs.submit(store, config, name="tonight")
        page.locator("#run-detail").get_by_role("heading", name="tonight").wait_for()
        worker = paused_within_cycle_1(store, run)
        try:
            page.get_by_role("button", name="Stop after this cycle").click()
            page.locator("#run-detail .chip.running").get_by_text("stopping after this cycle").wait_for()
            page.get_by_text("Stopping after this cycle, which is first sampled, trained and evaluated").wait_for()
            assert evaluated_cycles(store, run) == [0]
        finally:
            worker.resume()
        page.locator("#run-detail .chip.stopped").get_by_text("stopped after its cycle").wait_for(timeout=RUN_MS)
        assert evaluated_cycles(store, run) == [0, 1]
        assert Path(config.output_dir, "cycle_1", "final_model").is_dir()
        assert not Path(config.output_dir, "cycle_2").exists()
        assert store.count_samples(run.id, cycle=2) == 0

        page.get_by_role("button", name="Resume").click()
        page.locator("#run-detail .chip.done").wait_for(timeout=RUN_MS)
        assert evaluated_cycles(store, run) == [0, 1, 2]
        assert Path(config.output_dir, "cycle_2", "final_model").is_dir()
