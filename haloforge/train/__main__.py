"""One process of a training that several share: `LAUNCHER -m haloforge.train FOLDER`, with the folder of its spec."""

import os
import sys
import threading
import time
import traceback
from pathlib import Path

from haloforge.children import is_over
from haloforge.errors import ConfigError, ForgeError, Stopped
from haloforge.models import letting_go
from haloforge.train.exchange import WORKER, End, Silent, Spec, ToFile, read_rows, read_spec, write_end
from haloforge.train.optimizing import Data, optimize


def main(folder: Path) -> int:
    """Runs this process's share of the optimizer steps. The exit code is 0 after a stop, too: nothing failed."""
    _end_with_the_others(os.environ.get(WORKER, ""))
    is_first = os.environ.get("RANK", "0") == "0"
    try:
        _optimize(folder, read_spec(folder))
    except Stopped as stop:
        if is_first:
            write_end(folder, End(type(stop).__name__, ""))
        return 0
    except ForgeError as error:
        write_end(folder, End(type(error).__name__, str(error)))
        return 1
    except Exception as error:  # noqa: BLE001 - the worker raises it
        traceback.print_exc()
        lines = str(error).splitlines() or [""]
        write_end(folder, End(type(error).__name__, f"{type(error).__name__}: {lines[0]}"))
        return 1
    if is_first:
        write_end(folder, End("done", ""))
    return 0


def _optimize(folder: Path, spec: Spec) -> None:
    import torch

    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world != spec.processes:
        raise ConfigError(
            f"training.launch should start {spec.processes} processes and started {world}"
            + ("; accelerate runs one process on a CPU, where torchrun runs several" if world == 1 else "")
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    train, held_out = read_rows(folder)
    report = ToFile(folder, spec.run_id, spec.run_folder) if rank == 0 else Silent(spec.run_id, spec.run_folder)
    with letting_go():
        optimize(spec.training, spec.settings, Data(train, held_out), report)


def _end_with_the_others(worker: str) -> None:
    """End this process when its launcher or the worker is gone: each may be killed without a word to the others.

    The worker may be gone already, where the launcher starts processes again that ended with it.
    """
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher and not (worker and is_over(worker)):
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
