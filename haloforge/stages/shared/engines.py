"""The model that samples: one at a time, as a cycle samples from one checkpoint, trains, and goes on with the next."""

from collections.abc import Callable
from dataclasses import dataclass

from haloforge.config import CheckpointSampling
from haloforge.cores import gpus
from haloforge.generate import HALO, Engine, open_local, open_vllm, protocol_named
from haloforge.generate.own_servers import OwnServers, vllm_command
from haloforge.models import give_back_memory, refuse_stacked
from haloforge.store import Report


@dataclass(frozen=True, slots=True)
class Served:
    """Servers that sample, and the name under which they load the adapter of a checkpoint: another one for each.

    Without `endpoints` the run has `own` servers on this machine.
    """

    endpoints: tuple[str, ...]
    own: OwnServers
    adapter_name: Callable[[str], str]

    @classmethod
    def of(cls, settings: CheckpointSampling, report: Report, adapter_name: Callable[[str], str]) -> "Served | None":
        """None where vLLM does not sample."""
        if settings.backend != "vllm":
            return None
        own = OwnServers(report.folder, report.log, report.stop_asked, settings.cache_memory)
        return cls(settings.endpoints, own, adapter_name)


def refuse_unservable(settings: CheckpointSampling, model: str) -> None:
    """Raises ModelError where vLLM is to sample and cannot load the model, ConfigError where there is no vLLM."""
    if settings.backend != "vllm":
        return
    refuse_stacked(model)
    if not settings.endpoints:
        vllm_command()


def servers_line(settings: CheckpointSampling) -> str:
    """The line of a dry run that says which servers of vLLM sample."""
    if settings.endpoints:
        return f"servers   vLLM at {', '.join(settings.endpoints)}"
    found = gpus()
    where = f"one per GPU ({', '.join(found)})" if found else "one, on the CPU"
    return f"servers   vLLM on this machine, {where}, which the run starts and stops"


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
            self._close_engine()
            self._engine = self._open(checkpoint)
            self._checkpoint = checkpoint
        return self._engine

    def close(self) -> None:
        """Give the memory back, on a GPU too, where training needs it next: servers that we started end."""
        self._close_engine()
        if self._served:
            self._served.own.close()

    def _close_engine(self) -> None:
        if self._engine is None:
            return
        self._engine.close()
        self._engine = None
        give_back_memory()

    def _open(self, checkpoint: str) -> Engine:
        if self._served is None:
            return open_local(checkpoint, self._protocol, in_4bit=self._in_4bit, progress=self._progress)
        served, name = self._served, self._served.adapter_name(checkpoint)
        return open_vllm(checkpoint, served.endpoints, name, self._protocol, own=served.own, progress=self._progress)
