"""One thread that owns the engine, and the requests that wait for it.

Requests that are sampled alike and wait together are answered together; those that come meanwhile are next.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue

from jinja2 import TemplateError

from haloforge.errors import DataError, ForgeError
from haloforge.generate import SamplingParams
from haloforge.generate.decoding import Row
from haloforge.generate.local import LocalEngine
from haloforge.records import FinishReason, Message

_GATHER_S = 0.02
"""How long the first request waits for others that were sent at the same time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """More of answer number `index`; `tokens` and `prompt_tokens` are its sizes so far."""

    index: int
    text: str
    finish_reason: FinishReason | None
    tokens: int
    prompt_tokens: int


@dataclass(slots=True)
class Order:
    """One request: a chat, and a seed for every answer that is wanted."""

    messages: Sequence[Message]
    params: SamplingParams
    seeds: Sequence[int]
    answers: "SimpleQueue[Piece | Exception | None]" = field(default_factory=SimpleQueue)
    rows: list[Row] = field(default_factory=list)

    def pieces(self) -> Iterator[Piece]:
        """What the engine says, until all answers are finished. Raises what went wrong."""
        while (said := self.answers.get()) is not None:
            if isinstance(said, Exception):
                raise said
            yield said

    def cancel(self) -> None:
        """Nobody reads it any more: its answers end with their next token."""
        for row in self.rows:
            row.limit = 0

    @property
    def way(self) -> tuple[float, float, int]:
        """Orders of the same way can be sampled together."""
        return self.params.temperature, self.params.top_p, self.params.top_k


class Desk:
    """Takes orders from any thread."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._waiting: list[Order] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def take(self, order: Order) -> None:
        """Answer it when its turn comes."""
        with self._changed:
            self._waiting.append(order)
            self._changed.notify()

    def _work(self) -> None:
        while True:
            orders = self._next()
            try:
                self._answer(orders)
            except Exception as error:  # noqa: BLE001 - the next request must find the engine working
                for order in orders:
                    order.answers.put(error)

    def _next(self) -> list[Order]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
        time.sleep(_GATHER_S)
        with self._changed:
            way = self._waiting[0].way
            taken = [order for order in self._waiting if order.way == way]
            self._waiting = [order for order in self._waiting if order.way != way]
        return taken

    def _answer(self, orders: Sequence[Order]) -> None:
        whose: dict[int, tuple[Order, int]] = {}
        for order in orders:
            try:
                order.rows = [self._engine.chat(order.messages, order.params, seed) for seed in order.seeds]
            except ForgeError as error:
                order.answers.put(error)
                continue
            except TemplateError as error:
                order.answers.put(DataError(f"the model's chat template refuses these messages: {error}"))
                continue
            whose |= {id(row): (order, index) for index, row in enumerate(order.rows)}
        rows = [row for order in orders for row in order.rows]
        for row, text in self._engine.pieces(rows, orders[0].params) if rows else ():
            order, index = whose[id(row)]
            order.answers.put(Piece(index, text, row.finish_reason, len(row.tokens), len(row.prompt)))
            if all(other.finish_reason is not None for other in order.rows):
                order.answers.put(None)
