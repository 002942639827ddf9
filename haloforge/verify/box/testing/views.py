"""What an object that a function of the solution returned has said about itself, and whether it said one thing."""

from collections.abc import Callable
from typing import Any

MAX_ITEMS = 10_000
"""Items that are remembered; what gives more may not be looked through twice."""
_CONTAINERS = (list, tuple, dict, set, frozenset)


class Views:
    """The answers of one object and its copies. Where two disagree, or cannot be compared, no test can rely on them."""

    def __init__(self, plain: Callable[[Any], Any]) -> None:
        """`plain`: turns an answer into something that compares by value, without asking the solution."""
        self._plain = plain
        self._answers: dict[Any, Any] = {}
        """What each question was answered, by the question."""
        self._length: int | None = None
        self._items: list[Any] = []
        self._read_to_the_end = False
        self._was_read = False

    def agree(self, question: Any, answer: Any) -> bool:
        """Whether a question that takes no test data gets the answer that it had before."""
        plain = self._plain(answer)
        if self._answers.setdefault(question, plain) != plain:
            return False
        if not isinstance(answer, _CONTAINERS) or question[0] == "item":
            return True
        others = [a for q, a in self._answers.items() if q[0] == "method" and q != question and isinstance(a, list)]
        return all(other == plain for other in others if question[0] == "method") and self._is_what_was_read(answer)

    def _is_what_was_read(self, answer: Any) -> bool:
        if not self._was_read and self._length is None:
            return True
        return self._read_to_the_end and self._plain(list(answer)) == self._items

    def length(self, length: int) -> bool:
        """Whether this length agrees with what was read."""
        before, self._length = self._length, length
        return before in (None, length) and self._length_fits()

    def _length_fits(self) -> bool:
        if self._length is None or not self._was_read:
            return True
        return self._length == len(self._items) if self._read_to_the_end else len(self._items) <= self._length

    def item(self, key: Any, value: Any) -> bool:
        """Whether this item agrees with what was read, and with what it was before."""
        question = ("item", repr(key))
        plain = self._plain(value)
        if self._answers.setdefault(question, plain) != plain:
            return False
        if not self._was_read:
            return True
        try:
            return bool(self._items[key] == plain) if isinstance(key, int | slice) else False
        except (IndexError, TypeError, ValueError):
            return False

    def begin(self) -> bool:
        """Iteration begins. Whether it may: not after items were asked for one by one, nor after an unfinished one."""
        first, self._was_read = not self._was_read, True
        return (first and not any(q[0] == "item" for q in self._answers)) or self._read_to_the_end

    def next_item(self, index: int, value: Any) -> bool:
        """Whether the next item of an iteration is the one that it was before."""
        plain = self._plain(value)
        if index < len(self._items):
            return bool(self._items[index] == plain)
        if self._read_to_the_end or index >= MAX_ITEMS:
            return False
        self._items.append(plain)
        return self._length is None or index < self._length

    def end(self, count: int) -> bool:
        """Whether an iteration ends where it ended before, and after as many items as `len` said."""
        complete = count == len(self._items)
        self._read_to_the_end = True
        return complete and self._length_fits()
