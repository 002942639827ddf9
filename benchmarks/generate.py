"""Useful tokens per second of the local engine against transformers' own `generate`, in one run on one machine.

    python benchmarks/generate.py [--problems 16] [--samples 4] [--tokens 96] [--repeats 1] [--threads 2]

Prompts are the bundled starter-easy problems; tokens after the end token do not count; the model is the embedded one,
in fp32. CPU seconds are those of this process, so they can be compared on a busy machine too, except that memory
bandwidth is shared. The order of the engines is reversed in every second repeat.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from haloforge.generate import SampleRequest, SamplingParams
from haloforge.generate.local import LocalEngine, end_tokens
from haloforge.generate.prompts import render
from haloforge.models import LoadedModel, load
from haloforge.problems.starter import load_starter
from haloforge.records import Problem


@dataclass(frozen=True)
class Work:
    """What every engine generates: `samples` completions of each problem."""

    problems: Sequence[Problem]
    samples: int
    params: SamplingParams


def with_engine(loaded: LoadedModel, work: Work, slots: int) -> int:
    """Useful tokens from the local engine."""
    engine = LocalEngine(loaded, slots=slots)
    try:
        return sum(
            s.completion_tokens for s in engine.generate(SampleRequest(work.problems, work.samples, work.params, 0))
        )
    finally:
        engine.close()


def with_transformers(loaded: LoadedModel, work: Work, batch: int) -> int:
    """Useful tokens from `model.generate` in left-padded batches of `batch` rows."""
    torch.manual_seed(0)
    ends = sorted(end_tokens(loaded))
    prompts = [render(loaded.tokenizer, problem) for problem in work.problems for _ in range(work.samples)]
    useful = 0
    for start in range(0, len(prompts), batch):
        rows = prompts[start : start + batch]
        width = max(map(len, rows))
        output = loaded.model.generate(
            input_ids=torch.tensor([[0] * (width - len(row)) + row for row in rows]),
            attention_mask=torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows]),
            max_new_tokens=work.params.max_new_tokens,
            do_sample=True,
            temperature=work.params.temperature,
            top_p=work.params.top_p,
            top_k=0,
            eos_token_id=ends,
            pad_token_id=ends[0],
        )
        useful += sum(_length(row, ends) for row in output[:, width:].tolist())
    return useful


def _length(tokens: Sequence[int], ends: Sequence[int]) -> int:
    return next((place + 1 for place, token in enumerate(tokens) if token in ends), len(tokens))


def main() -> None:
    """Print one row per engine and repeat."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("problems", 16), ("samples", 4), ("tokens", 96), ("repeats", 1), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    loaded = load("smollm2-135m", device="cpu", progress=print)
    problems = load_starter("starter-easy", language="python")[: options.problems]
    work = Work(problems, options.samples, SamplingParams(max_new_tokens=options.tokens))
    engines: dict[str, Callable[[], int]] = {
        "transformers, batch 8": lambda: with_transformers(loaded, work, 8),
        "transformers, batch 32": lambda: with_transformers(loaded, work, 32),
        "halo-forge, 32 slots": lambda: with_engine(loaded, work, 32),
        "halo-forge, 64 slots": lambda: with_engine(loaded, work, 64),
    }
    print(f"{'engine':24} {'tokens':>7} {'wall s':>7} {'CPU s':>7} {'tok/s':>6} {'tok/CPU-s':>9}")
    for repeat in range(options.repeats):
        order = list(engines.items())
        for name, run in order if repeat % 2 == 0 else reversed(order):
            wall, cpu = time.perf_counter(), time.process_time()
            useful = run()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{name:24} {useful:7} {wall:7.1f} {cpu:7.1f} {useful / wall:6.0f} {useful / cpu:9.0f}", flush=True)


if __name__ == "__main__":
    main()
