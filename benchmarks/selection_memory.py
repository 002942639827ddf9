"""Peak memory of RAFT's worker over many stored samples of realistic size (20 kB a row): verdicts, selection, tokens.

    python benchmarks/selection_memory.py --samples 200000

One child process fills a database in a temporary folder. Another one does what a worker does that was resumed when all
was sampled and nothing judged: it saves a verdict for every sample (a verifier that answers at once), selects, and
reads what to train on; after each step it prints its own peak resident memory. Token ids and log-probs lie in Parquet
files, as they do in cycles of this size; `--sqlite` keeps them in the database.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
SAMPLES_PER_PROBLEM = 8

FILL = """
    import random, sys
    from haloforge.records import Problem, Sample, Tests
    from haloforge.store import Store

    count, each, in_shard = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "True"
    numbers = random.Random(1)
    pool = [numbers.randrange(50_000) for _ in range(11_500)]
    surprise = [-numbers.expovariate(3) for _ in pool]
    tests = Tests("asserts", code=("assert f(1) == 2",))
    with Store() as store:
        run = store.create_run("raft", {}).id
        for start in range(0, count // each, 100):
            names = [f"task-{number:06}" for number in range(start, min(start + 100, count // each))]
            store.save_problems(run, [Problem(name, "Write f.", tests=tests) for name in names])
            samples = []
            for name in names:
                for index in range(each):
                    lines = "".join(f"    y{i} = x + {numbers.randrange(10**6)}\\n" for i in range(10))
                    code = f"def f(x):\\n{lines}    return x + 1\\n"
                    begin = numbers.randrange(10_000)
                    ids = pool[begin : begin + 1500]
                    samples.append(
                        Sample(name, index, f"Here it is.\\n```python\\n{code}```\\n" + "words " * 800, code, "stop",
                               prompt_ids=ids[:400], token_ids=ids, logprobs=surprise[begin : begin + 1500])
                    )
            numbers.shuffle(samples)
            store.save_samples(run, 1, "train", samples, in_shard=in_shard)
        print(run)
"""

WORK = """
    import random, resource, sys, time
    from concurrent.futures import Future
    from types import SimpleNamespace
    from haloforge.config import BatchedSampling, RaftConfig
    from haloforge.records import Verdict
    from haloforge.stages.raft.choose import choose
    from haloforge.stages.raft.cycle_plan import CyclePlan
    from haloforge.stages.shared.sampling import plan_work, sample_and_verify
    from haloforge.store import Report, Store

    numbers = random.Random(2)

    class AtOnce:
        def submit(self, problem, code):
            verdict = Future()
            wrong = numbers.random() < 0.6
            verdict.set_result(Verdict("wrong_answer", 0.7, detail=problem.tests.code[0]) if wrong
                               else Verdict("passed", 1.0))
            return verdict

    def told(step, began):
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print(f"{step}: {time.process_time() - began:.0f} s of CPU, peak {peak_mb:,.0f} MB", flush=True)

    config = RaftConfig.parse({"prompts": "p"})
    plan = CyclePlan(0, 1e-4, 0.7, config.raft.reward_threshold, 1.0, {})
    with Store() as store:
        began, report, problems = time.process_time(), Report(store, sys.argv[1]), store.problems(sys.argv[1])
        work = plan_work(problems, int(sys.argv[2]), BatchedSampling(), cycle=1, purpose="train", seed=0)
        told(f"{len(problems):,} problems read", began)
        began = time.process_time()
        sample_and_verify(report, work, lambda: None, AtOnce())
        told(f"{work.size:,} verdicts saved", began)
        began = time.process_time()
        chosen = choose(SimpleNamespace(config=config, report=report, split=SimpleNamespace(train=problems)), 1, plan)
        told(f"{len(chosen):,} samples chosen and their tokens read", began)
"""


def main() -> None:
    """Fill, work, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--sqlite", action="store_true", help="token ids and log-probs in the database")
    parser.add_argument("--folder", type=Path, help="where the database is made (default: the temporary folder)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        run_id = _child(FILL, folder, asked.samples, SAMPLES_PER_PROBLEM, not asked.sqlite).split()[-1]
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        shards = [path.stat().st_size for path in files if path.suffix == ".parquet"]
        base = sum(path.stat().st_size for path in files if path.name.startswith("haloforge.db"))
        print(
            f"{asked.samples:,} samples: database {base / 1e9:.2f} GB, {len(shards)} shards {sum(shards) / 1e9:.2f} GB"
        )
        print(_child(WORK, folder, run_id, SAMPLES_PER_PROBLEM), end="", flush=True)


def _child(script: str, folder: str, *arguments: object) -> str:
    """What a script prints in a fresh process."""
    environment = os.environ | {"HALOFORGE_RUNS": folder, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-P", "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    main()
