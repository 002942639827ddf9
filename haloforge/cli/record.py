"""`make record`: the demo's pipeline for real, packed into the recording that a first visit of the studio shows."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from haloforge.cli import demo
from haloforge.store import RECORDING, Store

FOLDER = Path("recorded")
"""Of what the runs write; relative, so that it is the same folder of whatever store the recording is loaded into."""


def main(argv: Sequence[str] | None = None) -> int:
    """Record. Returns 0, or the exit code of the first stage that is not done."""
    parser = argparse.ArgumentParser(prog="make record", description=__doc__)
    parser.add_argument("--output", default=str(RECORDING), help="file to write")
    parser.add_argument("--cycles", default=2, type=int, help="RAFT cycles")
    options = parser.parse_args(argv)
    output = Path(options.output).absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with Store(Path("runs").absolute()) as store:
            os.environ["HALOFORGE_RUNS"] = str(store.root)  # for the workers
            done, code = demo.run_all(store, demo.pipeline(FOLDER, "python", options.cycles), "recorded")
            if code:
                return code
            results = {str(path): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json"))}
            results = {path: text for path, text in results.items() if not path.endswith("manifest.json")}
            store.save_recording([run.id for _, run in done], results, output)
        os.chdir("/")
    print(f"{output}: {len(done)} runs, {output.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
