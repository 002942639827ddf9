"""Runs with samples, verdicts and metrics for the views to show, written through the store as a stage writes them."""

from collections.abc import Sequence

from haloforge.config import BenchmarkConfig, PrepareConfig, RaftConfig, SftConfig
from haloforge.records import Problem, Run, RunStatus, Sample, Status, Tests, Verdict
from haloforge.settings import StageConfig
from haloforge.store import Report, Store

RAFT = RaftConfig.parse({"prompts": "data/train.jsonl"})
SFT = SftConfig.parse({"model": {"name": "smollm2-135m"}, "data": {"train_file": "data/train.jsonl"}})
BENCHMARK = BenchmarkConfig.parse({"model": "smollm2-135m", "prompts": "data/test.jsonl"})
PREPARE = PrepareConfig.parse({"output": "data/train.jsonl"})


def make_run(store: Store, config: StageConfig = RAFT, status: RunStatus = "running", **columns: object) -> Run:
    """A run in the given state."""
    run = store.create_run(config.stage, config.to_json(), name=str(columns.pop("name", "")))
    finished = None if status in ("queued", "running") else run.created + 60
    store.update_run(run.id, status=status, started=run.created, finished=finished, **columns)
    return store.run(run.id)


def problem(name: str = "add", language: str = "python") -> Problem:
    """A problem with one visible and one hidden assert."""
    tests = Tests("asserts", code=(f"assert {name}(1, 2) == 3",), hidden=(f"assert {name}(0, 0) == 0",))
    return Problem(name, f"Write {name}(a, b).", language, tests, entry_point=name, solution=f"def {name}(a, b): ...")


def add_samples(
    store: Store, run: Run, statuses: Sequence[Status], *, cycle: int = 1, text: str = "```python\nx = 1\n```"
) -> None:
    """One sample of the problem `add` for each status, verified."""
    store.save_problems(run.id, [problem()])
    code = None if "```" not in text else text.strip("`").removeprefix("python\n")
    samples = [Sample("add", i, text, None if s == "no_code" else code) for i, s in enumerate(statuses)]
    store.save_samples(run.id, cycle, "train", samples)
    stored = store.samples(run.id, cycle=cycle)
    verdicts = (Verdict(s, reward=float(s == "passed"), isolation="ns") for s in statuses)
    store.save_verdicts(zip((judged.id for judged in stored), verdicts, strict=True))


def add_cycles(store: Store, run: Run, rates: Sequence[float]) -> None:
    """The metrics of RAFT cycles, from cycle 0 on."""
    report = Report(store, run.id)
    for cycle, rate in enumerate(rates):
        report.metric("cycle", cycle, {"eval_pass@1": rate, "eval_low": rate - 0.1, "eval_high": rate + 0.1})
