"""What a stage reports through: events for people and charts, and whether somebody asked it to stop."""

import math
import time
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from haloforge.store.store import Store

_PROGRESS_EVERY_S = 0.2


class Report:
    """The reporter of one run, which writes to its store."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store, self.run_id = store, run_id
        self._last_progress = 0.0
        self._interrupted = False

    @property
    def folder(self) -> Path:
        """The run's own folder."""
        return self.store.folder(self.run_id)

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        """Where the work stands; at most five a second are stored, the first and the last of a phase always."""
        now = time.monotonic()
        if 0 < done < total and now - self._last_progress < _PROGRESS_EVERY_S:
            return
        self._last_progress = now
        self.store.emit(self.run_id, "progress", _given(phase=phase, done=done, total=total, cycle=cycle, unit=unit))

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        """Numbers at a step of one series (name: "train", "eval", "cycle", ...), for charts and tables.

        A value that is not finite, as a loss that diverged, is a gap. Raises TypeError for what is no number.
        """
        at = _number(name, "step", step)
        if at is None:
            raise TypeError(f"metric {name!r}: step is {step!r}, which is no place in a chart")
        numbers = {key: _number(name, key, value) for key, value in values.items()}
        self.store.emit(self.run_id, "metric", {"name": name, "step": at, "values": numbers})

    def log(self, text: str) -> None:
        """A line for people to read."""
        self.store.emit(self.run_id, "log", {"text": text})

    def artifact(self, name: str, path: Path | str, **about: Any) -> None:
        """Something the run made: a checkpoint, a result file."""
        self.store.emit(self.run_id, "artifact", {"name": name, "path": str(path), **about})

    def error(self, message: str, exit_code: int = 1) -> None:
        """Why the run failed, in one sentence, and the exit code that says so."""
        self.store.emit(self.run_id, "error", {"message": message, "exit_code": exit_code})

    def interrupt(self) -> None:
        """Ask the stage to stop now, as a signal handler may (it writes nothing)."""
        self._interrupted = True

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """True when the user asked to stop now, or (`at_cycle_end`) after this cycle."""
        if self._interrupted:
            return True
        asked = self.store.run(self.run_id).stop
        return asked in ("now", "kill") or (at_cycle_end and asked == "cycle")


def _given(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v not in (None, "")}


def _number(metric: str, name: str, value: float | None) -> int | float | None:
    """A number as JSON has it: NaN and the infinities are none, which SQLite could not look into either."""
    if value is None:
        return None
    if not isinstance(value, Real):
        raise TypeError(f"metric {metric!r}: {name} is {value!r}, which is no number")
    if isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
