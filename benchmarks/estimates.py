"""Five plans on the embedded model: what the dry run says of memory and time, and what they take.

    python benchmarks/estimates.py [--threads 2] [--plans sft raft ...]

Every plan is a run in a process of its own, in a store that is empty at first; so the first RAFT run knows nothing of
the model's completions, and the others go by the runs before them. The rates are measured once, before the first plan,
as the first dry run of a user does it. Real figures are those that every run records itself: the peak of its resident
memory, the wall and the CPU time of its phases. CPU time has the run's own process alone, and the estimate of it leaves
verification out. On a machine that others use too, compare CPU time and give --threads 1.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from haloforge.children import PATIENT_THREADS
from haloforge.config import STAGES
from haloforge.files import write_jsonl
from haloforge.problems import load_starter
from haloforge.stages import load
from haloforge.store import Report, Store

MODEL = "smollm2-135m"
RAFT = {"raft.num_cycles": 1, "raft.keep_partial": True, "raft.reward_threshold": 0.0, "verifier.type": "python"}
"""Whatever was sampled whole may be kept, so that there is something to train on."""

PLANS: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "SFT of 40 rows": (
        "sft",
        "data.train_file",
        40,
        {"training.num_train_epochs": 1, "training.gradient_accumulation_steps": 4, "data.validation_split": 0.1},
    ),
    "RAFT, 10 problems x 4, 64 tokens": (
        "raft",
        "prompts",
        10,
        RAFT | {"raft.samples_per_prompt": 4, "generation.max_new_tokens": 64},
    ),
    "RAFT, 6 problems x 8, 160 tokens": (
        "raft",
        "prompts",
        6,
        RAFT | {"raft.samples_per_prompt": 8, "generation.max_new_tokens": 160, "evaluation.samples_per_prompt": 8},
    ),
    "benchmark, 16 problems x 4, 256 tokens": (
        "benchmark",
        "prompts",
        16,
        {"samples": 4, "generation.max_new_tokens": 256, "verifier.type": "python"},
    ),
    "data generate, 24 prompts x 2, 128 tokens": (
        "data-generate",
        "prompts",
        24,
        {"samples": 2, "generation.max_new_tokens": 128},
    ),
}
NAMED = {"sft": "model.name", "raft": "sft_checkpoint"}


def main() -> None:
    """Run the plans one after the other and print the table; with `--worker`, run one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plans", nargs="*", default=[], help="only plans whose names begin so")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker[0], Path(options.worker[1]))
        return
    names = [name for name in PLANS if not options.plans or name.startswith(tuple(options.plans))]
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        found = {}
        for name in names:
            found[name] = in_a_process(name, Path(folder), options.threads)
            print(f"\n{options.threads} threads, {time.monotonic() - began:.0f} s\n\n{table(found)}", flush=True)


def in_a_process(name: str, folder: Path, threads: int) -> Mapping[str, float]:
    """The figures that the run of a plan recorded."""
    environment = (
        PATIENT_THREADS | os.environ | {"OMP_NUM_THREADS": str(threads), "HALOFORGE_RUNS": str(folder / "runs")}
    )
    subprocess.run([sys.executable, __file__, "--worker", name, str(folder)], env=environment, check=True)
    with Store(folder / "runs") as store:
        run = max(store.runs(), key=lambda run: run.created)
        metrics = [event.data for event in store.events(run.id, kind="metric")]
    values: Mapping[str, float] = next(metric["values"] for metric in metrics if metric["name"] == "estimate")
    return values


def work(name: str, folder: Path) -> None:
    """Print what the dry run says of a plan, then do it."""
    stage, file, count, settings = PLANS[name]
    rows, place = folder / f"{name}.jsonl", "output_dir" if stage in NAMED else "output"
    write_jsonl(rows, [problem.to_json() for problem in load_starter("starter-easy", language="python")[:count]])
    places = {NAMED.get(stage, "model"): MODEL, file: str(rows), place: str(folder / f"{name}.out")}
    config = STAGES[stage].load(None, settings | places)
    print(f"\n{name}", flush=True)
    for line in load(stage).dry_run(config):
        if line.startswith(("memory", "time")):
            print(f"  {line}", flush=True)
    with Store() as store:
        report = Report(store, store.create_run(stage, config.to_json()).id)
        load(stage).run(config, report)
        for event in store.events(report.run_id, kind="log"):
            print(f"    {event.data['text']}", flush=True)


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Markdown: estimate, real and how far off, for memory and both times."""
    columns = (("peak_gib", ".2f"), ("seconds", ".0f"), ("cpu_s", ".0f"))
    lines = [
        "| plan | memory, GiB | real | off | time, s | real | off | CPU time, s | real | off |",
        "|---|" + "---|" * 9,
    ]
    for name, values in found.items():
        cells = []
        for key, form in columns:
            estimate, real = values[f"estimated_{key}"], values[key]
            cells += [f"{estimate:{form}}", f"{real:{form}}", f"{estimate / real - 1:+.0%}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
