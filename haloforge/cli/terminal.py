"""Text for a terminal: the events and costs of runs as lines, and text of others with nothing in it but text."""

import re
import time
from collections.abc import Iterable, Mapping
from typing import TextIO

from haloforge.records import Event
from haloforge.stages.shared.costs import Cost, energy_text, seconds_text

_KEPT = "\n\t"
_CONTROLS = [*range(32), *range(127, 160)]
_DIRECTIONS = [0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
"""Marks that change the direction of writing, with which text can look other than it is."""
_SHOWN = {c: f"\\x{c:02x}" for c in _CONTROLS if chr(c) not in _KEPT} | {c: f"\\u{c:04x}" for c in _DIRECTIONS}


def harmless(text: str) -> str:
    """Text of a model, a program or a file, with its control characters written as Python escapes."""
    return text.translate(_SHOWN).encode(errors="backslashreplace").decode()


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
            numbers = ", ".join(f"{k} {_number(v)}" for k, v in _named(data["values"]).items() if v is not None)
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


def _named(values: Mapping[str, float | None]) -> Mapping[str, float | None]:
    """Numbers under the names they are shown by: without tests a score is no pass@k."""
    if values.get("untested_share") != 1:
        return values
    from haloforge.stages.shared.scores import score_name

    return {re.sub(r"pass@(\d+)", lambda found: score_name(1.0, int(found[1])), k): v for k, v in values.items()}


def duration(seconds: float) -> str:
    """12 s, 3 min 5 s, 2 h 10 min."""
    s = round(seconds)
    if s < 60:
        return f"{s} s"
    return f"{s // 60} min {s % 60} s" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
