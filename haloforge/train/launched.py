"""A training in several processes: the worker starts them, reports what they say, and ends them with itself."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from haloforge import errors
from haloforge.children import end_group, own_environment, process_name
from haloforge.errors import ForgeError, MachineError, Stopped
from haloforge.files import file_errors
from haloforge.records import Reporter
from haloforge.train.exchange import WORKER, End, Events, Spec, ask_to_stop, read_end, remove_rows, write_spec
from haloforge.train.launch import command, processes
from haloforge.train.optimizing import Data
from haloforge.train.training import Training, TrainingSettings

MODULE = "haloforge.train"
_S_BETWEEN_LOOKS = 0.2
_S_TO_END = 30.0
"""How long the processes may take to end after they were told to."""
_TAIL = 2000
"""Bytes of the launcher's output that are searched for the last line."""


def optimize_launched(training: Training, settings: TrainingSettings, data: Data, report: Reporter) -> None:
    """As `optimize`, in the processes that `settings.launch` starts. Raises what the first process to fail raised."""
    launch = settings.launch
    assert launch is not None
    folder = training.work / "processes"
    with file_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        spec = Spec(training, settings, report.run_id, report.folder, processes(launch))
        write_spec(folder, spec, data.train, data.held_out)
    events, output = Events(folder), folder / "output.txt"
    try:
        with _started(command(launch, MODULE, str(folder)), output, spec.processes) as group:
            _follow(group, folder, events, report)
    finally:
        remove_rows(folder)
    events.pass_on(report)
    end = read_end(folder)
    if end is None:
        raise MachineError(
            f"a process of the training was killed or could not start ({launch}){_last_line(output)}; all of it is in "
            f"{output}; resume the run to go on from its last checkpoint"
        )
    _raise(end)


@contextmanager
def _started(words: list[str], output: Path, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher as the head of a process group, which has ended when the block has."""
    environment = own_environment()
    threads = max(1, torch.get_num_threads() // count)
    environment.setdefault("OMP_NUM_THREADS", str(threads))
    environment[WORKER] = process_name(os.getpid())
    with file_errors(words[0]), output.open("wb") as file:
        group = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    try:
        yield group
    finally:
        end_group(group, _S_TO_END)


def _follow(group: "subprocess.Popen[bytes]", folder: Path, events: Events, report: Reporter) -> None:
    was_asked = False
    while group.poll() is None:
        events.pass_on(report)
        if not was_asked and report.stop_asked():
            ask_to_stop(folder)
            was_asked = True
        time.sleep(_S_BETWEEN_LOOKS)


def _raise(end: End) -> None:
    """What the first process to end said, as the exception that it was."""
    if end.kind == "done":
        return
    if end.kind == Stopped.__name__:
        raise Stopped
    if end.kind == torch.OutOfMemoryError.__name__:
        raise torch.OutOfMemoryError(end.message)
    known = vars(errors).get(end.kind)
    if isinstance(known, type) and issubclass(known, ForgeError):
        raise known(end.message)
    raise RuntimeError(f"a process of the training failed: {end.message}")


def _last_line(output: Path) -> str:
    with suppress(OSError):
        text = output.read_bytes()[-_TAIL:].decode(errors="replace")
        lines = [line.strip() for line in text.splitlines() if any(c.isalpha() for c in line)]
        return f": {lines[-1]}" if lines else ""
    return ""
