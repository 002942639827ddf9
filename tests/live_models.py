"""How many whole models a process holds at a moment, garbage that nobody has collected yet among them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from weakref import WeakSet


class LiveModels:
    """The models with a head that were made since counting began and are still in memory."""

    def __init__(self) -> None:
        self._made: WeakSet[Any] = WeakSet()

    @property
    def count(self) -> int:
        """How many there are now."""
        return sum(type(model).__name__.endswith("ForCausalLM") for model in self._made)

    def note(self, model: Any) -> None:
        """Remember a model, without keeping it alive."""
        self._made.add(model)


@contextmanager
def counted() -> Iterator[LiveModels]:
    """Count every transformers model that is made from now on, whoever makes it."""
    from transformers import PreTrainedModel

    live, original = LiveModels(), PreTrainedModel.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        live.note(self)
        original(self, *args, **kwargs)

    with patch.object(PreTrainedModel, "__init__", init):
        yield live
