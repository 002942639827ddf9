"""The model in memory: one at a time, since a cycle samples from one checkpoint, trains, and goes on with the next."""

from collections.abc import Callable

from haloforge.generate import HALO, Engine, open_local, protocol_named
from haloforge.models import give_back_memory


class Engines:
    """Opens the engine of a checkpoint when it is asked for, and closes the one before."""

    def __init__(self, progress: Callable[[str], None], protocol: str = HALO.name, *, in_4bit: bool = False) -> None:
        self._progress, self._protocol, self._in_4bit = progress, protocol_named(protocol), in_4bit
        self._checkpoint = ""
        self._engine: Engine | None = None

    def at(self, checkpoint: str) -> Engine:
        """The engine of a checkpoint, opened only if it is not open already."""
        if self._engine is None or self._checkpoint != checkpoint:
            self.close()
            self._engine = open_local(checkpoint, self._protocol, in_4bit=self._in_4bit, progress=self._progress)
            self._checkpoint = checkpoint
        return self._engine

    def close(self) -> None:
        """Give the memory back, on a GPU too, where training needs it next."""
        if self._engine is None:
            return
        self._engine.close()
        self._engine = None
        give_back_memory()
