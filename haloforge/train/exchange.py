"""What the processes of a training and the worker that started them tell each other, in files of one folder.

The store has one writer, the worker. So the first process writes its events as JSON lines, which the worker reports,
and the worker leaves a file where the user asked to stop. Rows and settings go the same way, in `Spec`.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from haloforge.config import LoraSection, RaftTraining, SftTraining
from haloforge.files import read_text, write_text
from haloforge.records import Reporter
from haloforge.train.examples import Row
from haloforge.train.training import Training, TrainingSettings

_SPEC, _ROWS, _HELD_OUT, _EVENTS, _STOP, _END = (
    "spec.json",
    "rows.jsonl",
    "held_out.jsonl",
    "events.jsonl",
    "stop",
    "end.json",
)
WORKER = "HALO_FORGE_WORKER"
"""The variable that tells the processes who started them, by `process_name`."""
_SETTINGS = {cls.__name__: cls for cls in (SftTraining, RaftTraining)}


class Spec(NamedTuple):
    """What every process is told. `settings` are those of `training`, with the batch size of this try as a number."""

    training: Training
    settings: TrainingSettings
    run_id: str
    run_folder: Path
    processes: int


class End(NamedTuple):
    """How the first process that had something to say ended; `kind` is "done" or the name of an exception."""

    kind: str
    message: str


def write_spec(folder: Path, spec: Spec, train: Sequence[Row], held_out: Sequence[Row]) -> None:
    """Empties the folder's earlier messages, then writes everything a process needs."""
    for name in (_EVENTS, _STOP, _END):
        (folder / name).unlink(missing_ok=True)
    training = spec.training
    written = asdict(replace(training, settings=None, lora=None)) | {  # type: ignore[arg-type]
        "work": str(training.work.absolute()),
        "target": str(training.target.absolute()),
        "settings": training.settings.model_dump(mode="json"),
        "lora": training.lora.model_dump(mode="json"),
    }
    content = {
        "training": written,
        "section": type(spec.settings).__name__,
        "settings": spec.settings.model_dump(mode="json"),
        "run_id": spec.run_id,
        "run_folder": str(spec.run_folder.absolute()),
        "processes": spec.processes,
    }
    for name, rows in ((_ROWS, train), (_HELD_OUT, held_out)):
        with (folder / name).open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    write_text(folder / _SPEC, json.dumps(content))


def read_spec(folder: Path) -> Spec:
    """What `write_spec` wrote, but for the rows."""
    content = json.loads(read_text(folder / _SPEC))
    section, written = _SETTINGS[content["section"]], content["training"]
    training = Training(
        **written
        | {
            "settings": section.model_validate(written["settings"]),
            "lora": LoraSection.model_validate(written["lora"]),
            "work": Path(written["work"]),
            "target": Path(written["target"]),
        }
    )
    return Spec(
        training,
        section.model_validate(content["settings"]),
        content["run_id"],
        Path(content["run_folder"]),
        content["processes"],
    )


def read_rows(folder: Path) -> tuple[list[Row], list[Row]]:
    """The training rows and the held-out rows."""
    train, held_out = ([json.loads(line) for line in (folder / name).open()] for name in (_ROWS, _HELD_OUT))
    return train, held_out


def remove_rows(folder: Path) -> None:
    """The rows are as large as the data, and nobody reads them again."""
    for name in (_ROWS, _HELD_OUT):
        (folder / name).unlink(missing_ok=True)


def ask_to_stop(folder: Path) -> None:
    """The processes look for this after every optimizer step."""
    (folder / _STOP).touch()


def write_end(folder: Path, end: End) -> None:
    """The first process to write it is believed: the others often end because of it."""
    path = folder / f"end-{os.getpid()}.json"
    write_text(path, json.dumps(end._asdict()))
    with suppress(FileExistsError):
        os.link(path, folder / _END)
    path.unlink()


def read_end(folder: Path) -> End | None:
    """None where no process came so far as to say how it ended."""
    path = folder / _END
    return End(**json.loads(read_text(path))) if path.exists() else None


@dataclass
class ToFile:
    """The Reporter of the first process: its events become lines of a file."""

    exchange: Path
    run_id: str
    folder: Path

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        """As Reporter has it."""
        self._write("progress", phase, done, total, cycle=cycle, unit=unit)

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        """As Reporter has it."""
        self._write("metric", name, step, dict(values))

    def log(self, text: str) -> None:
        """As Reporter has it."""
        self._write("log", text)

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """As Reporter has it; there are no cycles in one training."""
        return (self.exchange / _STOP).exists()

    def _write(self, method: str, *arguments: Any, **named: Any) -> None:
        with (self.exchange / _EVENTS).open("a") as file:
            file.write(json.dumps([method, arguments, named]) + "\n")


@dataclass
class Silent:
    """The Reporter of every other process: what it would say, the first one says."""

    run_id: str
    folder: Path

    def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
        """Nothing."""

    def metric(self, name: str, step: float, values: Mapping[str, float | None]) -> None:
        """Nothing."""

    def log(self, text: str) -> None:
        """Nothing."""

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """The first process decides."""
        return False


class Events:
    """Reads the events of the first process, each once."""

    def __init__(self, folder: Path) -> None:
        self._file, self._read = folder / _EVENTS, 0

    def pass_on(self, report: Reporter) -> None:
        """Report every whole line that was not reported yet."""
        for method, arguments, named in self._new():
            if method == "progress":
                report.progress(*arguments, **named)
            elif method == "metric":
                report.metric(*arguments)
            else:
                report.log(*arguments)

    def _new(self) -> Iterator[Any]:
        if not self._file.exists():
            return
        with self._file.open("rb") as file:
            file.seek(self._read)
            lines = file.read().split(b"\n")
        for line in lines[:-1]:
            self._read += len(line) + 1
            yield json.loads(line)
