"""Verification as a reward function of TRL: what GRPOTrainer and RLOOTrainer call after every batch of completions.

Knows nothing of TRL but the shape of that call: lists of equal length, by keyword, one entry per completion.
"""

import atexit
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from haloforge.answers import extract_code
from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.records import Problem, Verdict
from haloforge.verify.verifier import open_verifier

Completion = str | Sequence[Mapping[str, Any]]
"""Plain text, or chat messages of which the last is the answer."""
RewardFunction = Callable[..., list[float | None]]


def reward_function(
    problems: Iterable[Problem],
    settings: VerifySettings | None = None,
    *,
    cache: Path | None = None,
    keep_forgeable: bool = False,
) -> RewardFunction:
    """A function for `reward_funcs=`; the training set needs a column `task_id` that names one of the problems.

    Rewards are in [0, 1], as `settings` say. None, which TRL leaves out of the batch, stands for a verdict that does
    not judge the completion: `unscored`, or a forgeable pass unless `keep_forgeable`. The verifier's processes end with
    this process. Raises VerifierError when these problems cannot be judged here.
    """
    by_id = {problem.task_id: problem for problem in problems}
    verifier = open_verifier(settings or VerifySettings(), cache)
    verifier.check(by_id.values())
    atexit.register(verifier.close)

    def verified(*, completions: Sequence[Completion], task_id: Sequence[str], **columns: Any) -> list[float | None]:
        unknown = sorted({name for name in task_id if name not in by_id})
        if unknown:
            raise VerifierError(f"no problem is called {unknown[0]!r}; give reward_function every problem of the data")
        posed = [by_id[name] for name in task_id]
        texts = [_text(completion) for completion in completions]
        pairs = [(p, extract_code(text, p)) for p, text in zip(posed, texts, strict=True)]
        return [_reward(verdict, keep_forgeable) for verdict in verifier.verify_many(pairs)]

    return verified


def _text(completion: Completion) -> str:
    """The answer; of a message in parts, its texts."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"] if completion else ""
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(part.get("text") or "" for part in content)


def _reward(verdict: Verdict, keep_forgeable: bool) -> float | None:
    doubtful = verdict.passed and verdict.forgeable and not keep_forgeable
    return None if doubtful or verdict.status == "unscored" else verdict.reward
