"""`make record`: the demo's pipeline for real, packed into the recording that a first visit of the studio shows."""

import argparse
import gzip
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from haloforge import jobs
from haloforge.cli import demo, watch
from haloforge.store import RECORDING, Store

FOLDER = Path("recorded")
"""Of what the runs write; relative, so that no path of the machine that records is in the recording."""


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
            done: list[str] = []
            for name, stage in demo.stages(FOLDER, "python", options.cycles):
                run = jobs.submit(store, stage, parent=done[-1] if done else None, name=f"recorded: {name}")
                if code := watch.execute(store, run):
                    return code
                done.append(run.id)
            results = {str(path): path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.json"))}
            results = {path: text for path, text in results.items() if not path.endswith("manifest.json")}
            store.save_recording(done, results, output)
        os.chdir("/")
        _forget(output, folder)
    print(f"{output}: {len(done)} runs, {output.stat().st_size / 1024:.0f} KiB")
    return 0


def _forget(recording: Path, folder: str) -> None:
    """Make paths below the folder of the recording relative, wherever they stand."""
    text = gzip.decompress(recording.read_bytes()).decode()
    for name in (os.path.realpath(folder), folder):
        text = text.replace(f"{name}/", "")
    recording.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    sys.exit(main())
