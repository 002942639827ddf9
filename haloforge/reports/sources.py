"""From the names of results to what they hold: a result file, or a cycle of a RAFT run out of the store."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from haloforge.errors import ConfigError
from haloforge.reports.evidence import Evidence, evidence_of
from haloforge.reports.side_by_side import LETTERS, SideBySide, side_by_side
from haloforge.stages.benchmark.compare import Result, read_result
from haloforge.stages.benchmark.held_out import cycle_of, held_out_result
from haloforge.store import Store


@dataclass(frozen=True)
class Source:
    """A result under the name by which it was asked for; `path` is its file, None for a cycle."""

    key: str
    result: Result
    path: Path | None

    @property
    def name(self) -> str:
        """The model it is of."""
        return str(self.result["model"]["name"])

    def evidence(self, store: Store) -> Evidence | None:
        """Where its answers are."""
        return evidence_of(store, self.result, self.path)


def read_source(store: Store, key: str) -> Source:
    """`key` is a path, or "cycle:RUN:NUMBER". Raises ForgeError for what is not there or no result."""
    if cycle := cycle_of(key):
        return Source(key, held_out_result(store, store.run(cycle[0]), cycle[1]), None)
    return Source(key, read_result(Path(key)), Path(key))


def compared(sources: Sequence[Source]) -> SideBySide:
    """The sources side by side, the first as what the others are compared with.

    Raises DataError where they are not of the same problems, ConfigError for more than there are letters.
    """
    if len(sources) > len(LETTERS):
        raise ConfigError(f"{len(sources)} results are more than fit side by side: give at most {len(LETTERS)}")
    return side_by_side(names_of(sources), [source.result for source in sources])


def names_of(sources: Sequence[Source]) -> list[str]:
    """The models, and where two have the same name, the file as well."""
    times = Counter(source.name for source in sources)
    return [
        f"{source.name}, {source.path.name if source.path else source.key}" if times[source.name] > 1 else source.name
        for source in sources
    ]
