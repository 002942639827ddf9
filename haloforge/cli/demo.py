"""`make demo`: the whole pipeline once, on the embedded model and a CPU. Every number it prints is from these runs."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge import jobs
from haloforge.cli import watch
from haloforge.errors import ForgeError
from haloforge.pipeline import Pipeline
from haloforge.records import Run
from haloforge.store import Store, home

MODEL = "smollm2-135m"
SAMPLING = {"max_new_tokens": 96, "temperature": 0.7, "top_p": 0.95, "batch_size": 32}
BENCHMARK_SAMPLING = SAMPLING | {"max_new_tokens": 256}
"""Longer than in training: the base model has not learned yet to stop, and a cut-off answer would count as wrong."""


def pipeline(folder: Path, language: str, cycles: int) -> Pipeline:
    """Prepare, benchmark the base model, SFT, RAFT, benchmark the best cycle."""
    sft = {
        "data": {"max_seq_length": 512},
        "training": {
            "num_train_epochs": 1,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 1,
            "learning_rate": 2e-4,
        },
    }
    raft = {
        "raft": {"num_cycles": cycles, "samples_per_prompt": 4, "keep_top_percent": 1.0, "max_per_prompt": 3},
        "generation": SAMPLING,
        "training": {"epochs": 2, "batch_size": 8, "gradient_accumulation_steps": 1, "learning_rate": 5e-4},
    }
    benchmark = {"samples": 4, "k": [1, 4], "generation": BENCHMARK_SAMPLING}
    data = {"dataset": "starter-easy", "split": "train", "language": language}
    return Pipeline(MODEL, folder, {"data": data, "benchmark": benchmark, "sft": sft, "raft": raft})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo. Returns 0, or the exit code of the first stage that is not done."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--output", default=str(home() / time.strftime("demo-%Y%m%d-%H%M%S")), help="folder to write to"
    )
    parser.add_argument("--language", default="python", choices=["python", "cpp"], help="which starter-easy problems")
    parser.add_argument("--cycles", default=2, type=int, help="RAFT cycles")
    args = parser.parse_args(argv)
    folder = Path(args.output).absolute()
    try:
        return _run(folder, args.language, args.cycles)
    except ForgeError as e:
        print(f"halo-forge: {e}", file=sys.stderr)
        return e.exit_code


def run_all(store: Store, pipeline: Pipeline, title: str) -> tuple[list[tuple[str, Run]], int]:
    """Run the stages one after the other: those that are done, and the exit code of the one that is not (else 0)."""
    done: list[tuple[str, Run]] = []
    for name, config in pipeline.steps():
        print(f"\n== {name}", flush=True)
        run = jobs.submit(store, config, parent=done[-1][1].id if done else None, name=f"{title}: {name}")
        if code := watch.execute(store, run):
            return done, code
        done.append((name, store.run(run.id)))
    return done, 0


def _run(folder: Path, language: str, cycles: int) -> int:
    from haloforge.stages import benchmark

    with Store() as store:
        done, code = run_all(store, pipeline(folder, language, cycles), "demo")
        if code:
            return code
        print("\n== what it took\n" + "\n".join(_costs(store, done)))
    print(f"\n== what it gained, on the {language} test families that no stage has seen")
    print(benchmark.compare([folder / "before.json", folder / "after.json"]).text())
    print(f"\neverything is in {folder}; `halo-forge app` shows the runs")
    return 0


def _costs(store: Store, done: Sequence[tuple[str, Run]]) -> Iterator[str]:
    for name, run in done:
        seconds = (run.finished or 0) - (run.started or 0)
        yield f"{name:<17} {seconds:7.0f} s  {_verdicts(store.status_counts(run.id))}".rstrip()


def _verdicts(rows: Sequence[Mapping[str, Any]]) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["status"]] += row["n"]
    listed = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    return f"{counts.total()} samples: {listed}" if counts else ""


if __name__ == "__main__":
    sys.exit(main())
