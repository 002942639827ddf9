"""Training on samples: the token ids that were sampled are the token ids that are learned, with their end token."""

from collections.abc import Sequence
from pathlib import Path

from haloforge.errors import ConfigError
from haloforge.models.checkpoints import FINAL_MODEL
from haloforge.records import Reporter
from haloforge.train.examples import TrainSample
from haloforge.train.fitting import Training, TrainResult, fit
from haloforge.train.settings import TrainSettings


def train_on_samples(
    start_checkpoint: str,
    samples: Sequence[TrainSample],
    settings: TrainSettings,
    output: Path,
    report: Reporter,
    *,
    cycle: int,
) -> TrainResult:
    """Train one cycle from a checkpoint and publish it as `output`/final_model.

    Called again it goes on from its last checkpoint (kept in the run's folder), or returns what it made. Raises
    ConfigError when a ratio loss meets samples without log-probs, Stopped (everything saved) when the user asks.
    """
    if settings.loss != "raft" and not all(sample.logprobs for sample in samples):
        raise ConfigError(f"the loss {settings.loss} needs the samples' log-probs, which this engine does not give")
    training = Training(
        start=start_checkpoint,
        settings=settings,
        work=report.folder / f"training-cycle-{cycle}",
        target=output / FINAL_MODEL,
        stage="raft",
        cycle=cycle,
    )
    return fit(training, [sample.to_row() for sample in samples], [], report)
