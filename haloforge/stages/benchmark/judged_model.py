"""The model that a benchmark judges: a checkpoint on this machine, or one that a server has."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from types import TracebackType
from typing import Any, Protocol, Self

from haloforge.config import BenchmarkConfig
from haloforge.errors import ConfigError
from haloforge.generate import Engine, open_engine, protocol_named
from haloforge.models import resolve
from haloforge.records import Problem
from haloforge.stages.shared.dry_run import model_line
from haloforge.stages.shared.engines import Engines, Served, refuse_unservable, servers_line
from haloforge.stages.shared.forecast import Plan, memory_and_time, watched
from haloforge.stages.shared.pinning import pinned_model
from haloforge.stages.shared.provenance import Provenance, provenance
from haloforge.store import Report


class JudgedModel(Protocol):
    """What the recipe of a benchmark needs of its model. Used in a `with` block, which closes what it opened."""

    def engine(self) -> Engine:
        """The engine that samples from it, opened at the first call."""

    def watched(self, plan: Callable[[str], Plan]) -> AbstractContextManager[None]:
        """A block that is refused where the plan does not fit this machine."""

    def facts(self) -> dict[str, Any]:
        """What the result says of it."""

    def origin(self, problems: list[Problem]) -> Provenance:
        """Which of the problems it was trained on, as far as that is known."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LocalModel:
    """A checkpoint; of a Hub model always the commit with which the run began."""

    def __init__(self, config: BenchmarkConfig, report: Report) -> None:
        self._config, self._report = config, report
        self._name = pinned_model(report, config.model)
        served = Served.of(config.generation, report, lambda model: f"{report.run_id}-model")
        self._engines = Engines(report.log, config.protocol, served=served)

    def engine(self) -> Engine:
        """See JudgedModel."""
        return self._engines.at(self._name)

    def watched(self, plan: Callable[[str], Plan]) -> AbstractContextManager[None]:
        """See JudgedModel. Where servers sample, memory and time are theirs."""
        if self._config.generation.backend == "vllm":
            return nullcontext()
        return watched(self._report, plan(self._name))

    def facts(self) -> dict[str, Any]:
        """Its name, who sampled from it where that was not this machine, and what `resolve` says of it."""
        generation = self._config.generation
        sampled_by = {"sampled_by": "vllm"} if generation.backend == "vllm" else {}
        return {"name": self._config.model, **asdict(resolve(self._name)), **sampled_by}

    def origin(self, problems: list[Problem]) -> Provenance:
        """By the records of the runs that made it."""
        return provenance(self._report.store, self._config.model, problems)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engines.close()


class ServedModel:
    """A model that only its server knows."""

    def __init__(self, config: BenchmarkConfig, report: Report) -> None:
        self._config, self._report = config, report
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """See JudgedModel."""
        config = self._config
        if self._engine is None:
            self._engine = open_engine(
                config.backend,
                config.model,
                base_url=config.base_url,
                concurrency=config.concurrency,
                protocol=protocol_named(config.protocol),
                progress=self._report.log,
            )
        return self._engine

    def watched(self, plan: Callable[[str], Plan]) -> AbstractContextManager[None]:
        """Its memory and time are the server's."""
        return nullcontext()

    def facts(self) -> dict[str, Any]:
        """Its name, where it is served, and what nobody here knows of it."""
        config = self._config
        return {
            "name": config.model,
            "backend": config.backend,
            "base_url": config.base_url or "",
            "not_known": [*_NOT_KNOWN, *_not_sent(config)],
        }

    def origin(self, problems: list[Problem]) -> Provenance:
        """Not known, and it is said so."""
        return Provenance({}, [], [f"{served_text(self._config)}: what it was trained on is not known here"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.close()


def judged_model(config: BenchmarkConfig, report: Report) -> JudgedModel:
    """The model of the config. Raises ModelError for a checkpoint that is none."""
    return LocalModel(config, report) if config.backend == "local" else ServedModel(config, report)


def plan_lines(config: BenchmarkConfig, plan: Callable[[str], Plan], *, measures: bool) -> tuple[str, list[str]]:
    """What a dry run says of the model: its line, and those of memory and time. Raises ForgeError."""
    if config.generation.backend == "vllm":
        refuse_unservable(config.generation, config.model)
        servers = servers_line(config.generation)
        return model_line(config.model), [servers, "memory    theirs", "time      theirs"]
    if config.backend == "local":
        memory, time = memory_and_time(plan(config.model), measures=measures)
        return model_line(config.model), [f"memory    {memory}", f"time      {time}"]
    unknown = ", ".join([*_NOT_KNOWN, *_not_sent(config)])
    of_the_server = [f"not known {unknown}", "memory    the server's", "time      the server's"]
    return f"model     {served_text(config)}", of_the_server


def refuse_unasked_protocol(config: BenchmarkConfig) -> None:
    """Raises ConfigError where a protocol continues plain text, which a chat server does not do."""
    if config.backend != "local" and protocol_named(config.protocol).is_plain:
        raise ConfigError(
            f"protocol {config.protocol} asks without a chat template, and a chat server always uses one; "
            "judge a checkpoint on this machine, or choose another protocol"
        )


def served_text(config: BenchmarkConfig) -> str:
    """The model and who serves it."""
    return f"{config.model} at {config.base_url or config.backend}"


_NOT_KNOWN = (
    "the weights behind the name and their precision",
    "the chat template",
    "whether seeds are kept",
    "what it was trained on",
)
"""Of a served model."""


def _not_sent(config: BenchmarkConfig) -> list[str]:
    protocol = protocol_named(config.protocol)
    return [f"how it would go on from the beginning that {protocol.name} gives an answer"] if protocol.prefill else []
