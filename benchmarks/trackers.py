"""What a tracker whose server takes connections and never answers costs a run.

    python benchmarks/trackers.py        # a minute and a half; needs the trackers' packages, no network

For every tracker: what its start costs the process of the run, in CPU and by the clock, until the run has ended; and
what the process beside it, which is the one that waits, used until it gave up and said so. TensorBoard has no server
and writes files. By the clock it depends on what else the machine does.
"""

import os
import socket
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from haloforge.config import SftConfig
from haloforge.store import Report, Store
from haloforge.tracking import TRACKERS, start_mirrors

SFT = {"model": {"name": "m"}, "data": {"train_file": "t.jsonl"}}


class Cost(NamedTuple):
    """Seconds of the process of the run."""

    cpu: float
    clock: float


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        os.environ |= {"MLFLOW_TRACKING_URI": url, "TRACKIO_SERVER_URL": f"{url}/?write_token=x", "WANDB_BASE_URL": url}
        os.environ |= {"WANDB_API_KEY": "0" * 40, "TRACKIO_DIR": folder}
        with Store(Path(folder)) as store:
            alone = run_with(store, [])[1]
            costs = {name: run_with(store, [name]) for name in TRACKERS}
            used = beside()
            print("| tracker | CPU ms of the run | ms by the clock | CPU s beside it | its log |\n" + "|---" * 5 + "|")
            print(f"| none | {alone.cpu * 1000:.0f} | {alone.clock * 1000:.0f} | | |")
            for (name, (run, cost)), seconds in zip(costs.items(), used, strict=True):
                said = "; ".join(str(event.data["text"]) for event in store.events(run, kind="log"))
                print(f"| {name} | {cost.cpu * 1000:.0f} | {cost.clock * 1000:.0f} | {seconds:.1f} | {said} |")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


def run_with(store: Store, trackers: list[str]) -> tuple[str, Cost]:
    """A run that reports twenty steps and is done; its id and what it cost."""
    run = store.create_run("sft", SftConfig.parse(SFT).to_json())
    store.claim(run.id, os.getpid())
    cpu, clock = time.process_time(), time.perf_counter()
    start_mirrors(store, run, trackers)
    report = Report(store, run.id)
    for step in range(20):
        report.metric("train", step, {"loss": 1.0})
    store.finish(run.id, "done")
    return run.id, Cost(time.process_time() - cpu, time.perf_counter() - clock)


def beside() -> list[float]:
    """CPU seconds of the processes that waited for the trackers, in the order of their start."""
    ended = {}
    for _ in TRACKERS:
        process, _, usage = os.wait4(-1, 0)
        ended[process] = usage.ru_utime + usage.ru_stime
    return [ended[process] for process in sorted(ended)]


if __name__ == "__main__":
    main()
