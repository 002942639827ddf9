"""The studio over a store as large as a lab's after a year: how fast its pages are, and what an idle server costs.

    python benchmarks/gui.py [--runs 1000] [--samples 1000000] [--points 100000] [--ticks 2000] [--store FOLDER]

Builds the store (minutes, 2 GB; `--store` keeps it for the next time), starts the app on it, and measures
  first page          from the request until a browser shows the list of runs, and until that page works
  page of samples     the server's part: query and markup, median over the filters below
  run detail          the same for the run with the metric points, read for the first time
  idle server         CPU seconds per second, without a page and with one open
  memory              resident size of the server after a tenth of the ticks and after all of them, and once the two
                      models of the Playground (the embedded one and a copy of it) were left for two minutes
beside the limit of each. Exit code 1 when a limit is exceeded. The server's parts are CPU time, the browser's are
wall time, which a busy machine makes longer: the load is printed too.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import large_store
import psutil

from haloforge.files import write_text
from haloforge.store import Report, Store
from haloforge.ui.recorded import SHOWN

IDLE_S = 30.0
WARM_UP_S = 10.0
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"status": "timeout"},
    {"cycle": "1"},
    {"cycle": "3", "purpose": "eval"},
    {"kept": "yes"},
    {"kept": "duplicate", "cycle": "2"},
    {"problem": "problem-0007"},
    {"reward": "mid"},
    {"text": "total"},
    {"text": "found in no answer"},
    {"after": "600000", "samples": "7"},
)


class Measured(NamedTuple):
    """A figure, its unit, and what it may be at most; None where nothing was measured."""

    name: str
    value: float | None
    limit: float
    unit: str


def main() -> int:
    """Build, measure, print. Returns 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--ticks", type=int, default=2000)
    parser.add_argument("--store", type=Path, help="folder of the store; built there if it is not there yet")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.store or Path(folder, "runs")
        raft, sft = _store(root, options)
        found = [*rendering(root, raft, sft), *serving(root, sft, options.ticks)]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for each in found:
        value = "not measured: no Chromium" if each.value is None else f"{each.value:10.2f} {each.unit}"
        is_over = each.value is not None and each.value > each.limit
        print(f"{each.name:44} {value:>18}   at most {each.limit:g} {each.unit}{'   EXCEEDED' if is_over else ''}")
    return int(any(each.value is not None and each.value > each.limit for each in found))


def _store(root: Path, options: argparse.Namespace) -> tuple[str, str]:
    known = root / "large.json"
    if not known.exists():
        print(f"building {options.runs} runs, {options.samples} samples, {options.points} points in {root}", flush=True)
        write_text(known, json.dumps(large_store.build(root, options.runs, options.samples, options.points)))
        write_text(root / SHOWN, "")
    raft, sft = json.loads(known.read_text())
    return raft, sft


def rendering(root: Path, raft: str, sft: str) -> Iterator[Measured]:
    """The server's own part of a page, as functions of the store."""
    from haloforge.ui.widgets import run_detail, run_list

    view = {"tab": "runs", "run": raft, "section": "samples"}
    with Store(root) as store:
        run_list.render(store, view)  # imports what is imported where it is used
        yield Measured("list of runs", _ms(lambda: run_list.render(store, view)), 200, "ms")
        pages = [_ms(partial(run_detail.render, store, {**view, **asked})) for asked in FILTERS]
        yield Measured("page of samples, median of the filters", statistics.median(pages), 200, "ms")
        yield Measured("page of samples, slowest filter", max(pages), 200, "ms")
        detail = {"tab": "runs", "run": sft}
        yield Measured("run detail, first", _ms(lambda: run_detail.render(store, detail)) / 1000, 1, "s")
        yield Measured("run detail, again", _ms(lambda: run_detail.render(store, detail)) / 1000, 1, "s")
        of_raft = _ms(lambda: run_detail.render(store, {**detail, "run": raft})) / 1000
        yield Measured("detail of the RAFT run", of_raft, 1, "s")


def serving(root: Path, sft: str, ticks: int) -> Iterator[Measured]:
    """A server process: its first page, what it costs idle, and its memory over many ticks."""
    with server(root) as (url, process):
        time.sleep(WARM_UP_S)
        yield Measured("idle server without a page", _cpu_percent(process), 1, "% of a core")
        with browser() as chromium:
            if chromium is None:
                yield Measured("first page, seen", None, 2, "s")
                yield Measured("first page, works", None, 2, "s")
                yield Measured("idle server with a page", None, 3, "% of a core")
                return
            seen, works = _first_page(chromium, url)
            yield Measured("first page, seen", seen, 2, "s")
            yield Measured("first page, works", works, 2, "s")
            page = chromium.new_page()
            page.goto(f"{url}/?tab=runs&run={sft}")
            page.locator("#run-detail h2").wait_for(timeout=60_000)
            time.sleep(WARM_UP_S)
            yield Measured("idle server with a page", _cpu_percent(process), 3, "% of a core")
        yield from memory(root, process, ticks)
        yield from playground(url, process)


def memory(root: Path, process: psutil.Process, ticks: int) -> Iterator[Measured]:
    """Resident size while a run reports and all panes of its page are drawn, by the functions that a tick calls."""
    from haloforge.ui.widgets import header, run_detail, run_list, welcome

    own, sizes = psutil.Process(), list[float]()
    with Store(root) as store:
        run = store.create_run("sft", large_store.CONFIGS[1].to_json(), name="live")
        store.update_run(run.id, status="running", started=time.time(), pid=os.getpid())
        report, view = Report(store, run.id), {"tab": "runs", "run": run.id}
        for tick in range(ticks):
            report.metric("train", tick, {"loss": 1.0})
            for pane in (header.render, welcome.render, run_list.render, run_detail.render):
                pane(store, view)
            sizes.append(own.memory_info().rss / 2**20)
        store.finish(run.id, "stopped")
        store.delete_run(run.id)
    yield Measured(f"growth of memory over {ticks} ticks", sizes[-1] - sizes[len(sizes) // 10], 10, "MiB")
    yield Measured("memory of the server", process.memory_info().rss / 2**20, 600, "MiB")


def playground(url: str, process: psutil.Process) -> Iterator[Measured]:
    """Resident size of the server while two models are loaded that have answered, and after they were left."""
    from gradio_client import Client

    from haloforge.models import EMBEDDED, export
    from haloforge.ui.loaded_models import IDLE_S as UNUSED_S

    with tempfile.TemporaryDirectory() as folder:
        copy = export(EMBEDDED, Path(folder, "copy")).path
        client = Client(url, verbose=False, analytics_enabled=False)
        for model in (EMBEDDED, str(copy)):
            client.predict(model=model, prompt="Add two numbers.", max_new_tokens=64, api_name="/generate")
        yield Measured("memory with two models", process.memory_info().rss / 2**20, 4096, "MiB")
        time.sleep(UNUSED_S + WARM_UP_S)
        yield Measured("memory after the Playground was left", process.memory_info().rss / 2**20, 600, "MiB")


@contextmanager
def server(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`halo-forge app` on a free port, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HALOFORGE_RUNS": str(root), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "haloforge.ui", json.dumps({"port": port})]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=root)
    try:
        url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while not _answers(url):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("the app does not start")
            time.sleep(0.2)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium by Playwright; None where either is missing."""
    path = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        yield None
        return
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


def _first_page(chromium: Any, url: str) -> tuple[float, float]:
    """Seconds until a browser that has the app's files shows the list, and until clicks on it are answered at once.

    Those of the second visit, in a tab of its own.
    """
    context = chromium.new_context()
    seconds: list[float] = []
    for _ in range(2):
        page = context.new_page()
        started = time.perf_counter()
        page.goto(f"{url}/?tab=runs", wait_until="commit")
        seconds.clear()
        for place in ("#first-list table, #runs-list table", "#runs-list table"):
            page.locator(place).first.wait_for(timeout=60_000)
            seconds.append(time.perf_counter() - started)
        page.close()
    context.close()
    return seconds[0], seconds[1]


def _cpu_percent(process: psutil.Process) -> float:
    before = sum(process.cpu_times()[:2])
    time.sleep(IDLE_S)
    return 100 * (sum(process.cpu_times()[:2]) - before) / IDLE_S


def _ms(work: Callable[[], object]) -> float:
    """CPU time, as the clock counts it on a machine that does nothing else: what is read lies in the page cache."""
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
