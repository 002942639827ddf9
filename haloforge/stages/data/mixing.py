"""`data mix`: one file out of several, each with its share of the rows."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from haloforge.errors import ConfigError, DataError
from haloforge.files import Row, sha256_of
from haloforge.stages.data.own_files import OwnRow, Written, derived, read_own, refuse_output, write_own


class Part(NamedTuple):
    """A file, and its weight beside the others."""

    path: Path
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """What was written: how many rows of each file, in the order given, and how many stood in an earlier file too."""

    written: Written
    taken: tuple[tuple[Path, int], ...]
    repeated: int

    def text(self) -> str:
        """For people, one fact a line."""
        parts = ", ".join(f"{rows:,} of {path}" for path, rows in self.taken)
        again = f"\nleft out: {self.repeated:,} rows that another of these files has too" if self.repeated else ""
        return f"{self.written.rows:,} rows: {self.written.path} ({parts}){again}"


def parse_part(text: str) -> Part:
    """FILE or FILE=WEIGHT. Raises ConfigError for a weight that is no number above 0."""
    name, sign, weight = text.strip().rpartition("=")
    if not sign:
        return Part(Path(text.strip()))
    try:
        number = float(weight)
    except ValueError:
        return Part(Path(text.strip()))  # the name of a file may hold the sign
    if not 0 < number < float("inf"):
        raise ConfigError(f"the weight of {name} should be above 0 (not {weight})")
    return Part(Path(name), number)


def mix(
    parts: Sequence[Part], output: Path, *, rows: int | None = None, seed: int = 42, overwrite: bool = False
) -> Mixture:
    """Draw rows of each file in the ratio of the weights, none twice, and write them in a random order.

    `rows` None takes as many as the ratio allows. A row that stands in an earlier file too is drawn from that one only.
    Raises ConfigError for more rows than a file has, and DataError for two problems under one task id.
    """
    if len(parts) < 2:
        raise ConfigError("a mixture needs two files or more; give FILE=WEIGHT for each")
    refuse_output(output, overwrite=overwrite)
    read, repeated = _distinct([read_own(part.path) for part in parts])
    counts = counts_of(parts, [len(own) for own in read], rows)
    chance = random.Random(seed)
    drawn = [chance.sample(own, count) for own, count in zip(read, counts, strict=True)]
    mixed = [own.row for part in drawn for own in part]
    chance.shuffle(mixed)
    taken = tuple((part.path, count) for part, count in zip(parts, counts, strict=True))
    files = [
        {"file": str(part.path), "weight": part.weight, "rows": count, "sha256": sha256_of(part.path)}
        for part, count in zip(parts, counts, strict=True)
    ]
    manifest = derived([part.path for part in parts], "data mix", len(mixed), {"parts": files, "seed": seed})
    return Mixture(write_own(output, mixed, manifest, overwrite=overwrite), taken, repeated)


def counts_of(parts: Sequence[Part], there: Sequence[int], rows: int | None) -> list[int]:
    """Rows to take of each file; rounding errors go to the files with the largest remainders."""
    total = sum(part.weight for part in parts)
    most = min(size * total / part.weight for part, size in zip(parts, there, strict=True))
    wanted = int(most + 1e-9) if rows is None else rows
    exact = [wanted * part.weight / total for part in parts]
    counts = [int(share + 1e-9) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: wanted - sum(counts)]:
        counts[i] += 1
    for part, count, size in zip(parts, counts, there, strict=True):
        if count > size:
            raise ConfigError(
                f"{part.path} has {size:,} rows, and its share of {wanted:,} is {count:,}; "
                f"ask for at most {int(most):,}"
            )
    if not wanted:
        raise ConfigError("these weights leave no row of one of the files; give weights that are nearer to each other")
    return counts


def _distinct(files: Sequence[list[OwnRow]]) -> tuple[list[list[OwnRow]], int]:
    """The rows of each file without those of files before it. Raises DataError for a task id with two contents."""
    seen: dict[str, str] = {}
    contents: set[str] = set()
    kept: list[list[OwnRow]] = []
    repeated = 0
    for own_rows in files:
        mine: list[OwnRow] = []
        for own in own_rows:
            content = _content(own.row)
            if content in contents:
                repeated += 1
                continue
            contents.add(content)
            task_id = own.problem.task_id if own.problem and own.row.get("task_id") else None
            if task_id and seen.setdefault(task_id, content) != content:
                raise DataError(f"two of the files have another problem under the task_id {task_id!r}; rename one")
            mine.append(own)
        kept.append(mine)
    return kept, repeated


def _content(row: Row) -> str:
    """A row's content without the side of a split that it stands on."""
    return json.dumps({key: value for key, value in row.items() if key != "split"}, sort_keys=True, default=str)
