"""The same inputs give the same verdicts: in any order, on any number of workers, on a busy machine."""

import dataclasses
import multiprocessing
import random

import pytest
from places import WHOLE

from haloforge.problems import load_problems
from haloforge.records import Problem, Tests
from haloforge.verify import VerifySettings, open_verifier

MEASURED = {"cpu_s": 0.0, "memory_mb": 0.0}

SETS = Problem("s", "", tests=Tests("asserts", code=("assert f(7) == 9", "assert len(g()) == 2")), entry_point="f")
CODES = [
    "def f(x): return x + 2\ndef g(): return {'b', 'a'}",
    "def f(x): raise ValueError({'apple', 'pear', 'plum'})",
    "import random\ndef f(x): return random.random()\ndef g(): return random.sample(range(9), 2)",
    "class A: pass\ndef f(x): raise ValueError(A(), {'apple', 'pear', 'plum'})",
    "def f(x):\n    while True: pass",
    "def f(x): return [0] * 10 ** 12",
    "def f(x): return f(x)",
    "def f(x) return",
    "import os; os._exit(3)",
]


def verdicts(items, workers):
    with open_verifier(VerifySettings(workers=workers, time_limit_s=2.0)) as verifier:
        return [dataclasses.replace(v, **MEASURED).to_json() for v in verifier.verify_many(items)]


def test_order_and_workers_change_no_verdict():
    items = [(SETS, code) for code in CODES]
    expected = verdicts(items, workers=1)
    order = list(range(len(items)))
    random.Random(4).shuffle(order)
    shuffled = verdicts([items[i] for i in order], workers=3)
    assert [shuffled[order.index(i)] for i in range(len(items))] == expected


def spin():
    while True:
        pass


@pytest.fixture
def busy_machine():
    """Eight processes that do nothing but compute."""
    spinners = [multiprocessing.get_context("spawn").Process(target=spin, daemon=True) for _ in range(8)]
    for spinner in spinners:
        spinner.start()
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.join()


@pytest.mark.slow
def test_a_busy_machine_changes_no_verdict(shared_data, busy_machine):
    problems = load_problems(shared_data / "humaneval/HumanEval.jsonl.gz")[:: 1 if WHOLE else 3]
    items = [(p, p.solution) for p in problems] + [(p, f"{p.starter_code}    pass\n") for p in problems]
    items += [(SETS, code) for code in CODES]
    first = verdicts(items, workers=2)
    assert sum(v["status"] == "passed" for v in first[: len(problems)]) == len(problems)
    assert verdicts(items, workers=3) == first
    assert verdicts(items, workers=2) == first
