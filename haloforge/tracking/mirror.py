"""The process that tells one tracker what one run reports: `python -m haloforge.tracking.mirror ROOT RUN TRACKER`.

It reads the store as any page does, remembers how far it is, and goes on from there when the run is resumed.
"""

import fcntl
import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haloforge.errors import first_line
from haloforge.files import read_text, write_text
from haloforge.records import Event, Run
from haloforge.store import Report, Store
from haloforge.tracking.names import Steps, told
from haloforge.tracking.trackers import Table, TrackedRun, Tracker, opener

_S_BETWEEN_LOOKS = 1.0
S_TO_ANSWER = 60
"""How long a tracker may take for one call. A server that hangs is given up then."""
_MOST_SAMPLES = 200
_MOST_CHARACTERS = 4000
"""Of samples in a table, and of the code in a cell."""
_LOGIN = re.compile(r"(?<=//)[^/@\s]+@")
_TOKEN = re.compile(r"(token|key|password)=[^&\s'\"]+", re.IGNORECASE)
_METRICS = ("train", "eval", "cycle", "benchmark", "selection", "headroom", "data", "best", "verified")


def mirror(root: Path, run_id: str, name: str, worker: int) -> int:
    """Tell the tracker everything until the run has ended or its worker is gone; 1 where the tracker failed."""
    with Store(root) as store, _alone(store.folder(run_id) / f"{name}.lock") as is_alone:
        if not is_alone:
            return 0
        try:
            _tell(store, run_id, name, worker)
        except (Exception, _NoAnswer) as error:  # noqa: BLE001 - a tracker may raise anything, and no run ends for it
            reason = _without_secrets(first_line(error))
            said = f"{name} is told no more of this run ({reason}); the records here are whole"
            Report(store, run_id).log(said)
            return 1
    return 0


def _tell(store: Store, run_id: str, name: str, worker: int) -> None:
    place = store.folder(run_id) / f"{name}.json"
    run, steps = store.run(run_id), Steps()
    open_run = opener(name)  # not against the clock: an import on a busy machine says nothing of the server
    with _in_time():
        tracker = open_run(_tracked(store, run))
    told_up_to = json.loads(read_text(place))["event"] if place.exists() else 0
    after = 0
    while True:
        run = store.run(run_id)  # before its events: nothing that came before its end is missed
        is_over = run.is_finished or not Path(f"/proc/{worker}").exists()
        for event in store.events(run_id, after, kind="metric"):
            after = event.id
            step = steps.of(event.data["name"], event.data["step"], event.data["values"])
            if event.id > told_up_to and (numbers := _numbers(event)):
                with _in_time():
                    tracker.numbers(numbers, step)
        write_text(place, json.dumps({"event": max(after, told_up_to)}))
        if is_over:
            break
        time.sleep(_S_BETWEEN_LOOKS)
    with _in_time():
        _conclude(store, run, tracker)


def _conclude(store: Store, run: Run, tracker: Tracker) -> None:
    if cycles := _cycles(store, run):
        tracker.table("cycles", cycles)
    if samples := _samples(store, run):
        tracker.table("samples", samples)
    tracker.finish(run.status, _summary(store, run))


def _numbers(event: Event) -> dict[str, float]:
    name = event.data["name"]
    return told(name, event.data["values"]) if name in _METRICS else {}


def _summary(store: Store, run: Run) -> dict[str, float]:
    """The newest of every number."""
    newest: dict[str, float] = {}
    for event in store.events(run.id, kind="metric"):
        newest |= _numbers(event)
    return newest


def _cycles(store: Store, run: Run) -> Table | None:
    """What each cycle reported; None for a run without cycles."""
    rows = {int(e.data["step"]): told("cycle", e.data["values"]) for e in store.metrics(run.id, "cycle")}
    if not rows:
        return None
    columns = list(dict.fromkeys(name for row in rows.values() for name in row))
    return Table(["cycle", *columns], [[cycle, *map(row.get, columns)] for cycle, row in sorted(rows.items())])


def _samples(store: Store, run: Run) -> Table | None:
    rows = [
        (
            judged.cycle,
            judged.purpose,
            judged.sample.task_id,
            judged.verdict.status if judged.verdict else "",
            judged.verdict.reward if judged.verdict else None,
            {None: "", True: "yes", False: "no"}[judged.kept],
            (judged.sample.code or "")[:_MOST_CHARACTERS],
        )
        for judged in store.samples(run.id, limit=_MOST_SAMPLES)
    ]
    return Table(["cycle", "purpose", "problem", "status", "reward", "kept", "code"], rows) if rows else None


def _tracked(store: Store, run: Run) -> TrackedRun:
    return TrackedRun(
        id=run.id,
        name=run.name or run.id,
        stage=run.stage,
        config=_flat(run.config),
        tags=[run.stage, *run.tags.split()],
        folder=store.folder(run.id),
    )


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _without_secrets(reason: str) -> str:
    """Addresses of servers may hold a login or a token, and clients print them whole."""
    return _TOKEN.sub(r"\1=...", _LOGIN.sub("", reason))


class _NoAnswer(BaseException):
    """Not an Exception: clients catch those (TimeoutError above all) and try again, for minutes."""


@contextmanager
def _in_time() -> Iterator[None]:
    """Ends a call that takes too long, wherever it waits, with _NoAnswer."""

    def give_up(*_: object) -> None:
        raise _NoAnswer(f"no answer within {S_TO_ANSWER} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, S_TO_ANSWER, 5)  # again, should the client have caught even that
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Whether no other process tells the same run to the same tracker, for as long as the block lasts."""
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


if __name__ == "__main__":
    root, run, tracker, worker = sys.argv[1:]
    code = mirror(Path(root), run, tracker, int(worker))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a client's own threads may wait for its server for ever
