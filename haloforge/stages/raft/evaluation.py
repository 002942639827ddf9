"""How the cycles of a RAFT run stand on the held-out problems: which is best, and whether it beats the base model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from haloforge.records import Problem
from haloforge.stages.shared.scores import Tally, paired, pass_at, solved, tally
from haloforge.statistics import Comparison, Estimate, holm
from haloforge.store import Report


@dataclass(frozen=True, slots=True)
class Standing:
    """One cycle's passes on the held-out problems, its pass@1, and the paired difference to the base (cycle 0).

    The difference's p-value is corrected for the number of cycles that were compared.
    """

    cycle: int
    tallies: list[Tally]
    score: Estimate
    gain: Comparison | None = None


def standings(report: Report, problems: Sequence[Problem], last_cycle: int, seed: int) -> list[Standing]:
    """Cycles 0 to `last_cycle`; empty without held-out problems."""
    found = []
    for cycle in range(last_cycle + 1):
        tallies = tally(problems, report.store.summaries(report.run_id, cycle=cycle, purpose="eval"))
        score = pass_at(tallies, 1, seed=seed)
        if score:
            found.append(Standing(cycle, tallies, score))
    return _with_gains(found, seed)


def best(found: Sequence[Standing]) -> Standing:
    """The highest held-out pass@1; of equals the earliest cycle."""
    return max(found, key=lambda standing: (standing.score.value, -standing.cycle))


def sentence(standing: Standing, base: Standing) -> str:
    """What can be claimed about a cycle, in words."""
    problems = f"{len(base.tallies)} held-out problems in {len({t.family for t in base.tallies})} families"
    if standing.gain is None:
        return f"held-out pass@1 of the starting model: {standing.score} on {problems}"
    return (
        f"held-out pass@1 of cycle {standing.cycle}: {standing.score} on {problems}, against {base.score.value:.3f} "
        f"of the starting model: {standing.gain.sentence()}"
    )


def against_best(found: Sequence[Standing], seed: int) -> str:
    """The last cycle against the best before it, in words; empty where that is the starting model."""
    before = best(found[:-1]) if len(found) > 1 else found[0]
    change = paired(before.tallies, found[-1].tallies, seed=seed) if before.cycle else None
    return f"cycle {found[-1].cycle} against cycle {before.cycle}: {change.sentence()}" if change else ""


def changes(standing: Standing, base: Standing) -> tuple[list[str], list[str]]:
    """Held-out problems that a cycle solves and the starting model does not, and the other way round."""
    old, new = solved(base.tallies), solved(standing.tallies)
    return [t for t in new if t not in old], [t for t in old if t not in new]


def _with_gains(found: list[Standing], seed: int) -> list[Standing]:
    if not found or found[0].cycle != 0:
        return found
    gains = [paired(found[0].tallies, standing.tallies, seed=seed) for standing in found[1:]]
    corrected = iter(holm([gain.p_value for gain in gains if gain]))
    held = [replace(gain, p_value=next(corrected)) if gain else None for gain in gains]
    return found[:1] + [replace(standing, gain=gain) for standing, gain in zip(found[1:], held, strict=True)]
