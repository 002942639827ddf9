"""Starts the processes that tell trackers about a run."""

import os
import subprocess
from collections.abc import Sequence

from haloforge.children import own_environment, python_module
from haloforge.records import Run
from haloforge.store import Store


def start_mirrors(store: Store, run: Run, names: Sequence[str]) -> None:
    """Start a process for every tracker. They outlive the run for as long as they need to tell its end."""
    folder = store.folder(run.id)
    for name in names:
        with (folder / f"{name}.log").open("ab") as log:
            subprocess.Popen(
                [*python_module("haloforge.tracking.mirror"), str(store.root), run.id, name, str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=own_environment(),
                start_new_session=True,
            )
