"""K-quants by llama.cpp's own quantiser: `python -m haloforge.models.gguf.k_quants FROM TO TYPE THREADS`.

It runs in a process of its own, because llama.cpp ends the whole process when it meets what it did not expect.
"""

import subprocess
import sys
from pathlib import Path

from haloforge.children import own_environment, python_module
from haloforge.cores import usable_cores
from haloforge.errors import MachineError

_MODULE = "haloforge.models.gguf.k_quants"


def quantize_file(source: Path, target: Path, kind: str) -> None:
    """Make a file of one of K_QUANTS from one in f16. Raises MachineError with what llama.cpp said."""
    command = [*python_module(_MODULE), str(source), str(target), kind, str(usable_cores())]
    done = subprocess.run(command, env=own_environment(), capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        raise MachineError(f"llama.cpp could not make {target.name}: {said[-1]}")


def main(source: str, target: str, kind: str, threads: str) -> None:
    """What the process does."""
    from cyllama.llama import llama_cpp
    from gguf import LlamaFileType

    settings = llama_cpp.LlamaModelQuantizeParams()
    settings.ftype = int(LlamaFileType[f"MOSTLY_{kind.upper()}"])
    settings.nthread = int(threads)
    llama_cpp.model_quantize(source, target, settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
