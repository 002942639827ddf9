"""Runs as processes: queue, start, follow, stop, resume, re-attach. Nothing here knows what a stage does.

A worker is a child process in its own session. It holds a lock in its run folder for exactly as long as it lives, so
every process can tell a live run from a dead one. The worker writes its own events and final status.
"""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

import psutil

from haloforge import config as configs
from haloforge import stages
from haloforge.children import collect_rarely, own_environment, python_module
from haloforge.errors import DataError, ForgeError, MachineError, RunError, Stopped
from haloforge.files import file_errors, refuse_unwritable, write_text
from haloforge.records import Event, Run
from haloforge.store import Report, Store
from haloforge.tracking import start_mirrors

RUNGS = ("cycle", "now", "kill")
"""Ways to stop, from soft to hard: after this cycle; now, with everything saved; at once, losing at most one batch."""


def submit(store: Store, config: configs.StageConfig, *, parent: str | None = None, name: str = "") -> Run:
    """Queue a run. A run with a parent waits until the parent is done.

    Raises RunError while another run is at work on the same output, ConfigError when it holds what another made.
    """
    stages.load(config.stage).check_output(config)
    if output := config.output_path:
        refuse_unwritable(output)
        for other in store.runs(status="running"):
            _refuse_shared(store, other, output.resolve())
    run = store.create_run(config.stage, config.to_json(), parent=parent, name=name)
    write_text(store.folder(run.id) / "config.yaml", config.to_yaml())
    return run


def submit_chain(store: Store, chain: Sequence[configs.StageConfig], *, name: str = "") -> list[Run]:
    """Queue runs that follow each other: each starts when the one before is done."""
    queued: list[Run] = []
    for config in chain:
        queued.append(submit(store, config, parent=queued[-1].id if queued else None, name=name))
    return queued


def again(store: Store, run_id: str) -> Run:
    """Queue the settings of a run once more, with an output of its own beside the old one.

    Raises ForgeError when they cannot be run any more: a file is gone, or a setting is of another version.
    """
    old = store.run(run_id)
    config = configs.repeated(old, {configs.output_of(run) for run in store.runs()})
    stages.plan(config, measures=False)
    return submit(store, config, name=old.name)


def _refuse_shared(store: Store, other: Run, output: Path) -> None:
    """Raises RunError when a living run writes the same file or folder, under whatever name."""
    others = configs.output_of(other)
    if others and others.resolve() == output and is_alive(store, other.id):
        raise RunError(f"run {other.id} is at work on {output}: wait until it has ended, or give another --output")


def resume(store: Store, run_id: str, config: configs.StageConfig | None = None) -> Run:
    """Queue a stopped, failed or interrupted run again; it goes on where it was, with these settings or its own."""
    reconcile(store)
    if config and (run := store.run(run_id)).is_resumable:
        store.update_run(run.id, config=json.dumps(config.to_json()))
        write_text(store.folder(run.id) / "config.yaml", config.to_yaml())
    return store.requeue(run_id)


def delete(store: Store, run_id: str) -> None:
    """Delete a run's log and records; its output folder stays. Raises RunError while it runs.

    Runs that wait for a run that never got done are stopped: they would wait for ever.
    """
    run = store.run(run_id)
    children = store.children(run.id)
    store.delete_run(run.id)
    shutil.rmtree(store.folder(run.id), ignore_errors=True)
    for child in children if run.status != "done" else ():
        store.finish(child.id, "stopped", was="queued")


def log_path(store: Store, run_id: str) -> Path:
    """The file of what the worker and its libraries print. Nothing parses it."""
    return store.folder(run_id) / "log.txt"


def log_tail(store: Store, run_id: str, max_bytes: int = 65536) -> str:
    """The end of a run's log."""
    path = log_path(store, run_id)
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - max_bytes))
        return log.read().decode("utf-8", errors="replace")


def is_alive(store: Store, run_id: str) -> bool:
    """True while a worker process holds this run's lock: reused process ids cannot deceive it."""
    path = store.lock_path(run_id)
    if not path.exists():
        return False
    with path.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def reconcile(store: Store) -> list[Run]:
    """Mark running runs whose worker is gone as interrupted (or stopped, when that was asked for); returns them."""
    ended = []
    for run in store.runs(status="running"):
        if is_alive(store, run.id):
            continue
        run = store.run(run.id)
        if not store.finish(run.id, "stopped" if run.stop else "interrupted", was="running"):
            continue  # it ended by itself in the meantime
        if not run.stop:
            Report(store, run.id).error("the worker process is gone (killed, or out of memory); the run can be resumed")
        ended.append(store.run(run.id))
    return ended


def start_worker(store: Store, run_id: str) -> subprocess.Popen[bytes]:
    """Start the process that works on a queued run. It outlives us; its output goes to the run's log file."""
    run = store.run(run_id)
    if not Path(run.cwd).is_dir():
        raise RunError(f"run {run.id} was queued in {run.cwd}, which is not there any more; queue it again")
    with log_path(store, run.id).open("ab") as log:
        return subprocess.Popen(
            [*python_module("haloforge.jobs"), str(store.root), run.id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=run.cwd,
            env=own_environment(),
            start_new_session=True,
        )


def request_stop(store: Store, run_id: str, rung: str) -> Run:
    """Ask a run to stop: "cycle", "now" or "kill". A queued run stops at once; a harder way replaces a softer one."""
    if rung not in RUNGS:
        raise RunError(f"there is no way to stop called {rung!r}; use one of {', '.join(RUNGS)}")
    run = store.run(run_id)
    if run.is_finished:
        raise RunError(f"run {run.id} is {run.status} already")
    if run.status == "queued" and store.finish(run.id, "stopped", was="queued"):
        return store.run(run.id)
    if not run.stop or RUNGS.index(rung) > RUNGS.index(run.stop):
        store.update_run(run.id, stop=rung)
    if rung == "kill":
        _kill(store, run)
        reconcile(store)
    return store.run(run.id)


def _kill(store: Store, run: Run) -> None:
    if not (run.pid and is_alive(store, run.id)):
        return
    try:
        worker = psutil.Process(run.pid)
        processes = [*worker.children(recursive=True), worker]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=10)


def follow(store: Store, run_id: str, after: int = 0, poll_s: float = 0.2) -> Iterator[Event]:
    """Yield a run's events as they come, until it has ended; the last status is final when this returns."""
    while True:
        run = store.run(run_id)  # status first, events second: nothing that came before the end is missed
        for event in store.events(run_id, after):
            after = event.id
            yield event
        if run.is_finished:
            return
        if run.status == "running" and not is_alive(store, run_id):
            reconcile(store)
            continue
        time.sleep(poll_s)


def exit_code(store: Store, run_id: str) -> int:
    """0 done, 130 stopped, 2 when the user's input was wrong, 1 for any other end."""
    run = store.run(run_id)
    if run.status == "done":
        return 0
    if run.status == "stopped":
        return 130
    error = store.last_event(run_id, "error")
    return int(error.data.get("exit_code", 1)) if error else 1


class Trainer(threading.Thread):
    """The background thread of an app that starts queued runs one after the other and marks those whose worker died.

    Of several apps on one runs folder only one trains at a time: it holds `trainer.lock` there.
    """

    def __init__(self, root: Path, poll_s: float = 0.5) -> None:
        super().__init__(name="halo-forge trainer", daemon=True)
        self.root, self.poll_s = root, poll_s
        self._leaving = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None
        self._said = ""

    def stop(self) -> None:
        """Start no more runs. Workers that run already go on."""
        self._leaving.set()
        self.join()

    def run(self) -> None:
        """Poll the store until told to stop; where somebody deletes or replaces it, the one that lies there then."""
        while not self._leaving.is_set():
            try:
                with Store(self.root) as store, (self.root / "trainer.lock").open("ab") as lock:
                    self._serve(store, lock.fileno())
            except (MachineError, OSError) as error:
                self._say(str(error))
                self._leaving.wait(self.poll_s)

    def _serve(self, store: Store, lock: int) -> None:
        has_lock = False
        while store.is_current and not self._leaving.is_set():
            has_lock = has_lock or _try_lock(lock)
            if has_lock:
                try:
                    self._worker = step(store, self._worker)
                    self._said = ""
                except MachineError as error:  # a full disk, say: what is queued waits until there is room again
                    self._say(str(error))
            self._leaving.wait(self.poll_s)

    def _say(self, error: str) -> None:
        if error != self._said:
            self._said = error
            print(f"halo-forge: {error}", file=sys.stderr, flush=True)


def step(store: Store, worker: subprocess.Popen[bytes] | None = None) -> subprocess.Popen[bytes] | None:
    """One round of the trainer: reap its worker, reconcile, and start the next queued run when nothing runs."""
    reconcile(store)
    if worker is not None and worker.poll() is None:
        return worker
    if store.runs(status="running"):
        return None
    run = next_queued(store)
    if run is None:
        return None
    try:
        with file_errors(store.root / run.id):
            started = start_worker(store, run.id)
    except (RunError, DataError) as e:
        Report(store, run.id).error(str(e), e.exit_code)
        store.finish(run.id, "failed")
        return None
    await_claim(store, run.id, started)
    return started


def await_claim(store: Store, run_id: str, worker: subprocess.Popen[bytes]) -> None:
    """Wait until the worker has taken the run. If it dies before that, the run has failed and is not tried again."""
    while store.run(run_id).status == "queued":
        if worker.poll() is not None and store.finish(run_id, "failed", was="queued"):
            Report(store, run_id).error(f"the worker process ended before it began; {log_path(store, run_id)} says why")
        time.sleep(0.05)


def next_queued(store: Store) -> Run | None:
    """The oldest queued run whose parent is done, or was never there."""
    return store.next_queued()


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def work(root: Path, run_id: str) -> int:
    """A worker's whole life: take the run, execute its stage, record how it ended. Returns the exit code."""
    collect_rarely()
    with Store(root) as store, store.lock_path(run_id).open("ab") as lock:
        if not _take(store, run_id, lock.fileno()):
            return 0  # another worker has it
        report = Report(store, run_id)

        def on_term(_signal: int, _frame: FrameType | None) -> None:
            report.interrupt()

        signal.signal(signal.SIGTERM, on_term)
        signal.signal(signal.SIGINT, on_term)
        return _execute(store, store.run(run_id), report)


def _take(store: Store, run_id: str, lock: int) -> bool:
    """Lock, then claim. `is_alive` holds the lock for an instant, so one refusal is no reason to give up."""
    while store.run(run_id).status == "queued":
        if _try_lock(lock):
            return store.claim(run_id, os.getpid())
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def _sole_writer(store: Store, run: Run) -> Iterator[None]:
    """Lock the run's output. Raises RunError while another run has it; of two that start at once, one goes on."""
    path = configs.output_of(run)
    if path is None:
        yield
        return
    output = path.resolve()
    with store.output_lock_path(output).open("ab") as lock:
        if not _try_lock(lock.fileno()):
            for other in store.runs(status="running"):
                if other.id != run.id:
                    _refuse_shared(store, other, output)
            raise RunError(f"another run is at work on {output}: wait until it has ended, or give another --output")
        yield


def _execute(store: Store, run: Run, report: Report) -> int:
    """The one place that catches everything: a stage that fails is recorded, and its traceback is in the log."""
    try:
        with _sole_writer(store, run):
            config = configs.STAGES[run.stage].parse(run.config)
            start_mirrors(store, run, configs.values(config).get("report_to", ()))
            stages.load(run.stage).run(config, report)
    except Stopped:
        store.finish(run.id, "stopped")
        return Stopped.exit_code
    except Exception as e:  # noqa: BLE001
        error = _as_forge_error(e)
        if not isinstance(e, ForgeError):
            traceback.print_exc()
        print(error, file=sys.stderr, flush=True)
        report.error(str(error), error.exit_code)
        store.finish(run.id, "failed")
        return error.exit_code
    store.finish(run.id, "done")
    return 0


def _as_forge_error(e: Exception) -> ForgeError:
    if isinstance(e, ForgeError):
        return e
    if isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"no space left while writing {e.filename or 'a file'}; free space there and resume the run"
        )
    is_cpu_memory = isinstance(e, RuntimeError) and "can't allocate memory" in str(e)  # as PyTorch says it
    if is_cpu_memory or isinstance(e, MemoryError) or type(e).__name__ == "OutOfMemoryError":
        return MachineError("out of memory; lower the batch size or the sequence length, or take a smaller model")
    return MachineError(f"{type(e).__name__}: {e} (a bug, or a broken installation: the run's log has the traceback)")


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1]), sys.argv[2]))
