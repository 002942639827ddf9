"""SFT, a RAFT cycle and a benchmark on a GPU, without network: how fast, how near to its arithmetic, how large.

    python benchmarks/gpu.py [--shapes 0.5B 7B] [--rows 64] [--problems 32] [--samples 8] [--tokens 256]
    python benchmarks/gpu.py --device cpu --tiny        (the same script on toy shapes, to see that it runs)

The models have Qwen2.5-Coder's shapes and random weights, built here (`random_qwen.py`). Printed per shape: tokens per
second, the share of the speed of a matrix product that they amount to (MFU), peak memory of the tensors (on a CPU: of
the process so far), and sampling against transformers' own `generate`. Two things are checked, and exit code 1 says
that one of them failed: greedy answers equal those of `generate`, and a training that was stopped and went on ends
with the same weights. MFU of training counts neither loading nor recomputed activations.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import random_qwen

from haloforge.config import BenchmarkConfig, LoraSection, RaftConfig, SftConfig, SftTraining
from haloforge.errors import Stopped
from haloforge.files import write_jsonl
from haloforge.store import Report, Store

NO_GPU = "no CUDA GPU is found here; run this on a machine that has one, or try the script with --device cpu --tiny"
GREEDY_TOKENS = 32
NOISE = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}
"""How near the two highest logits must be for another choice to be rounding, by the type of the weights."""


@dataclass
class Bench:
    """One shape on one device: where its files are, what it is given, and what was found."""

    name: str
    folder: Path
    device: str
    dtype: str
    options: argparse.Namespace
    peak: float
    """Operations per second of a matrix product."""
    failures: list[str] = field(default_factory=list)

    @property
    def model(self) -> str:
        """The folder of the model."""
        return str(self.folder / "model")

    def row(self, what: str, tokens: float, seconds: float, flops_per_token: float | None = None) -> None:
        """Print a line of the table."""
        speed = tokens / seconds if seconds else 0.0
        share = f"{speed * flops_per_token / self.peak:6.1%}" if flops_per_token else f"{'':6}"
        columns = f"{tokens:9.0f} {seconds:8.1f} {speed:10.1f} {share} {peak_gib():8.2f}"
        print(f"{self.name:5} {what:26} {columns}", flush=True)

    def estimated(self, report: Report) -> None:
        """Print what the run's log says of its memory: the peak, and the estimate beside it."""
        for event in report.store.events(report.run_id, kind="log"):
            if event.data["text"].startswith("memory: "):
                print(f"{self.name:5} {event.data['text']}", flush=True)

    def check(self, what: str, failure: str) -> None:
        """Print the result of a check; an empty `failure` is none."""
        print(f"{self.name:5} {what}: {failure or 'yes'}", flush=True)
        if failure:
            self.failures.append(f"{self.name}: {what}: {failure}")


def main() -> None:
    """Run every shape, print the tables, and exit with what the checks found."""
    options = arguments()
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import torch
    from arithmetic import matmul_flops

    from haloforge.train.precision import Device, precision

    if options.device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU, file=sys.stderr)
        sys.exit(2)
    dtype = precision(SftTraining(), Device.of_this_machine()).base
    peak = matmul_flops(torch.device(options.device), getattr(torch, dtype), 8192 if options.device == "cuda" else 512)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{name}, {dtype}, torch {torch.__version__}; a matrix product runs at {peak / 1e12:.2f} TFLOP/s")
    print(f"{'':5} {'':26} {'tokens':>9} {'s':>8} {'tokens/s':>10} {'MFU':>6} {'GiB':>8}")
    failures = []
    for shape in ["toy"] if options.tiny else options.shapes:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(shape, Path(folder), options.device, dtype, options, peak)
            try:
                run(bench)
            except torch.OutOfMemoryError as error:
                bench.check("fits into the memory", str(error).splitlines()[0])
            failures += bench.failures
    sys.exit("\n".join(failures) or 0)


def arguments() -> argparse.Namespace:
    """The command line; `--tiny` makes everything small."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["0.5B", "7B"], choices=["0.5B", "7B"])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true", help="toy shapes and a handful of samples")
    for name, default in (("rows", 64), ("problems", 32), ("samples", 8), ("tokens", 256)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if options.tiny:
        options.rows, options.problems, options.samples, options.tokens = 12, 6, 2, 48
    return options


def run(bench: Bench) -> None:
    """All of one shape."""
    random_qwen.save_random(random_qwen.SHAPES[bench.name], Path(bench.model), bench.device, bench.dtype)
    released(lambda: check_greedy(bench))
    released(lambda: teach(bench))
    write_jsonl(bench.folder / "problems.jsonl", random_qwen.problem_rows(bench.options.problems))
    write_jsonl(bench.folder / "rows.jsonl", random_qwen.problem_rows(bench.options.rows))
    released(lambda: compare_sampling(bench))
    with Store(bench.folder / "records") as store:
        released(lambda: train(bench, store))
        released(lambda: cycle(bench, store))
        released(lambda: benchmark(bench, store))


def released(work: Callable[[], None]) -> None:
    """Do a piece of work with a fresh count of the peak memory, and give back what it held."""
    import gc

    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    work()
    gc.collect()


def peak_gib() -> float:
    """Peak memory since the last reset: of the GPU's tensors, else of this process since it started."""
    import torch

    on_gpu = torch.cuda.is_available()
    used = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return used / 2**30


def teach(bench: Bench) -> None:
    """Write the model again, programmed to answer rightly."""
    from haloforge.models import load

    loaded = load(bench.model, device=bench.device, dtype=bench.dtype)
    random_qwen.teach_answer(loaded.model, loaded.tokenizer)
    loaded.model.save_pretrained(bench.model)


def check_greedy(bench: Bench) -> None:
    """Greedy answers of the random model, whose every layer counts, against `generate`, one prompt at a time."""
    from haloforge.generate import SampleRequest, SamplingParams
    from haloforge.generate.local import LocalEngine
    from haloforge.models import load
    from haloforge.records import Problem

    loaded = load(bench.model, device=bench.device, dtype=bench.dtype)
    problems = [Problem(row["task_id"], row["prompt"]) for row in random_qwen.problem_rows(4)]
    engine = LocalEngine(loaded)
    params = SamplingParams(max_new_tokens=GREEDY_TOKENS, temperature=0)
    samples = list(engine.generate(SampleRequest(problems, 1, params, 0)))
    engine.close()
    failures = [difference(loaded, s.prompt_ids, s.token_ids, NOISE[bench.dtype]) for s in samples]
    bench.check("greedy answers equal those of generate", next(filter(None, failures), ""))


def difference(loaded: Any, prompt: Sequence[int], ours: Sequence[int], noise: float) -> str:
    """Where our tokens leave those of `generate` by more than rounding; empty where they do not."""
    import torch

    ids = torch.tensor([list(prompt)], device=loaded.device)
    whole = loaded.model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=len(ours)
    )
    theirs = whole[0, len(prompt) :].tolist()
    place = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    if place is None:
        return ""
    with torch.inference_mode():
        logits = loaded.model(input_ids=whole[:, : len(prompt) + place]).logits[0, -1].float()
    gap = float((logits[theirs[place]] - logits[ours[place]]).abs())
    return "" if gap < noise else f"token {place} differs, by {gap:.3g} in its logit"


def compare_sampling(bench: Bench) -> None:
    """The engine against `generate` in batches of 8, on answers of different lengths."""
    from arithmetic import sampling_flops_per_token, synchronise

    from haloforge.generate import SampleRequest, SamplingParams
    from haloforge.generate.local import LocalEngine
    from haloforge.models import load
    from haloforge.problems import load_problems

    options = bench.options
    loaded = load(bench.model, device=bench.device, dtype=bench.dtype)
    problems = load_problems(bench.folder / "problems.jsonl")
    flops = sampling_flops_per_token(loaded.model)
    started = time.perf_counter()
    tokens = with_generate(loaded, problems, options.samples, options.tokens)
    synchronise(loaded.device)
    plain = tokens / (time.perf_counter() - started)
    bench.row("generate, batches of 8", tokens, tokens / plain, flops)
    engine = LocalEngine(loaded)
    started = time.perf_counter()
    params = SamplingParams(max_new_tokens=options.tokens, temperature=0.7, top_p=1.0)
    tokens = sum(s.completion_tokens for s in engine.generate(SampleRequest(problems, options.samples, params, 0)))
    ours = tokens / (time.perf_counter() - started)
    engine.close()
    bench.row("sampling here", tokens, tokens / ours, flops)
    print(f"{bench.name:5} sampling here against generate: {ours / plain:.1f} x tokens per second")


def with_generate(loaded: Any, problems: Sequence[Any], samples: int, most: int) -> int:
    """Useful tokens of `model.generate` in left-padded batches of 8."""
    import torch

    from haloforge.generate import render

    end = loaded.tokenizer.eos_token_id
    prompts = [list(render(loaded.tokenizer, problem)) for problem in problems for _ in range(samples)]
    useful = 0
    for start in range(0, len(prompts), 8):
        batch = prompts[start : start + 8]
        width = max(map(len, batch))
        output = loaded.model.generate(
            input_ids=torch.tensor([[0] * (width - len(ids)) + ids for ids in batch], device=loaded.device),
            attention_mask=torch.tensor(
                [[0] * (width - len(ids)) + [1] * len(ids) for ids in batch], device=loaded.device
            ),
            max_new_tokens=most,
            do_sample=True,
            temperature=0.7,
            top_p=1.0,
            top_k=0,
        )
        answers = [row[: row.index(end) + 1] if end in row else row for row in output[:, width:].tolist()]
        useful += sum(map(len, answers))
    return useful


def train(bench: Bench, store: Store) -> None:
    """SFT, timed between its first and last step; then once more, stopped and resumed, to the same weights."""
    from haloforge.stages import sft

    def config(name: str) -> SftConfig:
        settings = {
            "model.name": bench.model,
            "data.train_file": str(bench.folder / "rows.jsonl"),
            "output_dir": str(bench.folder / name),
            "data.validation_split": 0.0,
            "training.num_train_epochs": 1,
            "training.per_device_train_batch_size": 4,
            "training.gradient_accumulation_steps": 1,
        }
        return SftConfig.load(None, settings)

    report = Report(store, store.create_run("sft", {}).id)
    sft.run(config("whole"), report)
    steps = [e for e in store.events(report.run_id, kind="metric") if e.data["name"] == "train"]
    first, last = (steps[at].data["values"]["tokens"] for at in (0, -1))
    bench.row("SFT", last - first, steps[-1].time - steps[0].time, flops_of_training(bench))
    bench.estimated(report)
    again = Report(store, store.create_run("sft", {}).id)
    store.update_run(again.run_id, stop="now")
    try:
        sft.run(config("broken"), again)
    except Stopped:
        store.update_run(again.run_id, stop="")
        sft.run(config("broken"), again)
    bench.check("a stopped training ends with the same weights", weights_differ(bench))


def weights_differ(bench: Bench) -> str:
    """By how much the adapters of the two trainings differ; empty where they are equal."""
    from safetensors.torch import load_file

    adapters = (bench.folder / name / "final_model" / "adapter_model.safetensors" for name in ("whole", "broken"))
    one, other = map(load_file, adapters)
    most = max(float((one[name].float() - other[name].float()).abs().max()) for name in one)
    return "" if most == 0 else f"they differ by at most {most:.2g}"


def flops_of_training(bench: Bench) -> float:
    """Per token of the SFT rows."""
    import torch
    from arithmetic import training_flops_per_token
    from transformers import AutoConfig, AutoModelForCausalLM

    from haloforge.models import load_tokenizer
    from haloforge.problems import load_training_rows
    from haloforge.train import IGNORED, encode

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(bench.model))
    rows = load_training_rows(bench.folder / "rows.jsonl").rows
    labels = [label for row in encode(rows, load_tokenizer(bench.model), 2048).examples for label in row.labels]
    return training_flops_per_token(model, LoraSection().r, sum(label != IGNORED for label in labels) / len(labels))


def cycle(bench: Bench, store: Store) -> None:
    """One RAFT cycle, phase by phase."""
    from haloforge.stages import raft
    from haloforge.stages.shared.costs import costs

    settings = {
        "sft_checkpoint": bench.model,
        "output_dir": str(bench.folder / "raft"),
        "prompts": str(bench.folder / "problems.jsonl"),
        "raft.num_cycles": 1,
        "raft.samples_per_prompt": bench.options.samples,
        "generation.max_new_tokens": bench.options.tokens,
        "generation.top_p": 1.0,
        "training.gradient_accumulation_steps": 1,
        "verifier.type": "python",
    }
    report = Report(store, store.create_run("raft", {}).id)
    raft.run(RaftConfig.load(None, settings), report)
    for phase in costs(store, report.run_id):
        bench.row(f"RAFT cycle {phase.cycle}, {phase.phase}", phase.tokens or 0, phase.seconds)
    bench.estimated(report)
    kept = store.count_samples(report.run_id, cycle=1, purpose="train", kept=True)
    bench.check("RAFT kept samples and trained on them", "" if kept else "none of the samples was kept")


def benchmark(bench: Bench, store: Store) -> None:
    """A benchmark of the model that the cycle trained."""
    from haloforge.stages import benchmark as stage
    from haloforge.stages.shared.costs import costs

    settings = {
        "model": str(bench.folder / "raft" / "cycle_1" / "final_model"),
        "prompts": str(bench.folder / "problems.jsonl"),
        "output": str(bench.folder / "result.json"),
        "samples": bench.options.samples,
        "generation.max_new_tokens": bench.options.tokens,
        "generation.top_p": 1.0,
    }
    report = Report(store, store.create_run("benchmark", {}).id)
    stage.run(BenchmarkConfig.load(None, settings), report)
    bench.estimated(report)
    for phase in costs(store, report.run_id):
        bench.row(f"benchmark, {phase.phase}", phase.tokens or 0, phase.seconds)


if __name__ == "__main__":
    main()
