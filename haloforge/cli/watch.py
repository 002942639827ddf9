"""A run as lines of text: what it reports, as it comes, for a terminal or a file."""

import sys
import time
from collections.abc import Iterable
from typing import TextIO

from haloforge import jobs
from haloforge.cli.terminal import harmless
from haloforge.errors import RunError
from haloforge.records import Event, Run
from haloforge.stages.shared.costs import Cost, energy_text, seconds_text
from haloforge.store import Store


def execute(store: Store, run: Run, *, detach: bool = False, out: TextIO = sys.stdout) -> int:
    """Start a queued run's worker and follow it to its end; returns the exit code.

    The first Ctrl-C stops the run with everything saved, a second one kills it.
    """
    worker = jobs.start_worker(store, run.id)
    if detach:
        jobs.await_claim(store, run.id, worker)
        if not store.run(run.id).is_finished:
            print(f"{run.id} is running; follow it with `halo-forge runs show {run.id} --follow`", file=out)
            return 0
    lines = Lines(out)
    cursor = 0
    for attempt in range(3):
        try:
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
    worker.wait()
    return conclude(store, run.id, lines)


def conclude(store: Store, run_id: str, lines: "Lines") -> int:
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


def cost_lines(spent: Iterable[Cost]) -> list[str]:
    """What every phase of a run cost, a line each."""
    lines = []
    for cost in spent:
        least = "at least " if cost.is_resumed else ""
        parts = [f"{least}{seconds_text(cost.seconds)}"]
        parts += [f"CPU {seconds_text(cost.cpu_s)}"] if cost.cpu_s is not None else []
        parts += [f"{cost.tokens:,} tokens"] if cost.tokens else []
        place = f"cycle {cost.cycle} {cost.phase}" if cost.cycle else cost.phase
        lines.append(f"cost of {place}: {', '.join(parts)}, energy {energy_text(cost)}")
    return lines


class Lines:
    """Events as text. On a terminal, progress stays on one line; in a file it is a line per phase and per tenth."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.live = out, out.isatty()
        self._phase, self._tenth, self._began, self._open = "", -1, time.monotonic(), False

    def show(self, event: Event) -> None:
        """Print one event."""
        data = event.data
        if event.kind == "progress":
            self._progress(data["phase"], data["done"], data["total"], data.get("cycle"))
        elif event.kind == "log":
            self.note(data["text"])
        elif event.kind == "metric":
            numbers = ", ".join(f"{k} {_number(v)}" for k, v in data["values"].items() if v is not None)
            self.note(f"{data['name']} {_number(data['step'])}: {numbers}")
        elif event.kind == "artifact":
            self.note(f"{data['name']}: {data['path']}")
        else:
            self.note(f"error: {data['message']}")

    def note(self, text: str) -> None:
        """A line of its own."""
        if self._open:
            print(file=self.out)
            self._open = False
        print(harmless(text), file=self.out, flush=True)

    def _progress(self, phase: str, done: int, total: int, cycle: int | None) -> None:
        label = phase if cycle is None else f"cycle {cycle} {phase}"
        if label != self._phase:
            self._phase, self._tenth, self._began = label, -1, time.monotonic()
        seconds = time.monotonic() - self._began
        left = f", {duration(seconds / done * (total - done))} left" if 0 < done < total and seconds > 2 else ""
        text = f"{label} {done}/{total}{left}"
        tenth = 10 * done // max(total, 1)
        if self.live:
            print(f"\r\x1b[2K{text}", end="", file=self.out, flush=True)
            self._open = True
        elif tenth != self._tenth:
            print(text, file=self.out, flush=True)
        self._tenth = tenth


def duration(seconds: float) -> str:
    """12 s, 3 min 5 s, 2 h 10 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
