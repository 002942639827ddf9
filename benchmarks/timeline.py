"""How long the recipes in configs/ take with a 7B model on a GPU: calculated from stated assumptions, NOT measured.

    python benchmarks/timeline.py

The plans are those of configs/sft.yaml, configs/raft.yaml and configs/benchmark.yaml with the shape of
Qwen2.5-Coder 7B, put through the arithmetic of `--dry-run` (haloforge/estimates). A dry run on a machine measures the
rates there; here they follow from a GPU's published peak figures and the shares of them in ASSUMED. The recipes name no
data, so their sizes are assumed too: CodeAlpaca's 20,022 rows, MBPP's 374 training problems, HumanEval's 164. Beside
the results stands what this project first promised for 7B models.
"""

import json
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import random_qwen

from haloforge.config import BenchmarkConfig, RaftConfig, SftConfig
from haloforge.estimates import (
    Device,
    ModelShape,
    Row,
    TrainRow,
    duration,
    sampling_seconds,
    shape_of,
    training_seconds,
)
from haloforge.estimates.memory import slots_for
from haloforge.estimates.rates import SamplingRates, TrainingRates
from haloforge.stages.shared.earlier import assumed_tokens

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
SFT_ROWS, SFT_TOKENS, SFT_LEARNED = 20_022, 250, 180
RAFT_PROBLEMS, BENCHMARK_PROBLEMS, PROMPT_TOKENS = 374, 164, 150
VERDICT_S, CORES = {"gcc": 0.5, "python": 0.05}, 8
ASSUMED = (
    "training computes at 40 %, reading prompts at 50 % and a step of sampling at 40 % of the GPU's peak",
    "a step of sampling takes no less than its weights, keys and values need at 60 % of the bandwidth, nor than 25 ms",
    "activations are recomputed, as gradient_checkpointing is true",
    f"SFT rows have {SFT_TOKENS} tokens, {SFT_LEARNED} of them learned; prompts {PROMPT_TOKENS}; completions 200 on "
    "average, lognormal, cut at the limit",
    "every RAFT cycle keeps half of what it may, all cycles are run, and a fifth of the problems is held out",
    f"a verdict takes {VERDICT_S['gcc']} s with gcc and {VERDICT_S['python']} s in Python, on {CORES} cores, meanwhile",
    "weights are read at 1.5 GB a second",
)
PROMISED = {"SFT": "2 to 4 h", "RAFT": "4 to 8 h", "benchmark": "30 to 60 min"}
LAUNCH_S = 0.025
LARGEST_PART = 8192


@dataclass(frozen=True)
class Gpu:
    """Published peaks: dense bfloat16 operations and bytes per second, and memory."""

    name: str
    flops: float
    bandwidth: float
    gib: int


GPUS = (
    Gpu("RTX 4090", 165e12, 1.008e12, 24),
    Gpu("A100 80 GB", 312e12, 2.039e12, 80),
    Gpu("H100", 989e12, 3.35e12, 80),
)


def main() -> None:
    """Print the assumptions and the table."""
    shape = shape_7b()
    print("Calculated, not measured. Assumed:\n" + "\n".join(f"- {line}" for line in ASSUMED) + "\n")
    print(f"| 7B on | {' | '.join(PROMISED)} |\n|---|---|---|---|")
    print(f"| the project's first figures | {' | '.join(PROMISED.values())} |")
    for gpu in GPUS:
        print(f"| {gpu.name} | {' | '.join(duration(seconds) for seconds in stages(shape, gpu))} |")


def stages(shape: ModelShape, gpu: Gpu) -> tuple[float, float, float]:
    """Seconds of the three recipes."""
    raft = RaftConfig.load(CONFIGS / "raft.yaml", {})
    held_out = round(RAFT_PROBLEMS * raft.evaluation.holdout)
    trained, n, limit = RAFT_PROBLEMS - held_out, raft.raft.samples_per_prompt, raft.generation.max_new_tokens
    compiled = VERDICT_S["gcc"]
    tries = sampling(shape, gpu, held_out, raft.evaluation.samples_per_prompt, limit, compiled)
    kept = trained * raft.raft.max_per_prompt // 2
    cycle = sampling(shape, gpu, trained, n, limit, compiled) + training(shape, gpu, raft, kept) + tries
    benchmark = BenchmarkConfig.load(CONFIGS / "benchmark.yaml", {})
    tokens = benchmark.generation.max_new_tokens
    return (
        training(shape, gpu, SftConfig.load(CONFIGS / "sft.yaml", {}), SFT_ROWS),
        tries + raft.raft.num_cycles * cycle,
        sampling(shape, gpu, BENCHMARK_PROBLEMS, benchmark.samples, tokens, VERDICT_S["python"]),
    )


def sampling(shape: ModelShape, gpu: Gpu, problems: int, n: int, limit: int, verdict_s: float) -> float:
    """To load the model and to sample and verify meanwhile."""
    device, drawn, lengths = Device("the GPU", gpu.gib * 2**30, 2), random.Random(0), assumed_tokens(limit)
    rows = [Row(PROMPT_TOKENS, drawn.choice(lengths)) for _ in range(problems * n)]
    slots = slots_for(shape, device, PROMPT_TOKENS + limit, None)
    seconds = sampling_seconds(sampling_rates(shape, gpu), rows, slots, problems * PROMPT_TOKENS)
    return loading(shape) + max(seconds, len(rows) * verdict_s / CORES)


def training(shape: ModelShape, gpu: Gpu, config: SftConfig | RaftConfig, count: int) -> float:
    """To load the model and to train on so many rows."""
    row = TrainRow(SFT_TOKENS, SFT_LEARNED) if isinstance(config, SftConfig) else TrainRow(PROMPT_TOKENS + 200, 200)
    rates = training_rates(shape, gpu, config.lora.r)
    return loading(shape) + training_seconds(rates, [row] * 64, count, config.training, on_cpu=False)


def sampling_rates(shape: ModelShape, gpu: Gpu) -> SamplingRates:
    """By the arithmetic of two operations for a weight, and by the bytes that a step reads."""
    computed, read = 2 * (shape.parameters - shape.embedding), 2 * (shape.parameters - shape.embedding)
    floor = max(LAUNCH_S, read / (0.6 * gpu.bandwidth))
    return SamplingRates(
        passes=((1, floor), (LARGEST_PART, max(floor, LARGEST_PART * computed / (0.5 * gpu.flops)))),
        steps=tuple((rows, max(floor, rows * computed / (0.4 * gpu.flops))) for rows in (1, 64, 256)),
        reach=0,
        per_position=2 * shape.cache_per_token / (0.6 * gpu.bandwidth),
    )


def training_rates(shape: ModelShape, gpu: Gpu, rank: int) -> TrainingRates:
    """Frozen weights: two operations forward, two for the gradient below, two recomputed; the adapter's: eight."""
    adapter = rank * shape.linear_inputs_and_outputs
    per_token = (6 * (shape.parameters - shape.embedding) + 8 * adapter) / (0.4 * gpu.flops)
    update = 3 * 16 * adapter / (0.6 * gpu.bandwidth)
    parts = tuple((tokens, max(LAUNCH_S * 3, tokens * per_token)) for tokens in (1, 512, LARGEST_PART))
    return TrainingRates(parts, learned=0.0, step=update, scored=per_token / 3)


def loading(shape: ModelShape) -> float:
    """To read the weights."""
    return 2 * shape.parameters / 1.5e9


def shape_7b() -> ModelShape:
    """Counted from the config alone."""
    size = random_qwen.SHAPES["7B"]
    config = {
        "model_type": "qwen2",
        "vocab_size": size.vocabulary,
        "hidden_size": size.hidden,
        "intermediate_size": size.intermediate,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "tie_word_embeddings": size.is_tied,
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(config))
        shape = shape_of(folder)
    assert shape is not None
    return shape


if __name__ == "__main__":
    main()
