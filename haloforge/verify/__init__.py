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

Everything that runs model-written code, and every compiler, runs in a sandbox. Only what is named here is meant for
others.
"""

from haloforge.config import VerifySettings
from haloforge.languages import VERIFIERS, compilers_available
from haloforge.verify.reward_function import reward_function
from haloforge.verify.rewards import reward_of
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.verifier import Verifier, open_verifier

__all__ = [
    "VERIFIERS",
    "Verifier",
    "VerifySettings",
    "compilers_available",
    "isolation",
    "open_verifier",
    "reward_function",
    "reward_of",
]
