"""What a model looks like that learns to say ever less: measures of a cycle's answers, for `health` to watch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from haloforge.answers import substance
from haloforge.records import Problem
from haloforge.stages.shared.scores import ProgramOfTask
from haloforge.store import SampleSummary, StoredProgram

MIN_FAMILIES = 10
"""Problem families that must be solved before one program for many of them means anything."""


def kept_length_ratio(samples: Iterable[tuple[SampleSummary, bool]]) -> float | None:
    """Mean tokens of the kept samples over the mean of the passing ones of the same problems; None for nothing kept.

    Each sample comes with whether it is kept. 1 means that selection prefers neither short nor long answers. Truncated
    samples, which are never kept, do not count.
    """
    passing: dict[str, list[int]] = defaultdict(list)
    kept: list[SampleSummary] = []
    for sample, is_kept in samples:
        if sample.finish_reason == "stop" and sample.verdict and sample.verdict.passed:
            passing[sample.task_id].append(sample.completion_tokens)
        if is_kept:
            kept.append(sample)
    comparable = [sample for sample in kept if sample.task_id in passing]
    usual = sum(sum(passing[s.task_id]) / len(passing[s.task_id]) for s in comparable)
    return sum(s.completion_tokens for s in comparable) / usual if usual else None


def substance_metrics(programs: Iterable[StoredProgram], problems: Mapping[str, Problem]) -> dict[str, float]:
    """Statements and calls per 100 tokens, and the share of answers that do nothing at all; empty for no answers.

    An answer that holds no code, or Python that does not parse, does nothing. Per token, because answers may well get
    shorter and say the same.
    """
    done = answers = hollow = tokens = 0
    for program in programs:
        found = substance(program.code or "", problems[program.sample.task_id].language)
        answers += 1
        hollow += found.is_hollow
        done += found.statements + found.calls
        tokens += program.sample.completion_tokens
    return {"substance": 100 * done / max(1, tokens), "near_empty_share": hollow / answers} if answers else {}


def one_answer_share(passing: Iterable[ProgramOfTask], problems: Mapping[str, Problem]) -> float | None:
    """Share of the solved problem families that the commonest program passes on; None for less than MIN_FAMILIES.

    Variants of one problem are one family, so that an answer to all of them is none of this.
    """
    families: dict[bytes, set[str]] = defaultdict(set)
    for task_id, digest in passing:
        families[digest].add(problems[task_id].family)
    solved = set().union(*families.values())
    return max(map(len, families.values())) / len(solved) if len(solved) >= MIN_FAMILIES else None
