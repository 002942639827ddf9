"""From verdicts to scores: passes counted per problem, pass@k over problems, two models on the same problems."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from haloforge.answers import normal_form
from haloforge.config import VerifySettings
from haloforge.markup.numbers import percent
from haloforge.records import Problem
from haloforge.statistics import Comparison, Estimate, compare, mean_estimate, pass_at_k
from haloforge.store import SampleSummary, StoredProgram

COMPILE_RATE = "compile rate"
"""What pass@1 is called where no problem has a test."""
ProgramOfTask = tuple[str, bytes]
"""A problem's id, and the digest of a program for it."""

_DOES_NOT_COMPILE = frozenset({"compile_error", "no_code"})


@dataclass(frozen=True, slots=True)
class Tally:
    """`passed` of the `scored` samples of one problem; what our own machine failed to judge is in neither."""

    task_id: str
    family: str
    scored: int
    passed: int

    @property
    def rate(self) -> float:
        """Estimated pass@1 of this problem; needs a scored sample."""
        return self.passed / self.scored


def tally(problems: Iterable[Problem], samples: Iterable[SampleSummary]) -> list[Tally]:
    """One tally per problem, in the order of the problems."""
    scored: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    for sample in samples:
        if sample.verdict and sample.verdict.status != "unscored":
            scored[sample.task_id] += 1
            passed[sample.task_id] += sample.verdict.passed
    return [Tally(p.task_id, p.family, scored[p.task_id], passed[p.task_id]) for p in problems]


def pass_at(tallies: Iterable[Tally], k: int, *, seed: int = 0) -> Estimate | None:
    """pass@k over the problems that have k scored samples, clustered by family; None where none has."""
    usable = [t for t in tallies if t.scored >= k]
    if not usable:
        return None
    scores = [pass_at_k(t.scored, t.passed, k) for t in usable]
    return mean_estimate(scores, [t.family for t in usable], seed=seed)


def paired(before: Iterable[Tally], after: Iterable[Tally], *, seed: int = 0) -> Comparison | None:
    """pass@1 after against before on the problems scored in both, clustered by family; None where there is none."""
    old, new = _scored(before), _scored(after)
    shared = [task_id for task_id in new if task_id in old]
    if not shared:
        return None
    families = [new[task_id].family for task_id in shared]
    return compare([old[t].rate for t in shared], [new[t].rate for t in shared], families, seed=seed)


def untested_share(problems: Sequence[Problem], verifier: VerifySettings) -> float:
    """Share of the problems of which nothing is known but that a program compiles, or runs."""
    if verifier.type == "custom" or not problems:  # a command of the user's may test what no file says
        return 0.0
    return sum(problem.tests.kind == "none" for problem in problems) / len(problems)


def score_name(untested: float, k: int = 1) -> str:
    """What a share of passing samples is called: pass@k needs tests, and without them it is a compile rate."""
    if untested == 1:
        return COMPILE_RATE if k == 1 else f"compile rate of the best of {k}"
    return f"pass@{k} (for {percent(untested, 0)} of the problems only a compile rate)" if untested else f"pass@{k}"


def untested_warning(problems: Sequence[Problem], verifier: VerifySettings) -> str:
    """What training on problems without tests teaches, in one sentence; empty where all have tests."""
    share = untested_share(problems, verifier)
    if not share:
        return ""
    which = "the problems to train on have" if share == 1 else f"{percent(share, 0)} of the problems to train on have"
    return f"{which} no tests: a reward for compiling teaches the form of a program, not to solve the problem"


def solved(tallies: Iterable[Tally]) -> list[str]:
    """Problems with at least one passing sample."""
    return [t.task_id for t in tallies if t.passed]


def _scored(tallies: Iterable[Tally]) -> dict[str, Tally]:
    return {t.task_id: t for t in tallies if t.scored}


def program_digest(code: str | None, language: str) -> bytes:
    """16 bytes that two programs share when their normal forms are equal: what is compared without keeping the code."""
    return digest_of(normal_form(code or "", language))


def digest_of(form: str) -> bytes:
    """16 bytes for a normal form, or any other text."""
    return hashlib.sha256(form.encode(errors="surrogatepass")).digest()[:16]


def digests_of(programs: Iterable[StoredProgram], problems: Mapping[str, Problem]) -> list[ProgramOfTask]:
    """Each program as the id of its problem and its digest."""
    task_ids_and_programs = ((p.sample.task_id, p.code) for p in programs)
    return [(task_id, program_digest(code, problems[task_id].language)) for task_id, code in task_ids_and_programs]


def count_distinct(programs: Iterable[ProgramOfTask]) -> int:
    """How many different programs these are, counted per problem."""
    return len(set(programs))


def sample_metrics(samples: Sequence[SampleSummary], distinct: int, nats: float) -> dict[str, float]:
    """What a set of samples looks like, whatever it scored. Shares are of all samples; empty for none.

    `distinct` counts the different passing programs and `nats` is minus the sum of all log-probs. `duplicates_share`
    is the share of passing samples that are copies.
    """
    if not samples:
        return {}
    verdicts = [s.verdict for s in samples if s.verdict]
    passing = sum(v.passed for v in verdicts)
    tokens = sum(s.completion_tokens for s in samples)
    return {
        "compile_rate": sum(v.status not in _DOES_NOT_COMPILE for v in verdicts) / max(1, len(verdicts)),
        "timeout_share": sum(v.status == "timeout" for v in verdicts) / max(1, len(verdicts)),
        "truncated_share": sum(s.finish_reason == "length" for s in samples) / len(samples),
        "duplicates_share": 1 - distinct / passing if passing else 0.0,
        "distinct_solutions": distinct,
        "mean_tokens": tokens / len(samples),
        "nats_per_token": nats / max(1, tokens),
    }
