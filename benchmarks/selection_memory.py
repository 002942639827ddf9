"""Peak memory of RAFT's selection over many stored samples of realistic size (20 kB a row).

    python benchmarks/selection_memory.py --samples 200000

One child process fills a database in a temporary folder (4 GB for 200,000 samples), another one selects from it and
reads what to train on, and prints its own peak resident memory. `--tree` runs the selection of another checkout.
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
    from haloforge.records import Problem, Sample, Tests, Verdict
    from haloforge.store import Store

    count, each = int(sys.argv[1]), int(sys.argv[2])
    numbers = random.Random(1)
    pool = [numbers.randrange(50_000) for _ in range(11_500)]
    tests = Tests("asserts", code=("assert f(1) == 2",))
    verdicts = (Verdict("passed", 1.0), Verdict("wrong_answer", 0.7, detail="assert f(1) == 2"))
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
                               prompt_ids=ids[:400], token_ids=ids, logprobs=[-0.5] * len(ids))
                    )
            store.save_samples(run, 1, "train", samples)
        rows = [row["id"] for row in store.db.query("select id from samples order by id")]
        store.save_verdicts((row, verdicts[numbers.random() < 0.6]) for row in rows)
        print(run)
"""

SELECT = """
    import resource, sys, time
    from types import SimpleNamespace
    from haloforge.config import RaftConfig
    from haloforge.stages.raft.choose import choose
    from haloforge.stages.raft.cycle_plan import CyclePlan
    from haloforge.store import Report, Store

    config = RaftConfig.parse({"prompts": "p"})
    plan = CyclePlan(0, 1e-4, 0.7, config.raft.reward_threshold, 1.0, {})
    with Store() as store:
        split = SimpleNamespace(train=store.problems(sys.argv[1]))
        loop = SimpleNamespace(config=config, report=Report(store, sys.argv[1]), split=split)
        began = time.monotonic()
        chosen = choose(loop, 1, plan)
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{len(chosen)} samples to train on, {time.monotonic() - began:.0f} s, peak {peak_mb:,.0f} MB")
"""


def main() -> None:
    """Fill, select, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--tree", type=Path, action="append", help="a checkout to measure; may be given several times")
    parser.add_argument("--folder", type=Path, help="where the database is made (default: the temporary folder)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        run_id = _child(FILL, folder, HERE, asked.samples, SAMPLES_PER_PROBLEM)
        size_gb = Path(folder, "haloforge.db").stat().st_size / 1e9
        print(f"{asked.samples:,} samples, {size_gb:.1f} GB", flush=True)
        for tree in asked.tree or [HERE]:
            _forget_selection(folder)
            print(f"{tree}: {_child(SELECT, folder, tree, run_id)}", flush=True)


def _child(script: str, folder: str, tree: Path, *arguments: object) -> str:
    """The last line that a script prints in a fresh process."""
    environment = os.environ | {"HALOFORGE_RUNS": folder, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-P", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def _forget_selection(folder: str) -> None:
    """Let the next checkout select from the same state."""
    script = """
        from haloforge.store import Store
        with Store() as store:
            store.write([("delete from phases", ()), ("delete from selections", ())])
            print()
            print("forgotten")
    """
    _child(script, folder, HERE)


if __name__ == "__main__":
    main()
