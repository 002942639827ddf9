"""What is trained on, as token ids: rows of text, and samples of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""What the Collator reads: input_ids and labels, and for samples weight and log_probs."""

IGNORED = -100
"""The label of a token that is read but not learned."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row as the model sees it: `labels` has the length of `input_ids`, IGNORED where nothing is learned."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]

    def to_row(self) -> Row:
        """All of it."""
        return {"input_ids": list(self.input_ids), "labels": list(self.labels)}


@dataclass(frozen=True, slots=True)
class TrainSample:
    """One sample to learn from: the ids that were sampled, with the end token, never tokenised anew.

    `logprobs` (natural log, temperature 1) has the length of `token_ids`, or is empty where an engine gave none.
    `weight` is its share under raft and raft++ (1.0), its advantage under reinforce_rej (`losses.advantages`).
    """

    task_id: str
    prompt_ids: Sequence[int]
    token_ids: Sequence[int]
    logprobs: Sequence[float]
    weight: float = 1.0

    def to_row(self) -> Row:
        """The prompt is read, the sampled tokens are learned."""
        unlearned = len(self.prompt_ids)
        known = self.logprobs or (0.0,) * len(self.token_ids)
        return {
            "input_ids": [*self.prompt_ids, *self.token_ids],
            "labels": [IGNORED] * unlearned + list(self.token_ids),
            "weight": self.weight,
            "log_probs": [0.0] * unlearned + list(known),
        }
