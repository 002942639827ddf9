"""A task that RAFT can learn in seconds: eight one-line problems, and a tiny model that solves them now and then."""

import json
from pathlib import Path
from typing import Any

from tiny import tiny_model, tiny_tokenizer

from haloforge.config import BenchmarkConfig, RaftConfig
from haloforge.files import write_jsonl
from haloforge.generate import completion_text, messages
from haloforge.records import Problem, Tests
from haloforge.stages import benchmark, raft
from haloforge.store import Report, Store

RIGHT = {
    "inc": "n + 1",
    "dec": "n - 1",
    "dbl": "n * 2",
    "neg": "-n",
    "sqr": "n * n",
    "idn": "n",
    "zer": "0",
    "one": "1",
}
WRONG = ("n +", "n // 3")


def problems() -> list[Problem]:
    """The eight problems, each a family of its own; three asserts of each are hidden."""
    return [
        Problem(
            task_id=f"small/{name}",
            prompt=f"Write {name}(n).",
            entry_point=name,
            solution=program(name, body),
            tests=Tests("asserts", code=(f"assert {name}(5) == {value(body, 5)}",), hidden=hidden(name, body)),
        )
        for name, body in RIGHT.items()
    ]


def program(name: str, body: str) -> str:
    """A whole program with this function."""
    return f"def {name}(n):\n    return {body}\n"


def value(body: str, n: int) -> int:
    """What the right function returns for `n`."""
    return int(eval(body, {"n": n}))  # our own constant expressions


def hidden(name: str, body: str) -> tuple[str, ...]:
    """Asserts that no prompt shows."""
    return tuple(f"assert {name}({n}) == {value(body, n)}" for n in (0, 3, -11))


def write_problems(path: Path) -> Path:
    """Write the eight problems as JSONL."""
    write_jsonl(path, [p.to_json() for p in problems()])
    return path


def save_taught_model(folder: Path, steps: int = 100, heads: int = 4) -> Path:
    """Teach the tiny model right and wrong answers to every problem, so that its samples pass now and then."""
    import torch

    torch.set_num_threads(1)  # two are many times slower than one where others compute beside us

    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, heads=heads)
    rows = [row(tokenizer, p, body) for p in problems() for body in (*[RIGHT[str(p.entry_point)]] * 3, *WRONG)]
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(steps):
        picked = [rows[i] for i in torch.randint(len(rows), (16,), generator=generator)]
        width = max(len(ids) for ids, _ in picked)
        ids = torch.tensor([list(i) + [0] * (width - len(i)) for i, _ in picked])
        labels = torch.tensor([list(t) + [-100] * (width - len(t)) for _, t in picked])
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def row(tokenizer: Any, problem: Problem, body: str) -> tuple[list[int], list[int]]:
    """Token ids, and labels on the answer alone."""
    chat = [dict(m) for m in messages(problem)]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    answer = completion_text(problem, program(str(problem.entry_point), body)) + tokenizer.eos_token
    before, after = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (prompt, answer))
    return before + after, [-100] * len(before) + after


def raft_config(model: Path, folder: Path, **changes: Any) -> RaftConfig:
    """Two quick cycles on the eight problems, in `folder`; `changes` are dotted: {"raft.num_cycles": 1}."""
    settings = {
        "sft_checkpoint": str(model),
        "output_dir": str(folder / "out"),
        "prompts": str(write_problems(folder / "problems.jsonl")),
        "raft.num_cycles": 2,
        "raft.samples_per_prompt": 6,
        "raft.keep_top_percent": 1.0,
        "raft.patience": 0,
        "generation.max_new_tokens": 40,
        "generation.temperature": 1.0,
        "generation.batch_size": 2,
        "training.batch_size": 4,
        "training.gradient_accumulation_steps": 1,
        "training.learning_rate": 2e-3,
        "lora.r": 4,
        "evaluation.holdout": 0.3,
        "verifier.workers": 1,
    }
    return RaftConfig.load(None, settings | changes)


def run_raft(config: RaftConfig, root: Path, run_id: str | None = None) -> str:
    """Run RAFT to its end in the store at `root`, or go on with the run `run_id`; returns the run's id."""
    import torch

    torch.set_num_threads(1)
    with Store(root) as store:
        run_id = run_id or store.create_run("raft", config.to_json()).id
        raft.run(config, Report(store, run_id))
        store.finish(run_id, "done")
    return run_id


def benchmark_config(model: Path, folder: Path, **changes: Any) -> BenchmarkConfig:
    """Four samples of each of the eight problems."""
    settings = {
        "model": str(model),
        "prompts": str(write_problems(folder / "problems.jsonl")),
        "output": str(folder / "result.json"),
        "samples": 4,
        "k": [1, 4],
        "generation.max_new_tokens": 40,
        "generation.temperature": 1.0,
        "generation.batch_size": 3,
        "verifier.workers": 1,
    }
    return BenchmarkConfig.load(None, settings | changes)


def run_benchmark(config: BenchmarkConfig, root: Path) -> dict[str, Any]:
    """Run a benchmark to its end in the store at `root`; returns the content of the result file."""
    import torch

    torch.set_num_threads(1)
    with Store(root) as store:
        benchmark.run(config, Report(store, store.create_run("benchmark", config.to_json()).id))
    result: dict[str, Any] = json.loads(Path(config.output).read_text())
    return result
