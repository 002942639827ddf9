"""What the solution has been given by calls, and when: an object that it returned may learn its answer from that."""

from typing import Any


class Heard:
    """The arguments of calls, encoded, once the solution has returned an object that may use them."""

    matters = False
    """Whether it has."""

    def __init__(self) -> None:
        self._given: list[tuple[int, list[Any]]] = []

    def note(self, time: int, arguments: list[Any]) -> None:
        """A call was given these."""
        if self.matters:
            self._given.append((time, arguments))

    def has(self, form: Any, since: int) -> bool:
        """Whether a call has been given that value, encoded, since that time."""
        return any(_holds(given, form) for time, given in self._given if time > since)


def _holds(given: Any, form: Any) -> bool:
    """Whether a value is somewhere in what was given."""
    if given == form and type(given) is type(form):
        return True
    parts = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return any(_holds(part, form) for part in parts)
