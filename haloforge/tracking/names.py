"""From the metrics of a run to the names that TRL gives the same numbers, where it has them."""

from collections.abc import Mapping
from typing import Any

_TRL = {
    ("train", "token_accuracy"): "train/mean_token_accuracy",
    ("train", "tokens"): "train/num_tokens",
    ("train", "approximate_kl"): "train/kl",
    ("train", "clip_fraction"): "train/clip_ratio/region_mean",
    ("eval", "token_accuracy"): "eval/mean_token_accuracy",
    ("eval", "tokens"): "eval/num_tokens",
    ("cycle", "mean_tokens"): "completions/mean_length",
    ("cycle", "truncated_share"): "completions/clipped_ratio",
    ("cycle", "mean_reward"): "reward",
}
"""(metric, number) -> TRL 1.16's name: SFTTrainer's for training, GRPOTrainer's for what a cycle sampled."""
_UNTOLD = ("cycle",)
"""Numbers that say where a metric belongs, not what it is."""


def told(name: str, values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a metric under their full names."""
    return {
        _TRL.get((name, key), f"{name}/{key}"): float(value)
        for key, value in values.items()
        if key not in _UNTOLD and isinstance(value, int | float) and not isinstance(value, bool)
    }


class Steps:
    """A step that never goes back, for trackers that want one: cycles train one after the other."""

    def __init__(self) -> None:
        self._cycle: Any = None
        self._before = self._last = 0

    def of(self, name: str, step: float, values: Mapping[str, Any]) -> int:
        """The step of a metric; of training, counted over all cycles."""
        if name not in ("train", "eval"):
            return int(step)
        if values.get("cycle") != self._cycle:
            self._cycle, self._before = values.get("cycle"), self._last
        self._last = max(self._last, self._before + int(step))
        return self._before + int(step)
