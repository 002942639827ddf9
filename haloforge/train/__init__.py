"""Training, the only place that imports trl: rows and samples to examples, examples to an adapter, RAFT's losses.

`fit` is not here but in `haloforge.train.fitting`, which imports torch and trl: import it where it is called.
"""

from haloforge.train.adapters import refuse_unsupported
from haloforge.train.checkpoints import refuse_taken
from haloforge.train.examples import (
    IGNORED,
    Encoded,
    Example,
    Split,
    TrainSample,
    encode,
    family,
    split_by_family,
)
from haloforge.train.launch import one_of_several_gpus
from haloforge.train.losses import advantages
from haloforge.train.training import Training, TrainingSettings, TrainResult, optimizer_steps

__all__ = [
    "IGNORED",
    "Encoded",
    "Example",
    "Split",
    "TrainResult",
    "TrainSample",
    "Training",
    "TrainingSettings",
    "advantages",
    "encode",
    "family",
    "one_of_several_gpus",
    "optimizer_steps",
    "refuse_taken",
    "refuse_unsupported",
    "split_by_family",
]
