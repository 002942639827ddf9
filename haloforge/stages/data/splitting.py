"""`data split`: a file in two, one to train on and one to judge by, so that nothing of one is known from the other."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from haloforge.errors import ConfigError, DataError
from haloforge.files import Row
from haloforge.stages.data.own_files import OwnRow, Written, derived, read_own, refuse_output, write_own


@dataclass(frozen=True, slots=True)
class Halves:
    """What was written, and how many groups of rows that belong together there were."""

    train: Written
    held_out: Written
    groups: int

    def text(self) -> str:
        """For people, one line."""
        return (
            f"{self.train.rows:,} rows to train on: {self.train.path}; {self.held_out.rows:,} held out: "
            f"{self.held_out.path} ({_families(self.groups)}, none on both sides)"
        )


def split(
    path: Path, train: Path, held_out: Path, *, share: float = 0.2, seed: int = 42, overwrite: bool = False
) -> Halves:
    """Hold out about this share (0 to 1) of the rows, whole families at a time.

    Rows of one family, and rows with the same prompt, stay on one side. The same file, share and seed give the same
    halves. Raises ConfigError for a share that leaves a side empty and for taken names, DataError for a damaged file.
    """
    if not 0 < share < 1:
        raise ConfigError(f"the share to hold out should be between 0 and 1, such as 0.2 (not {share:g})")
    if train.resolve() == held_out.resolve():
        raise ConfigError(f"both halves would be written to {train}; give two names")
    for output in (train, held_out):
        refuse_output(output, overwrite=overwrite)
    rows = read_own(path)
    groups = grouped(rows)
    kept_out = _drawn(groups, share * len(rows), seed)
    if len(kept_out) == len(rows) or not kept_out:
        raise DataError(
            f"{path} cannot be split so: its {len(rows)} rows are {_families(len(groups))}, and each stays on one side"
        )
    sides = [[own for own in rows if (own.line in kept_out) == is_out] for is_out in (False, True)]
    written: list[Written] = []
    for side, output, name in zip(sides, (train, held_out), ("train", "test"), strict=True):
        details = {"split_of": str(path), "share": share, "seed": seed, "families": len(grouped(side))}
        manifest = derived([path], f"data split ({name})", len(side), details)
        written.append(write_own(output, [_marked(own, name) for own in side], manifest, overwrite=overwrite))
    return Halves(written[0], written[1], len(groups))


def _families(groups: int) -> str:
    return "one family" if groups == 1 else f"{groups:,} families"


def grouped(rows: Sequence[OwnRow]) -> list[list[OwnRow]]:
    """The rows that must stay together, in file order: linked by a family or by a prompt, directly or over others."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    for own in rows:
        first, *others = own.families
        for other in others:
            leader[find(other)] = find(first)
    groups: dict[str, list[OwnRow]] = {}
    for own in rows:
        groups.setdefault(find(own.families[0]), []).append(own)
    return list(groups.values())


def _drawn(groups: Iterable[Sequence[OwnRow]], wanted: float, seed: int) -> Mapping[int, None]:
    """The lines that are held out: groups in an order drawn by the seed, until there are enough rows."""
    by_chance = sorted(groups, key=lambda group: _chance(group[0], seed))
    lines: dict[int, None] = {}
    for group in by_chance:
        if lines and len(lines) + len(group) / 2 > wanted:
            continue
        lines |= dict.fromkeys(own.line for own in group)
        if len(lines) >= wanted:
            break
    return lines


def _chance(own: OwnRow, seed: int) -> bytes:
    """A draw that depends on the seed and the family, not on where the row stands."""
    return hashlib.sha256(f"{seed}\0{min(own.families)}".encode(errors="replace")).digest()


def _marked(own: OwnRow, name: str) -> Row:
    """A problem's row says on which side it is; rows of chat and text stay as they are."""
    return own.row if own.problem is None or "tests" not in own.row else {**own.row, "split": name}
