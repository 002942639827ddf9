"""What a model looks like that learns to say ever less: measures of a cycle's answers, for `health` to watch."""

from collections import defaultdict
from collections.abc import Iterable

from haloforge.store import SampleSummary


def kept_length_ratio(samples: Iterable[tuple[SampleSummary, bool]]) -> float | None:
    """Mean tokens of the kept samples over the mean of the passing ones of the same problems; None for nothing kept.

    Each sample comes with whether it is kept. 1 means that selection prefers neither short nor long answers. Truncated
    samples, which are never kept, do not count.
    """
    passing: dict[str, list[int]] = defaultdict(list)
    kept: list[SampleSummary] = []
    for sample, is_kept in samples:
        if sample.finish_reason == "stop" and sample.verdict and sample.verdict.passed:
            passing[sample.task_id].append(sample.completion_tokens)
        if is_kept:
            kept.append(sample)
    comparable = [sample for sample in kept if sample.task_id in passing]
    usual = sum(sum(passing[s.task_id]) / len(passing[s.task_id]) for s in comparable)
    return sum(s.completion_tokens for s in comparable) / usual if usual else None
