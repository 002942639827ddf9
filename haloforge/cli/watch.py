"""Start a run's worker and follow it to its end, printing what it reports."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from haloforge import jobs
from haloforge.cli.terminal import Lines, duration
from haloforge.errors import RunError
from haloforge.records import Run
from haloforge.store import Store


def execute(store: Store, run: Run, *, detach: bool = False, out: TextIO = sys.stdout) -> int:
    """Start a queued run's worker, or find the one of a running run, and follow it to its end; returns the exit code.

    The first Ctrl-C or SIGTERM stops the run with everything saved, a second one kills it.
    """
    with _sigterm_as_ctrl_c():
        return _execute(store, run, detach, out)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """`kill`, Docker and systemd send SIGTERM to this process alone: the worker, in its own session, would go on."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _execute(store: Store, run: Run, detach: bool, out: TextIO) -> int:
    worker = None if jobs.is_alive(store, run.id) else jobs.start_worker(store, run.id)
    if detach and worker:
        jobs.await_claim(store, run.id, worker)
        if not store.run(run.id).is_finished:
            print(f"{run.id} is running; follow it with `halo-forge runs show {run.id} --follow`", file=out)
            return 0
    lines = Lines(out)
    cursor = 0
    for attempt in range(3):
        try:
            if worker:
                jobs.await_claim(store, run.id, worker)
            for event in jobs.follow(store, run.id, cursor):
                cursor = event.id
                lines.show(event)
            break
        except KeyboardInterrupt:
            rung = ("now", "kill", "kill")[attempt]
            lines.note("stopping, and saving what is done (Ctrl-C again kills it)" if rung == "now" else "killing it")
            try:
                jobs.request_stop(store, run.id, rung)
            except RunError:
                continue  # it ended by itself in the meantime
    if worker:
        worker.wait()
    return conclude(store, run.id, lines)


def conclude(store: Store, run_id: str, lines: Lines) -> int:
    """The last line of a followed run; returns its exit code."""
    run = store.run(run_id)
    if run.status == "failed":
        error = store.last_event(run.id, "error")
        lines.note(f"run {run.id} failed" + ("" if error else f"; its log is {jobs.log_path(store, run.id)}"))
    elif run.is_resumable:
        lines.note(f"run {run.id} is {run.status}; go on with `halo-forge runs resume {run.id}`")
    else:
        seconds = (run.finished or time.time()) - (run.started or run.created)
        lines.note(f"run {run.id} is done in {duration(seconds)}")
    return jobs.exit_code(store, run_id)
