"""`make demo`: the whole pipeline once, on the embedded model and a CPU. Every number it prints is from these runs."""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge import config, jobs
from haloforge.cli import watch
from haloforge.config import StageConfig
from haloforge.errors import ForgeError
from haloforge.records import Run
from haloforge.store import Store, home

MODEL = "smollm2-135m"
SAMPLING = {"max_new_tokens": 96, "temperature": 0.7, "top_p": 0.95, "batch_size": 32}
BENCHMARK_SAMPLING = SAMPLING | {"max_new_tokens": 256}
"""Longer than in training: the base model has not learned yet to stop, and a cut-off answer would count as wrong."""


def stages(folder: Path, language: str, cycles: int) -> Iterator[tuple[str, StageConfig]]:
    """Prepare, benchmark the base model, SFT, RAFT, benchmark the best cycle; ask for the last when RAFT is done."""
    train, test = str(folder / "train.jsonl"), str(folder / "test.jsonl")
    for split, path in (("train", train), ("test", test)):
        data = {"dataset": "starter-easy", "output": path, "split": split, "language": language}
        yield f"prepare {split}", config.PrepareConfig.parse(data)
    yield "benchmark before", _benchmark(MODEL, test, folder / "before.json")
    sft = {
        "model": {"name": MODEL},
        "data": {"train_file": train, "max_seq_length": 512},
        "output_dir": str(folder / "sft"),
        "training": {
            "num_train_epochs": 1,
            "per_device_train_batch_size": 8,
            "gradient_accumulation_steps": 1,
            "learning_rate": 2e-4,
        },
    }
    yield "sft", config.SftConfig.parse(sft)
    raft = {
        "sft_checkpoint": str(folder / "sft" / "final_model"),
        "output_dir": str(folder / "raft"),
        "prompts": train,
        "raft": {"num_cycles": cycles, "samples_per_prompt": 4, "keep_top_percent": 1.0, "max_per_prompt": 3},
        "generation": SAMPLING,
        "training": {"epochs": 2, "batch_size": 8, "gradient_accumulation_steps": 1, "learning_rate": 5e-4},
    }
    yield "raft", config.RaftConfig.parse(raft)
    best = json.loads((folder / "raft" / "best.json").read_text(encoding="utf-8"))
    yield "benchmark after", _benchmark(best["path"], test, folder / "after.json")


def _benchmark(model: str, problems: str, output: Path) -> StageConfig:
    data = {"model": model, "prompts": problems, "output": str(output), "samples": 4, "k": [1, 4]}
    return config.BenchmarkConfig.parse(data | {"generation": BENCHMARK_SAMPLING})


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


def run_all(store: Store, chain: Iterable[tuple[str, StageConfig]], title: str) -> tuple[list[tuple[str, Run]], int]:
    """Run the stages one after the other: those that are done, and the exit code of the one that is not (else 0)."""
    done: list[tuple[str, Run]] = []
    for name, stage in chain:
        print(f"\n== {name}", flush=True)
        run = jobs.submit(store, stage, parent=done[-1][1].id if done else None, name=f"{title}: {name}")
        if code := watch.execute(store, run):
            return done, code
        done.append((name, store.run(run.id)))
    return done, 0


def _run(folder: Path, language: str, cycles: int) -> int:
    from haloforge.stages import benchmark

    with Store() as store:
        done, code = run_all(store, stages(folder, language, cycles), "demo")
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
