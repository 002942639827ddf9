"""The model that samples: one at a time, as a cycle samples from one checkpoint, trains, and goes on with the next."""

from collections.abc import Callable
from dataclasses import dataclass

from haloforge.config import CheckpointSampling
from haloforge.generate import HALO, Engine, open_local, open_vllm, protocol_named
from haloforge.models import give_back_memory


@dataclass(frozen=True, slots=True)
class Served:
    """Servers that sample, and the name under which they load the adapter of a checkpoint: another one for each."""

    endpoints: tuple[str, ...]
    adapter_name: Callable[[str], str]

    @classmethod
    def of(cls, settings: CheckpointSampling, adapter_name: Callable[[str], str]) -> "Served | None":
        """None where this machine samples."""
        return cls(settings.endpoints, adapter_name) if settings.backend == "vllm" else None


class Engines:
    """Opens the engine of a checkpoint when it is asked for, and closes the one before."""

    def __init__(
        self,
        progress: Callable[[str], None],
        protocol: str = HALO.name,
        *,
        in_4bit: bool = False,
        served: Served | None = None,
    ) -> None:
        self._progress, self._protocol, self._in_4bit = progress, protocol_named(protocol), in_4bit
        self._served = served
        self._checkpoint = ""
        self._engine: Engine | None = None

    def at(self, checkpoint: str) -> Engine:
        """The engine of a checkpoint, opened only if it is not open already."""
        if self._engine is None or self._checkpoint != checkpoint:
            self.close()
            self._engine = self._open(checkpoint)
            self._checkpoint = checkpoint
        return self._engine

    def close(self) -> None:
        """Give the memory back, on a GPU too, where training needs it next."""
        if self._engine is None:
            return
        self._engine.close()
        self._engine = None
        give_back_memory()

    def _open(self, checkpoint: str) -> Engine:
        if self._served is None:
            return open_local(checkpoint, self._protocol, in_4bit=self._in_4bit, progress=self._progress)
        name = self._served.adapter_name(checkpoint)
        return open_vllm(checkpoint, self._served.endpoints, name, self._protocol, progress=self._progress)
