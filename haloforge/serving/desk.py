"""One thread that owns the engine, and the requests that wait for it.

Requests that are sampled alike and wait together are answered together; those that come meanwhile are next.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from jinja2 import TemplateError

from haloforge.errors import DataError, ForgeError, MachineError
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
    """One request: a chat, and a seed for every answer that is wanted. Made and read in an event loop."""

    messages: Sequence[Message]
    params: SamplingParams
    seeds: Sequence[int]
    rows: list[Row] = field(default_factory=list)
    is_cancelled: bool = False
    _answers: "asyncio.Queue[Piece | ForgeError | None]" = field(default_factory=asyncio.Queue)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def say(self, piece: Piece | ForgeError | None) -> None:
        """From any thread: more of an answer, what went wrong, or None when all answers are finished."""
        with suppress(RuntimeError):  # the loop is closed: the server has ended
            self._loop.call_soon_threadsafe(self._answers.put_nowait, piece)

    async def pieces(self) -> AsyncIterator[Piece]:
        """What the engine says, until all answers are finished. Raises what went wrong."""
        while (said := await self._answers.get()) is not None:
            if isinstance(said, ForgeError):
                raise said
            yield said

    def cancel(self, reason: str = "nobody waits for this answer any more") -> None:
        """Its answers end with their next token, or never begin; who still reads it is told the reason."""
        self.is_cancelled = True
        for row in self.rows:
            row.limit = 0
        self.say(MachineError(reason))

    @property
    def way(self) -> tuple[float, float, int]:
        """Orders of the same way can be sampled together."""
        return self.params.temperature, self.params.top_p, self.params.top_k


class Desk:
    """Takes orders from any thread."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._waiting: list[Order] = []
        self._taken: list[Order] = []
        self._is_closed = False
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="engine", daemon=True).start()

    def take(self, order: Order) -> None:
        """Answer it when its turn comes."""
        with self._changed:
            self._waiting.append(order)
            self._changed.notify()
        if self._is_closed:
            self.close()

    def close(self) -> None:
        """Cancel all orders, and those that are still to come. May be called in a signal handler."""
        self._is_closed = True
        with self._changed:
            orders = [*self._taken, *self._waiting]
        for order in orders:
            order.cancel("the server is being stopped")

    def _work(self) -> None:
        while True:
            orders = self._next()
            try:
                self._answer(orders)
            except Exception as error:  # noqa: BLE001 - the next request must find the engine working
                for order in orders:
                    order.say(_failed(error))

    def _next(self) -> list[Order]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
        time.sleep(_GATHER_S)
        with self._changed:
            way = self._waiting[0].way
            self._taken = [order for order in self._waiting if order.way == way]
            self._waiting = [order for order in self._waiting if order.way != way]
        return self._taken

    def _answer(self, orders: Sequence[Order]) -> None:
        whose: dict[int, tuple[Order, int]] = {}
        for order in orders:
            whose |= {id(row): (order, index) for index, row in enumerate(self._rows(order))}
        rows = [row for order in orders for row in order.rows]
        for row, text in self._engine.pieces(rows, orders[0].params) if rows else ():
            order, index = whose[id(row)]
            order.say(Piece(index, text, row.finish_reason, len(row.tokens), len(row.prompt)))
            if all(other.finish_reason is not None for other in order.rows):
                order.say(None)

    def _rows(self, order: Order) -> list[Row]:
        """The answers before they begin; none where nobody waits for them, or this request cannot be answered."""
        try:
            order.rows = [self._engine.chat(order.messages, order.params, seed) for seed in order.seeds]
        except TemplateError as error:
            order.say(DataError(f"the model's chat template refuses these messages: {error}"))
        except Exception as error:  # noqa: BLE001 - those that are answered with it are not to blame
            order.say(_failed(error))
        if order.is_cancelled:  # before it had rows
            order.rows = []
        return order.rows


def _failed(error: Exception) -> ForgeError:
    """What a client is told; the log of the server has all of what was not foreseen."""
    if isinstance(error, ForgeError):
        return error
    logging.getLogger(__name__).error("an answer failed", exc_info=error)
    return MachineError(f"the server could not answer: {type(error).__name__}; its own output says more")
