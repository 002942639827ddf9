"""The state of the calls that were sent ahead in one message; `batched_calls` says which those are."""

from collections.abc import Sequence
from typing import Any


class Batch:
    """The calls of the entry point that are sent in one message, and how far the tests have come with them."""

    def __init__(self, entry_point: str | None, calls: Sequence[list[Any]]) -> None:
        self.calls = calls
        """Encoded arguments of each; empty when nothing is batched, or no longer."""
        self.first_number = 0
        """Number of the request that is the first of these calls; 0 until they have been sent."""
        self._entry_point = entry_point
        self._taken = 0
        self._unwanted = range(0)
        """Numbers of calls that were sent, but whose answers nobody waits for."""

    def is_next(self, target: str | int, arguments: list[Any]) -> bool:
        """Whether the tests make the very call that comes next in the batch."""
        return self._taken < len(self.calls) and target == self._entry_point and arguments == self.calls[self._taken]

    def take(self) -> int:
        """The number of the next call, which the tests make now."""
        self._taken += 1
        return self.first_number + self._taken - 1

    def break_off(self) -> None:
        """The tests do something else: from here on they ask one by one."""
        if self.first_number and self.calls:
            self._unwanted = range(self.first_number + self._taken, self.first_number + len(self.calls))
            self.forget()

    def forget(self) -> None:
        """No further call is taken from the batch."""
        self.calls = ()

    def skips(self, number: int) -> bool:
        """Whether this answers a batched call that was not made after all. Each is skipped once, in order."""
        if number not in self._unwanted:
            return False
        self._unwanted = range(number + 1, self._unwanted.stop)
        return True
