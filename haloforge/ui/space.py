"""Limits of the public demo on Hugging Face Spaces: what a visitor may ask, and the one thing that may be started."""

import os
import shutil
import threading
import time
from pathlib import Path
from typing import NamedTuple

from haloforge import jobs
from haloforge.config import AppConfig
from haloforge.errors import MachineError, RunError
from haloforge.models import EMBEDDED
from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui import pipeline
from haloforge.verify import isolation


class Caps(NamedTuple):
    """What one visitor may ask of the Playground."""

    models: tuple[str, ...] | None
    """None allows every model."""
    max_new_tokens: int
    seconds: float


class Tries(NamedTuple):
    """What visitors together may start: tiny RAFT runs, one at a time."""

    waiting: int
    """So many may wait in the queue."""
    seconds: float
    """A run that takes longer is stopped, with everything saved."""
    kept: int
    """So many are kept, the newest; older ones are deleted with their models."""


OWN_MACHINE = Caps(models=None, max_new_tokens=8192, seconds=3600.0)
DEMO = Caps(models=(EMBEDDED,), max_new_tokens=256, seconds=60.0)
TRIES = Tries(waiting=4, seconds=600.0, kept=12)
FOR_VISITORS = frozenset({"visit"})
"""The buttons that visitors may press, by their `data-act`; all others are neither shown nor heard."""
REFUSED = "This demo is read-only: install halo-forge to run and change things."
BANNER = (
    "This is a demo: look at the recorded runs, compare their cycles, let the embedded model write code in the "
    "Playground, or start a tiny RAFT run of your own. Nothing else can be changed."
)
CLOSED = (
    "This is a read-only demo on a machine without any sandbox (isolation level none), so no program is run here: "
    "nothing is verified, and no run can be started."
)
_NAME = "a visitor's try"


def is_space() -> bool:
    """True inside a Hugging Face Space."""
    return "SPACE_ID" in os.environ


def runs_programs() -> bool:
    """False below the lowest isolation level, where a Space runs nothing that a model wrote."""
    return isolation().name != "none"


def caps() -> Caps:
    """The limits on this machine."""
    return DEMO if is_space() else OWN_MACHINE


def css() -> str:
    """What the style sheet of this machine's page adds: a visitor does not see what is not for visitors."""
    if not is_space():
        return ""
    acts = "".join(f':not([data-act="{name}"])' for name in sorted(FOR_VISITORS))
    return f'[data-act]{acts}, #describe, a[href*="ask=delete"] {{ display: none !important; }}'


def address() -> AppConfig:
    """Where to listen: on all addresses in a Space, which has its own proxy; elsewhere on this machine only.

    The port is the one of Gradio's own variable where that is set. Raises ConfigError where it holds no port.
    """
    named = os.environ.get("GRADIO_SERVER_PORT")
    port = {"port": named} if named else {}
    return AppConfig.load(None, port | ({"host": "0.0.0.0", "insecure": True} if is_space() else {}))


def tries(store: Store) -> list[Run]:
    """The RAFT runs that visitors started, newest first."""
    return [run for run in store.runs(stage="raft") if run.name == _NAME]


def waiting(store: Store) -> int:
    """How many of them have not begun."""
    return sum(run.status == "queued" for run in tries(store))


def start_try(store: Store) -> Run:
    """Queue a tiny RAFT run. Raises MachineError without a sandbox, RunError while too many wait."""
    if not runs_programs():
        raise MachineError(CLOSED)
    if (ahead := waiting(store)) >= TRIES.waiting:
        raise RunError(f"{ahead} runs wait already, and one runs at a time: come back in a few minutes")
    folder = f"visitors/{time.time_ns()}"
    return jobs.submit_chain(store, pipeline.first_try(folder).configs(), name=_NAME)[-1]


def tidy(store: Store) -> None:
    """Stop a visitor's run that takes too long, and delete the oldest ones with what they wrote."""
    found = tries(store)
    for run in found:
        if run.status == "running" and not run.stop and time.time() - (run.started or 0) > TRIES.seconds:
            jobs.request_stop(store, run.id, "now")
    for run in [run for run in found if run.is_finished][TRIES.kept :]:
        shutil.rmtree(Path(run.cwd, str(run.config["output_dir"])).parent, ignore_errors=True)
        for old in (run.id, run.parent):
            if old and store.find_run(old):
                jobs.delete(store, old)


class Keeper(threading.Thread):
    """Tidies while the demo is served. What was queued before it began is not its visitors', and is never started."""

    def __init__(self, root: Path, poll_s: float = 5.0) -> None:
        super().__init__(name="keeper of the demo", daemon=True)
        self.root, self.poll_s = root, poll_s
        with Store(root) as store:
            for run in store.runs(status="queued"):
                store.finish(run.id, "stopped", was="queued")

    def run(self) -> None:
        """Tidy every few seconds, for as long as the process lives."""
        while True:
            with Store(self.root) as store:
                tidy(store)
            time.sleep(self.poll_s)
