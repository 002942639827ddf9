"""Peak resident memory of every phase of a RAFT run with the embedded model on a CPU, and who holds it.

    python benchmarks/memory.py [--problems 24] [--cycles 2] [--tokens 96] [--tree FOLDER]

The settings are those of configs/raft-tiny.yaml on some bundled problems, except that whatever was sampled may be
trained on, so that the batches of training are full. One child process is the worker; Linux resets its peak at the
start of each phase (/proc/self/clear_refs). "anonymous" is memory of its own, "file" are pages of mapped files
(libraries, and weights that were never changed), which the system can take back. In the middle of a phase its tensors
are counted by kind; what autograd keeps for the backward pass is not among them. `--tree` runs another checkout.
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
MIB = 2**20
SETTINGS = {
    "sft_checkpoint": "smollm2-135m",
    "raft.samples_per_prompt": 4,
    "raft.keep_top_percent": 1.0,
    "raft.max_per_prompt": 3,
    "raft.reward_threshold": 0.0,
    "raft.keep_partial": True,
    "generation.batch_size": 16,
    "training.epochs": 2,
    "training.batch_size": 8,
    "training.gradient_accumulation_steps": 1,
    "training.learning_rate": 5e-4,
    "verifier.type": "python",
}


def main() -> None:
    """Start the worker with the asked tree's code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--cycles", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--tree", type=Path, default=HERE)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args, Path(args.worker))
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": str(args.tree), "HF_HUB_OFFLINE": "1"}
        subprocess.run([sys.executable, *sys.argv, "--worker", folder], env=environment, check=True)


def work(args: argparse.Namespace, folder: Path) -> None:
    """Run RAFT in this process and print what it needed."""
    import torch  # noqa: F401
    import transformers  # noqa: F401

    import haloforge.train.fitting  # noqa: F401  (libraries first, so that they are counted as such)
    from haloforge.config import RaftConfig
    from haloforge.files import write_jsonl
    from haloforge.problems import starter
    from haloforge.stages import raft
    from haloforge.store import Report, Store

    warnings.simplefilter("ignore")
    problems = starter.load_starter("starter-easy", split="train", language="python")
    write_jsonl(folder / "problems.jsonl", [p.to_json() for p in problems[: args.problems]])
    places = {"prompts": str(folder / "problems.jsonl"), "output_dir": str(folder / "out")}
    size = {"raft.num_cycles": args.cycles, "generation.max_new_tokens": args.tokens}
    config = RaftConfig.load(None, {**SETTINGS, **places, **size})
    meter = Meter()

    class PhasedStore(Store):
        def begin_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
            meter.begin(f"{phase} {cycle}")
            super().begin_phase(run_id, cycle, phase, data)

        def end_phase(self, run_id: str, cycle: int, phase: str, data: Mapping[str, Any] | None = None) -> None:
            super().end_phase(run_id, cycle, phase, data)
            meter.end()

    class CountingReport(Report):
        def progress(self, phase: str, done: int, total: int, *, cycle: int | None = None, unit: str = "") -> None:
            meter.count_tensors(done, total)
            super().progress(phase, done, total, cycle=cycle, unit=unit)

    with PhasedStore(folder / "runs") as store:
        raft.run(config, CountingReport(store, store.create_run("raft", config.to_json()).id))
    meter.print()


class Meter:
    """The peak of the current phase with its parts, and what tensors there are in its middle."""

    def __init__(self) -> None:
        self.at_start = resident()
        self.rows: list[tuple[str, dict[str, float], dict[str, float]]] = []
        self.phase, self.peak, self.kinds = "", self.at_start, dict[str, float]()
        self.is_running = True
        threading.Thread(target=self._watch, daemon=True).start()

    def begin(self, phase: str) -> None:
        """Reset the peak."""
        Path("/proc/self/clear_refs").write_text("5")
        self.phase, self.peak, self.kinds = phase, resident(), {}

    def end(self) -> None:
        """Keep the figures of the phase; the peak itself is the kernel's own."""
        status = resident()
        found = {**self.peak, "VmHWM": status["VmHWM"], "after": status["VmRSS"]}
        if not self.rows:
            start = self.at_start
            print(f"libraries alone: {start['VmRSS']:.0f} MiB ({start['RssAnon']:.0f} anonymous)\n")
            print(f"{'phase':14} {'peak':>7} {'anonymous':>10} {'file':>7} {'after':>7}   MiB")
        cells = f"{found['VmHWM']:7.0f} {found['RssAnon']:10.0f} {found['RssFile']:7.0f} {found['after']:7.0f}"
        print(f"{self.phase:14} {cells}", flush=True)
        self.rows.append((self.phase, found, self.kinds))

    def count_tensors(self, done: int, total: int) -> None:
        """Count once a phase, when half of it is done."""
        if not self.kinds and done * 2 >= total:
            self.kinds = tensors_by_kind()

    def print(self) -> None:
        """The kinds of tensors, and the highest peak; `end` has printed the phases."""
        print("\ntensors in the middle of each phase, MiB")
        for phase, _, kinds in self.rows:
            if kinds:
                print(f"{phase:14} " + ", ".join(f"{kind} {size:.0f}" for kind, size in kinds.items()))
        print(f"\npeak of the run: {max(found['VmHWM'] for _, found, _ in self.rows):.0f} MiB")

    def _watch(self) -> None:
        """The parts of the peak: what was resident at the highest moment that a look every 10 ms has seen."""
        while not threading.Event().wait(0.01):
            now = resident()
            if now["VmRSS"] > self.peak["VmRSS"]:
                self.peak = now


def resident() -> dict[str, float]:
    """Resident memory of this process by kind, in MiB."""
    wanted = ("VmHWM", "VmRSS", "RssAnon", "RssFile")
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0][:-1]: int(line[1]) / 1024 for line in lines if line[0][:-1] in wanted}


def tensors_by_kind() -> dict[str, float]:
    """MiB of all tensors that Python objects hold, each storage once."""
    import torch
    from transformers import PreTrainedModel
    from transformers.cache_utils import CacheLayerMixin

    things = gc.get_objects()
    models = [thing for thing in things if isinstance(thing, PreTrainedModel)]
    parameters = [pair for model in models for pair in model.named_parameters()]
    kinds: dict[str, Iterable[Any]] = {
        "weights": [value for name, value in parameters if "lora_" not in name],
        "adapter": [value for name, value in parameters if "lora_" in name],
        "gradients": [value.grad for _, value in parameters if value.grad is not None],
        "optimizer": [
            value
            for thing in things
            if isinstance(thing, torch.optim.Optimizer)
            for state in thing.state.values()
            for value in state.values()
            if isinstance(value, torch.Tensor)
        ],
        "cache": [t for thing in things if isinstance(thing, CacheLayerMixin) for t in (thing.keys, thing.values)],
        "packed": [thing for thing in things if isinstance(thing, torch.Tensor) and thing.is_mkldnn],
        "other": [thing for thing in things if isinstance(thing, torch.Tensor)],
    }
    seen: set[int] = set()
    return {kind: sum(size_once(tensor, seen) for tensor in tensors) / MIB for kind, tensors in kinds.items()}


def size_once(tensor: Any, seen: set[int]) -> int:
    """Bytes of a tensor's storage, 0 where it was counted before or there is none."""
    if tensor is None or tensor.is_meta:
        return 0
    key = id(tensor) if tensor.is_mkldnn else tensor.untyped_storage().data_ptr()
    if not key or key in seen:
        return 0
    seen.add(key)
    return int(tensor.numel() * tensor.element_size() if tensor.is_mkldnn else tensor.untyped_storage().nbytes())


if __name__ == "__main__":
    main()
