"""A store as a lab has it after a year: many runs, many samples, one run with a great many metric points.

Rows are written by the store's own statements where that is fast enough, and in bulk where it is not; texts repeat,
counts are real. Token ids and log-probs are short.
"""

import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from haloforge.config import BenchmarkConfig, PrepareConfig, RaftConfig, SftConfig
from haloforge.records import Problem, Tests
from haloforge.store import Report, Store

CODE = "def solve(values):\n    total = 0\n    for value in values:\n        total += value\n    return total\n"
TEXT = f"Here is the function.\n\n```python\n{CODE}```\n\nIt adds the values one after the other."
STATUSES = ("passed", "wrong_answer", "runtime_error", "timeout", "no_code")
WEIGHTS = (30, 50, 14, 3, 3)
PROBLEMS = 200
CYCLES = 10
CONFIGS = (
    PrepareConfig.parse({"output": "data/train.jsonl"}),
    SftConfig.parse({"model": {"name": "smollm2-135m"}, "data": {"train_file": "data/train.jsonl"}}),
    RaftConfig.parse({"prompts": "data/train.jsonl", "raft": {"num_cycles": CYCLES}}),
    BenchmarkConfig.parse({"model": "models/raft", "prompts": "data/test.jsonl"}),
)


def build(root: Path, runs: int, samples: int, points: int) -> tuple[str, str]:
    """Make the store; returns the ids of the RAFT run with half of the samples and of the SFT run with the points."""
    started = time.time() - 86_400 * 300
    with Store(root) as store:
        store.db.conn.execute("pragma synchronous = off")
        made = [_run(store, number, started + number * 25_000) for number in range(runs)]
        raft, sft = (next(i for i, stage in reversed(made) if stage == wanted) for wanted in ("raft", "sft"))
        _many_points(store, sft, points)
        samplers = [i for i, stage in made if stage in ("raft", "benchmark") and i != raft]
        each = samples // 2 // len(samplers)
        for run_id in samplers:
            _many_samples(store, run_id, each)
        _many_samples(store, raft, samples - each * len(samplers))
        store.db.conn.execute("pragma wal_checkpoint(truncate)")
    return raft, sft


def _run(store: Store, number: int, created: float) -> tuple[str, str]:
    config = CONFIGS[number % len(CONFIGS)]
    run = store.create_run(config.stage, config.to_json(), name=f"experiment {number}")
    ended = created + random.Random(number).uniform(60, 20_000)
    tags = ("baseline", "ablation", "nightly")[number % 3]
    store.update_run(run.id, status="done", created=created, started=created + 5, finished=ended, tags=tags)
    report = Report(store, run.id)
    for step in range(20):
        report.progress("train", step + 1, 20)
    if config.stage == "raft":
        for cycle in range(CYCLES + 1):
            rate = 0.2 + cycle / 50
            values = {"eval_pass@1": rate, "eval_low": rate - 0.1, "eval_high": rate + 0.1, "kept": 61}
            report.metric("cycle", cycle, values | {"train_pass_rate": rate, "mean_tokens": 40.0 + cycle})
    if config.stage == "benchmark":
        report.metric("benchmark", 0, {"pass@1": 0.3 + number % 100 / 300, "untested_share": 0.0})
    report.log("best is cycle 10")
    return run.id, config.stage


def _many_points(store: Store, run_id: str, points: int) -> None:
    now = time.time() - points
    rows = (
        (run_id, now + step, "metric", json.dumps({"name": "train", "step": step, "values": {"loss": 2 / (1 + step)}}))
        for step in range(points)
    )
    _write(store, "insert into events (run, time, kind, data) values (?, ?, ?, ?)", rows)


def _many_samples(store: Store, run_id: str, samples: int) -> None:
    tests = Tests("asserts", code=("assert solve([1, 2]) == 3",))
    names = [f"problem-{number:04}" for number in range(PROBLEMS)]
    store.save_problems(run_id, [Problem(name, "Write solve(values).", tests=tests) for name in names])
    chance = random.Random(run_id)
    per_cycle = max(1, samples // CYCLES)
    first = store.db.conn.execute("select coalesce(max(id), 0) + 1 from samples").fetchone()[0]
    statuses = chance.choices(STATUSES, WEIGHTS, k=samples)

    def sample(number: int) -> tuple[Any, ...]:
        cycle, place = 1 + number // per_cycle, number % per_cycle
        key = (cycle, "train" if place % 10 else "eval", names[place % PROBLEMS], place // PROBLEMS)
        return (
            first + number,
            run_id,
            *key,
            TEXT,
            CODE,
            "stop",
            1,
            b"",
            b"\0" * 400,
            b"\0" * 400,
            0.5,
            60,
            80,
            None,
            None,
        )

    def verdict(number: int) -> tuple[Any, ...]:
        status = statuses[number]
        counts = (1.0, 1, 1) if status == "passed" else (0.7 if status == "wrong_answer" else 0.0, 0, 1)
        return (first + number, status, *counts, "", "", 0.1, 20.0, "ns", 0, '{"tests": ["passed"]}')

    def selection(number: int) -> tuple[Any, ...]:
        is_kept = statuses[number] == "passed" and number % 3 == 0
        why = "kept" if is_kept else "duplicate" if statuses[number] == "passed" else "failed"
        return (first + number, int(is_kept), why)

    marks = ", ".join("?" * 18)
    _write(store, f"insert into samples values ({marks})", map(sample, range(samples)))
    _write(store, f"insert into verdicts values ({', '.join('?' * 12)})", map(verdict, range(samples)))
    trained_on = (number for number in range(samples) if number % per_cycle % 10)
    _write(store, "insert into selections values (?, ?, ?)", map(selection, trained_on))


def _write(store: Store, sql: str, rows: Iterator[tuple[Any, ...]]) -> None:
    connection = store.db.conn
    while batch := list(itertools.islice(rows, 50_000)):
        connection.execute("begin")
        connection.executemany(sql, batch)
        connection.execute("commit")
