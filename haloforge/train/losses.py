"""RAFT's objectives on per-token log-probabilities: pure functions of tensors.

RAFT (Dong et al. 2023, arXiv:2304.06767) maximises the likelihood of the samples it kept. RAFT++ and Reinforce-Rej
(Xiong et al. 2025, arXiv:2504.11343) weigh each token by the ratio of the new to the old policy, clipped as in PPO
with a higher upper bound (DAPO, arXiv:2503.14476), so that several steps can be taken on the same samples.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from haloforge.config import Loss

if TYPE_CHECKING:
    from torch import Tensor

CLIP_LOW = 0.2
CLIP_HIGH = 0.28


class Objective(NamedTuple):
    """What to maximise, and which tokens the clip took out of the gradient; both of shape (batch, tokens)."""

    per_token: "Tensor"
    is_clipped: "Tensor"


def objective(loss: Loss, log_probs: "Tensor", old_log_probs: "Tensor", weights: "Tensor") -> Objective:
    """Per-token objective; its mean over the learned tokens is maximised.

    `log_probs` and `old_log_probs` have the shape (batch, tokens), `weights` (batch, 1): the weight of a sample under
    raft and raft++, its advantage under reinforce_rej. Tokens that are not learned must be masked by the caller.
    """
    import torch

    if loss == "raft":
        return Objective(weights * log_probs, torch.zeros_like(log_probs, dtype=torch.bool))
    ratio = (log_probs - old_log_probs).exp()
    unclipped = ratio * weights
    clipped = ratio.clamp(1 - CLIP_LOW, 1 + CLIP_HIGH) * weights
    return Objective(torch.minimum(unclipped, clipped), clipped < unclipped)


def advantages(task_ids: Sequence[str], rewards: Sequence[float]) -> list[float]:
    """Reinforce-Rej: each sample's reward less the mean of its problem's samples.

    A problem whose samples all earned the same gets exact zeros: there is nothing to learn from it.
    """
    by_task: dict[str, list[float]] = defaultdict(list)
    for task_id, reward in zip(task_ids, rewards, strict=True):
        by_task[task_id].append(reward)
    mean = {task: earned[0] if len(set(earned)) == 1 else sum(earned) / len(earned) for task, earned in by_task.items()}
    return [reward - mean[task_id] for task_id, reward in zip(task_ids, rewards, strict=True)]
