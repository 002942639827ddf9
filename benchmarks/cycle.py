"""One RAFT cycle here against the same work done phase after phase with the usual parts, in one run on one machine.

    python benchmarks/cycle.py [--problems 8] [--held-out 4] [--samples 4] [--tokens 128] [--threads 2]

The work: score the held-out problems, sample the training problems, verify, keep every distinct program that passes,
train a LoRA adapter on what was kept, score the held-out problems again. The model is the embedded one in fp32, the
problems are the first of the bundled starter-labels. The usual parts are `model.generate` in batches of 8, one
`python -I` process per verification (two at a time) and TRL's SFTTrainer with every row padded to 2,048 tokens and its
other defaults. Each way is a process of its own; its CPU seconds include every process that it started and waited for.
On a machine that others use too give --threads 1: two threads wait for each other in a loop, which counts as CPU time.

The two draw other samples, so they keep other numbers of rows. The last line asks what the usual parts would have
needed for as many rows as were kept here.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from haloforge.config import RaftConfig
from haloforge.files import write_jsonl
from haloforge.generate import HALO, messages, render
from haloforge.generate.local import end_tokens
from haloforge.models import LoadedModel, load
from haloforge.problems import load_starter
from haloforge.records import Problem
from haloforge.stages import raft
from haloforge.stages.shared.costs import costs
from haloforge.stages.shared.scores import program_digest
from haloforge.store import Report, Store

MODEL = "smollm2-135m"
PADDED = 2048
BATCH = 8
WAYS = ("usual parts", "halo-forge")


@dataclass
class Cost:
    """What a way did and took: wall seconds by phase, then of the whole process, and its CPU seconds."""

    phases: dict[str, float] = field(default_factory=dict)
    sampled: int = 0
    kept: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase; one that comes twice is added up."""
        started = time.perf_counter()
        yield
        self.phases[name] = self.phases.get(name, 0.0) + time.perf_counter() - started


@dataclass(frozen=True)
class Work:
    """What both ways do."""

    train: Sequence[Problem]
    held_out: Sequence[Problem]
    samples: int
    tokens: int


@dataclass(frozen=True)
class Answer:
    """One completion: its text, its program, and whether it ended by itself."""

    problem: Problem
    text: str
    code: str | None
    is_whole: bool


def main() -> None:
    """Run both ways and print the table; with `--way`, do one and print its cost as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("problems", 8), ("held-out", 4), ("samples", 4), ("tokens", 128), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way is None:
        load(MODEL, device="cpu", progress=print)  # converted once, which is nobody's cost
        print(table({way: in_a_process(way) for way in reversed(WAYS)}))
        return
    train, held_out = (load_starter("starter-labels", split=split, language="python") for split in ("train", "test"))
    work = Work(train[: options.problems], held_out[: options.held_out], options.samples, options.tokens)
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        cost = (by_usual_parts if options.way == WAYS[0] else by_halo_forge)(work, Path(folder))
    print(json.dumps(asdict(cost)))


def in_a_process(way: str) -> Cost:
    """One way in a process of its own, with the same options."""
    started, before = time.perf_counter(), os.times()
    command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    cost = Cost(**json.loads(said.splitlines()[-1]))
    after = os.times()
    cost.wall_s = time.perf_counter() - started
    cost.cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return cost


def table(found: dict[str, Cost]) -> str:
    """Wall seconds by phase, the sums, and the ratios."""
    usual, ours = found[WAYS[0]], found[WAYS[1]]
    lines = [f"{'seconds':26} {WAYS[0]:>12} {WAYS[1]:>12}"]
    for name in ("sample", "verify", "train"):
        here = f"{ours.phases[name]:12.1f}" if name in ours.phases else f"{'meanwhile':>12}"
        lines.append(f"{name:26} {usual.phases.get(name, 0.0):12.1f} {here}")
    start = [cost.wall_s - sum(cost.phases.values()) for cost in (usual, ours)]
    lines.append(f"{'start, load, select, save':26} {start[0]:12.1f} {start[1]:12.1f}")
    lines.append(f"{'wall':26} {usual.wall_s:12.1f} {ours.wall_s:12.1f}   {usual.wall_s / ours.wall_s:.1f} x")
    lines.append(f"{'CPU':26} {usual.cpu_s:12.1f} {ours.cpu_s:12.1f}   {usual.cpu_s / ours.cpu_s:.1f} x")
    lines.append(f"samples {usual.sampled} and {ours.sampled}, kept and trained on {usual.kept} and {ours.kept}")
    if usual.kept and usual.kept != ours.kept:
        more = usual.phases["train"] * (ours.kept / usual.kept - 1)
        cpu = (usual.cpu_s + more * usual.cpu_s / usual.wall_s) / ours.cpu_s
        lines.append(f"for {ours.kept} rows each: wall {(usual.wall_s + more) / ours.wall_s:.1f} x, CPU {cpu:.1f} x")
    return "\n".join(lines)


def by_halo_forge(work: Work, folder: Path) -> Cost:
    """`raft train`, with its records."""
    for name, problems in (("train", work.train), ("held_out", work.held_out)):
        write_jsonl(folder / f"{name}.jsonl", [problem.to_json() for problem in problems])
    settings = {
        "sft_checkpoint": MODEL,
        "output_dir": str(folder / "out"),
        "prompts": str(folder / "train.jsonl"),
        "raft.num_cycles": 1,
        "raft.samples_per_prompt": work.samples,
        "raft.strategy": "all_passing",
        "raft.max_per_prompt": work.samples,
        "generation.max_new_tokens": work.tokens,
        "generation.batch_size": len(work.train),
        "evaluation.prompts": str(folder / "held_out.jsonl"),
        "evaluation.samples_per_prompt": work.samples,
        "verifier.type": "python",
    }
    cost = Cost()
    with Store(folder / "records") as store:
        report = Report(store, store.create_run("raft", {}).id)
        raft.run(RaftConfig.load(None, settings), report)
        for phase in costs(store, report.run_id):
            name = "train" if phase.phase == "train" else "sample"
            cost.phases[name] = cost.phases.get(name, 0.0) + phase.seconds
        cost.sampled = sum(store.count_samples(report.run_id, purpose=purpose) for purpose in ("train", "eval"))
        cost.kept = store.count_samples(report.run_id, cycle=1, purpose="train", kept=True)
    return cost


def by_usual_parts(work: Work, folder: Path) -> Cost:
    """The same work, one phase after the other."""
    torch.manual_seed(0)
    cost, loaded = Cost(), load(MODEL, device="cpu")
    scored(loaded, work, work.held_out, cost)
    answers, passed = scored(loaded, work, work.train, cost)
    kept: dict[tuple[str, bytes], Answer] = {}
    for answer, is_right in zip(answers, passed, strict=True):
        if is_right and answer.is_whole and answer.code:
            kept.setdefault((answer.problem.task_id, program_digest(answer.code, "python")), answer)
    cost.kept = len(kept)
    if kept:
        with cost.phase("train"):
            train(loaded, list(kept.values()), folder)
        scored(loaded, work, work.held_out, cost)
    return cost


def scored(loaded: LoadedModel, work: Work, problems: Sequence[Problem], cost: Cost) -> tuple[list[Answer], list[bool]]:
    """Sample, then verify."""
    with cost.phase("sample"):
        answers = sample(loaded, work, problems)
    with cost.phase("verify"), tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        paths = [Path(folder, f"{n}.py") for n in range(len(answers))]
        passed = list(pool.map(passes, answers, paths))
    cost.sampled += len(answers)
    return answers, passed


def sample(loaded: LoadedModel, work: Work, problems: Sequence[Problem]) -> list[Answer]:
    """`model.generate` in left-padded batches of 8."""
    ends, tokenizer = sorted(end_tokens(loaded)), loaded.tokenizer
    rows = [(problem, list(render(tokenizer, problem))) for problem in problems for _ in range(work.samples)]
    answers = []
    loaded.model.eval()
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        width = max(len(ids) for _, ids in batch)
        output = loaded.model.generate(
            input_ids=torch.tensor([[0] * (width - len(ids)) + ids for _, ids in batch]),
            attention_mask=torch.tensor([[0] * (width - len(ids)) + [1] * len(ids) for _, ids in batch]),
            max_new_tokens=work.tokens,
            do_sample=True,
            temperature=0.7,
            top_p=0.95,
            top_k=0,
            eos_token_id=ends,
            pad_token_id=ends[0],
            use_cache=True,  # SFTTrainer turns it off in the config
        )
        for (problem, _), ids in zip(batch, output[:, width:].tolist(), strict=True):
            text = tokenizer.decode(ids, skip_special_tokens=True)
            answers.append(Answer(problem, text, HALO.extract(text, problem), any(end in ids for end in ends)))
    return answers


def passes(answer: Answer, path: Path) -> bool:
    """Whether a process of its own ends well with the program and all of its tests."""
    tests = answer.problem.tests
    path.write_text("\n".join([answer.code or "raise SystemExit(1)", tests.setup, *tests.code, *tests.hidden]))
    silent: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run([sys.executable, "-I", str(path)], check=False, timeout=10, **silent).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def train(loaded: LoadedModel, kept: Sequence[Answer], folder: Path) -> None:
    """SFTTrainer with its defaults, padded to 2,048; the adapter is merged for the sampling that follows."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer

    chats = [
        {"prompt": messages(answer.problem), "completion": [{"role": "assistant", "content": answer.text}]}
        for answer in kept
    ]
    arguments = SFTConfig(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=16,
        learning_rate=5e-5,
        pad_to_multiple_of=PADDED,
        max_length=PADDED,
        use_cpu=True,
        bf16=False,
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=loaded.model,
        args=arguments,
        train_dataset=Dataset.from_list(chats),
        processing_class=loaded.tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear"),
    )
    trainer.train()
    trainer.save_model(str(folder / "model"))
    trainer.model.merge_and_unload()


if __name__ == "__main__":
    main()
