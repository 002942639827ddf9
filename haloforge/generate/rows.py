"""One completion in the making, and when it is over. Shared by the two ways to run a local model."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from haloforge.records import FinishReason


@dataclass(slots=True)
class Row:
    """One completion in the making. `random` is its own stream, so no other row can change what it draws."""

    position: int
    index: int
    prompt: Sequence[int]
    limit: int
    random: random.Random
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def length(self) -> int:
        """Tokens of prompt and completion together."""
        return len(self.prompt) + len(self.tokens)


@dataclass(frozen=True, slots=True)
class Ending:
    """What ends a completion: an end token, a stop string in its text, or its limit of tokens."""

    tokens: frozenset[int]
    strings: tuple[str, ...]
    decode: Callable[[Sequence[int]], str]

    def add(self, row: Row, token: int, logprob: float) -> bool:
        """Append a sampled token to its row; True when that was its last."""
        row.tokens.append(token)
        row.logprobs.append(logprob)
        if token in self.tokens or self._stops(row):
            row.finish_reason = "stop"
        elif len(row.tokens) >= row.limit:
            row.finish_reason = "length"
        return row.finish_reason is not None

    def text(self, row: Row) -> str:
        """The completion without its end token, cut before the first stop string."""
        ended = bool(row.tokens) and row.tokens[-1] in self.tokens
        text = self.decode(row.tokens[:-1] if ended else row.tokens)
        return text[: min((place for stop in self.strings if (place := text.find(stop)) >= 0), default=None)]

    def _stops(self, row: Row) -> bool:
        if not self.strings:
            return False
        longest = max(map(len, self.strings))  # in characters: every token adds at least one, or a part of one
        tail = self.decode(row.tokens[-longest - 4 :])
        return any(stop in tail for stop in self.strings)
