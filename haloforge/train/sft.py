"""Supervised fine-tuning: examples in, an adapter out."""

from collections.abc import Sequence

from haloforge.records import Reporter
from haloforge.train.examples import Example
from haloforge.train.fitting import Training, TrainResult, fit


def train(
    training: Training, examples: Sequence[Example], held_out: Sequence[Example], report: Reporter
) -> TrainResult:
    """Train on tokenised rows, evaluating on the held-out ones; resumes, stops and publishes as `fit` says."""
    return fit(training, [e.to_row() for e in examples], [e.to_row() for e in held_out], report)
