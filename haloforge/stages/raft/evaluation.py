"""How the cycles of a RAFT run score on the held-out problems: which is best, and whether it beats the base model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from haloforge.config import RaftConfig
from haloforge.markup.numbers import percent
from haloforge.records import Problem
from haloforge.stages.shared.scores import Tally, paired, pass_at, score_name, solved, tally, untested_share
from haloforge.statistics import Comparison, Estimate, holm
from haloforge.store import Report


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One cycle's passes on the held-out problems, its pass@1, and the paired difference to the base (cycle 0).

    The difference's p-value is corrected (Holm) for all the cycles that the run plans to compare, whether they have
    been yet or not: what is claimed after a cycle is never taken back because of how many came later.
    """

    cycle: int
    tallies: list[Tally]
    score: Estimate
    score_name: str = "pass@1"
    """A compile rate where the held-out problems have no tests."""
    gain: Comparison | None = None


def evaluations(report: Report, problems: Sequence[Problem], last_cycle: int, config: RaftConfig) -> list[Evaluation]:
    """Those of cycles 0 to `last_cycle` that have scored samples, in their order; empty without held-out problems."""
    without_gains, name = [], score_name(untested_share(problems, config.verifier))
    for cycle in range(last_cycle + 1):
        tallies = tally(problems, report.store.summaries(report.run_id, cycle=cycle, purpose="eval"))
        score = pass_at(tallies, 1, seed=config.seed)
        if score:
            without_gains.append(Evaluation(cycle, tallies, score, name))
    return _with_gains(without_gains, config)


def best_of(evaluated: Sequence[Evaluation]) -> Evaluation:
    """The highest held-out pass@1; of equals the earliest cycle."""
    return max(evaluated, key=lambda evaluation: (evaluation.score.value, -evaluation.cycle))


def claim_text(evaluation: Evaluation, base: Evaluation) -> str:
    """What can be claimed about a cycle, in one sentence."""
    problems = f"{len(base.tallies)} held-out problems in {len({t.family for t in base.tallies})} families"
    if evaluation.gain is None:
        return f"held-out {evaluation.score_name} of the starting model: {evaluation.score} on {problems}"
    return (
        f"held-out {evaluation.score_name} of cycle {evaluation.cycle}: {evaluation.score} on {problems}, against "
        f"{percent(base.score.value)} of the starting model: {evaluation.gain.sentence()}"
    )


def change_text(evaluated: Sequence[Evaluation], config: RaftConfig) -> str:
    """The last cycle against the best before it, in one sentence; empty where that is the starting model.

    Its p-value too is corrected for all the cycles planned.
    """
    before = best_of(evaluated[:-1]) if len(evaluated) > 1 else evaluated[0]
    change = paired(before.tallies, evaluated[-1].tallies, seed=config.seed) if before.cycle else None
    if change is None:
        return ""
    corrected = replace(change, p_value=_corrected([change.p_value], config)[0])
    return f"cycle {evaluated[-1].cycle} against cycle {before.cycle}: {corrected.sentence()}"


def gained_and_lost(evaluation: Evaluation, base: Evaluation) -> tuple[list[str], list[str]]:
    """Held-out problems that a cycle solves and the starting model does not, and the other way round."""
    old, new = solved(base.tallies), solved(evaluation.tallies)
    return [t for t in new if t not in old], [t for t in old if t not in new]


def _with_gains(evaluated: list[Evaluation], config: RaftConfig) -> list[Evaluation]:
    if not evaluated or evaluated[0].cycle != 0:
        return evaluated
    base, others = evaluated[0], evaluated[1:]
    gains = [paired(base.tallies, evaluation.tallies, seed=config.seed) for evaluation in others]
    p_values = iter(_corrected([gain.p_value for gain in gains if gain], config))
    corrected = [replace(gain, p_value=next(p_values)) if gain else None for gain in gains]
    return [base, *(replace(evaluation, gain=gain) for evaluation, gain in zip(others, corrected, strict=True))]


def _corrected(p_values: Sequence[float], config: RaftConfig) -> list[float]:
    """As if every planned comparison were made already, and those to come had shown nothing."""
    to_come = max(0, config.raft.num_cycles - len(p_values))
    return holm([*p_values, *[1.0] * to_come])[: len(p_values)]
