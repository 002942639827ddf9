"""Verification: does a program that a model wrote do what its problem asks?

    from haloforge.verify import VerifySettings, open_verifier, reward_function

    with open_verifier(VerifySettings()) as verifier:
        verifier.check(problems)                            # VerifierError before anything runs
        for verdict in verifier.verify_many(samples):       # samples: (problem, code) pairs; verdicts in that order
            print(verdict.status, verdict.reward)
        for position, verdict in verifier.verify_each(problem, codes):      # as each finishes
            print(position, verdict.tests_passed, "of", verdict.tests_total)
        future = verifier.submit(problem, code)             # or one at a time, while more are being written

    trainer = GRPOTrainer(model, reward_function(problems), train_dataset=rows)     # TRL's; rows have a `task_id`

How the verdict on one sample comes about:

    verifier.py   looks the sample up in cache.py, else queues it for a worker; tries again when our machinery fails
    joining.py    whether tests in Python run in one process with the solution, where a user wants that
    worker.py     one per core: owns warm sandboxed processes, and chooses how to judge by language and kind of tests
    python/       tests in Python: the solution in one process, its tests in another, which makes the verdict
    compiled/     other languages: compile, then run
    custom.py     a command of the user's is the judge
    toolchains.py which compilers this machine has
    stdio.py      runs a program on each case; comparison.py compares its output, outside the sandbox
    sandbox/      the engine's end of the sandboxed processes, and how strong a sandbox this machine can build
    box/          what runs inside those processes
    outcome.py    the facts that were found, and the verdict they make; rewards.py says what it is worth

Everything that runs model-written code, and every compiler, runs in a sandbox. Other rooms import only the names below.
"""

from haloforge.config import VerifySettings
from haloforge.verify.box.confinement.seccomp import hide_from_debuggers
from haloforge.verify.cluster import NodeFacts, Roll, cluster_nodes
from haloforge.verify.compiled import compiler_flaw
from haloforge.verify.reward_function import reward_function
from haloforge.verify.rewards import COMPILES, PASSES, RUNS, reward_of
from haloforge.verify.sandbox.levels import lost_at
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.sandbox.reach import usual_packages
from haloforge.verify.toolchains import compiler_version
from haloforge.verify.verifier import Verifier, open_verifier, verifier_at

__all__ = [
    "COMPILES",
    "NodeFacts",
    "PASSES",
    "RUNS",
    "Roll",
    "Verifier",
    "VerifySettings",
    "cluster_nodes",
    "compiler_flaw",
    "compiler_version",
    "hide_from_debuggers",
    "isolation",
    "lost_at",
    "open_verifier",
    "reward_function",
    "reward_of",
    "usual_packages",
    "verifier_at",
]
