"""Which of equally good samples are kept: setting `raft.tie_break`. Only `shortest` looks for brevity."""

from haloforge.config import RaftLoop
from haloforge.stages.raft.candidates import SKETCH_BITS, Candidate, Group, difference, random_number
from haloforge.store import SampleSummary

LENGTH_TOLERANCE = 0.2
"""Share of its length by which another answer may be longer or shorter and still count as about as long."""


def tie_key(sample: SampleSummary, settings: RaftLoop, seed: int) -> tuple[int, int]:
    """Sorts equally good samples: by a seeded random number, and before it by brevity where that is asked for."""
    return sample.completion_tokens if settings.tie_break == "shortest" else 0, random_number(sample, seed)


def choose_among_equals(tied: Group, count: int, settings: RaftLoop, beside: Group = ()) -> list[Candidate]:
    """`count` of these, which are sorted by `tie_key`; `beside` are better ones, chosen already."""
    return spread(tied, count, beside) if settings.tie_break == "diverse" else list(tied[:count])


def spread(tied: Group, count: int, beside: Group = ()) -> list[Candidate]:
    """Programs unlike each other, of every length: one from each of `count` classes of length of the same size.

    Always the first one left, and all of its class that are about as long, are looked at; the one most unlike what was
    chosen so far is chosen. Were all looked at, it would be the longest most often: it has the most of its own.
    """
    if count >= len(tied):
        return list(tied)
    by_length = sorted(tied, key=_length)
    length_class = {candidate.id: place * count // len(tied) for place, candidate in enumerate(by_length)}
    nearest = {c.id: min((difference(c, other) for other in beside), default=SKETCH_BITS) for c in tied}
    chosen: list[Candidate] = []
    left = list(tied)
    while len(chosen) < count:
        current = length_class[left[0].id]
        alike = [c for c in left if length_class[c.id] == current and _about_as_long(c, left[0])]
        pick = max(alike, key=lambda candidate: nearest[candidate.id])
        chosen.append(pick)
        left = [candidate for candidate in left if length_class[candidate.id] != current]
        nearest |= {c.id: min(nearest[c.id], difference(c, pick)) for c in left}
    return chosen


def _length(candidate: Candidate) -> int:
    return candidate.sample.completion_tokens


def _about_as_long(candidate: Candidate, other: Candidate) -> bool:
    return abs(_length(candidate) - _length(other)) <= LENGTH_TOLERANCE * _length(other)
