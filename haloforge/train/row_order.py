"""The order of the training rows: rows of like length meet in a batch, so that little of it is padding."""

import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler

POOL = 64
"""Batches whose rows are sorted together; more would leave hardly less padding, and the same neighbours every epoch."""


class LikeLengths(Sampler[int]):
    """Places of rows, to be cut into batches of `batch_size` by the reader; every row once an epoch.

    The order depends on seed and epoch alone, so a training that resumes in any epoch reads the same batches. The
    batch with the longest row comes first: a memory that is too small for it shows at once.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths, self.batch_size, self.seed = lengths, batch_size, seed
        self.epoch, self.longest = 0, max(lengths)

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before it reads an epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self.seed} {self.epoch}")
        places = list(range(len(self.lengths)))
        rng.shuffle(places)
        batches = list(self._batches(places))
        short = batches.pop() if len(batches[-1]) < self.batch_size else []
        rng.shuffle(batches)
        batches.sort(key=self._is_not_the_longest)  # stable: the others stay shuffled
        for batch in [*batches, short]:
            yield from batch

    def _is_not_the_longest(self, batch: Sequence[int]) -> bool:
        return max(self.lengths[place] for place in batch) < self.longest

    def _batches(self, places: Sequence[int]) -> Iterator[list[int]]:
        """Batches of like lengths, in pools of some; only the last batch may be short."""
        for start in range(0, len(places), POOL * self.batch_size):
            pool = sorted(places[start : start + POOL * self.batch_size], key=lambda place: self.lengths[place])
            yield from (pool[at : at + self.batch_size] for at in range(0, len(pool), self.batch_size))
