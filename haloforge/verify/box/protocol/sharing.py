"""Containers that both processes hold a copy of: lists and dictionaries that are attributes of a solution's objects.

Tests change them in place (`cart.items.append(x)`), and so does the solution. What changed goes along with the next
request or answer.
"""

import array
import collections
import io
from collections.abc import Callable
from typing import Any

from . import codec

MAX_CHARACTERS = 20_000
"""Larger containers are not kept the same: each message would have to look through them."""
MAX_SHARED = 100
"""Containers that are kept the same at a time."""


class Shared:
    """The containers, by number, and what the other process knows of each."""

    def __init__(self, encode: Callable[[Any], Any], identify: Callable[[Any], Any]) -> None:
        """`encode`: for the wire; `identify`: the same for two contents that are the same plain data and objects."""
        self._encode = encode
        self._identify = identify
        self._containers: dict[int, Any] = {}
        self._known: dict[int, Any] = {}
        """Contents that the other process has seen, as this one identifies them."""
        self._numbers: dict[int, int] = {}
        """The number of each container, by its id."""

    def number_of(self, container: Any) -> int | None:
        """Share a container; None if it is too large for that, or not of a kind that can be changed."""
        number = self._numbers.get(id(container))
        if number is not None or type(container) not in codec.MUTABLE or len(self._containers) >= MAX_SHARED:
            return number
        contents = self._identify(container)
        if len(repr(contents)) > MAX_CHARACTERS:
            return None
        number = self._numbers[id(container)] = len(self._containers)
        self._containers[number], self._known[number] = container, contents
        return number

    def adopted(self, number: int, value: Any) -> Any:
        """The container of that number: `value` itself where it is new here, else the old one with those contents."""
        if number not in self._containers:
            if type(value) not in codec.MUTABLE:
                raise TypeError("no container")
            self._containers[number] = value
        else:
            replace_contents(self._containers[number], value)
        self._known[number] = self._identify(self._containers[number])
        return self._containers[number]

    def changes(self) -> list[list[Any]]:
        """[number, contents] of every container that changed here since the other process heard of it."""
        changed: list[list[Any]] = []
        for number, container in self._containers.items():
            contents = self._identify(container)
            if contents != self._known[number] or repr(contents) != repr(self._known[number]):
                self._known[number] = contents
                changed.append([number, self._encode(container)])
        return changed

    def take_over(self, number: int, value: Any) -> None:
        """Repeat here, with decoded contents, what changed there. Raises TypeError or KeyError for what cannot be."""
        replace_contents(self._containers[number], value)
        self._known[number] = self._identify(self._containers[number])


def replace_contents(original: Any, value: Any) -> bool:
    """Give a container the contents of another of the same type, and say whether that is more than reading a stream on.

    Raises TypeError for any other pair.
    """
    if codec.is_array(original) and codec.is_array(value) and original.shape == value.shape:
        original[...] = value
        return True
    if type(original) is not type(value) or type(original) not in codec.MUTABLE:
        raise TypeError("no such argument can be changed")
    if isinstance(original, list | bytearray | array.array | collections.UserList):
        original[:] = value
    elif isinstance(original, io.StringIO | io.BytesIO):
        is_written: bool = original.getvalue() != value.getvalue()
        original.seek(0)
        original.truncate()
        original.write(value.getvalue())
        original.seek(value.tell())
        return is_written
    else:
        original.clear()
        (original.extend if isinstance(original, collections.deque) else original.update)(value)
    return True
