"""Compare benchmark results: the same problems, paired, with a verdict; never two bare numbers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from haloforge.errors import DataError
from haloforge.files import read_text
from haloforge.stages.benchmark.differing import confounders_text
from haloforge.stages.benchmark.soundness import damage
from haloforge.stages.shared.scores import Tally, paired, score_name, solved
from haloforge.statistics import Comparison as Paired
from haloforge.statistics import holm

Result = Mapping[str, Any]

LEAST_COVERAGE = 0.95
"""Below this share of the problems scored in both results, their difference says little about the rest."""

_NEEDED = ("protocol", "dataset", "model", "problems", "pass_at_k")


@dataclass(frozen=True, slots=True)
class Pair:
    """One result against the first: pass@1 on the problems of both, and the problems solved by only one of them."""

    name: str
    paired: Paired
    gained: list[str]
    lost: list[str]
    doubts: list[str]
    score: str = "pass@1"
    """What the scores are called: a compile rate where no problem has tests."""
    granted: Paired | None = None
    """The same comparison with the requested name granted, where both results have that score."""

    @property
    def claim(self) -> str:
        """better, worse or no detectable change; or doubtful, with the reasons, which take the place of a claim."""
        return f"doubtful, because {'; '.join(self.doubts)}" if self.doubts else self.paired.verdict

    @property
    def verdict(self) -> str:
        """The claim in one word, or a few: where there are doubts, doubtful."""
        return "doubtful" if self.doubts else self.paired.verdict

    @property
    def sentence(self) -> str:
        """The difference and the claim."""
        return f"{self.paired.numbers()}: {self.claim}" if self.doubts else self.paired.sentence()

    @property
    def sentence_granted(self) -> str:
        """The same with the requested name granted, where both results have that score; empty where not."""
        if self.granted is None:
            return ""
        return self.granted.numbers() if self.doubts else self.granted.sentence()

    def text(self, base: str) -> str:
        """Lines for people."""
        paired = self.paired
        is_even = paired.verdict == "no detectable change"  # which a doubtful comparison may say: it claims nothing
        beyond = paired.reach() if not self.doubts else f"; {paired.verdict} either way" if is_even else ""
        lines = [
            f"{self.name} against {base} on {paired.problems} problems: {self.score} {paired.numbers()}: "
            f"{self.claim}{beyond} ({paired.test})",
            f"  gained {len(self.gained)}: {', '.join(self.gained) or 'none'}",
            f"  lost {len(self.lost)}: {', '.join(self.lost) or 'none'}",
        ]
        if self.granted:
            lines.append(f"  with the requested name granted: {self.sentence_granted}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results compared with the first of them; p-values are corrected for their number (Holm)."""

    base: str
    pairs: list[Pair]

    def text(self) -> str:
        """Lines for people."""
        return "\n".join(pair.text(self.base) for pair in self.pairs)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        said = ("verdict", "sentence", "sentence_granted", "claim")
        rows = [asdict(p) | {name: getattr(p, name) for name in said} for p in self.pairs]
        return {"base": self.base, "pairs": rows}


def compare(paths: Sequence[Path]) -> Comparison:
    """Compare result files with the first. Raises DataError where they do not measure the same thing."""
    return compare_results([str(path) for path in paths], [read_result(path) for path in paths])


def compare_results(labels: Sequence[str], results: Sequence[Result]) -> Comparison:
    """The same of results that were read already; `labels` name them in what is said about them."""
    for label, result in zip(labels[1:], results[1:], strict=True):
        _check_comparable(labels[0], results[0], label, result)
    names = _names(labels, results)
    others = zip(names[1:], labels[1:], results[1:], strict=True)
    pairs = [_pair(name, labels[0], results[0], label, result) for name, label, result in others]
    corrected = holm([pair.paired.p_value for pair in pairs])
    pairs = [replace(pair, paired=replace(pair.paired, p_value=p)) for pair, p in zip(pairs, corrected, strict=True)]
    return Comparison(names[0], pairs)


def read_result(path: Path) -> Result:
    """A benchmark result file. Raises DataError for anything else."""
    try:
        result = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path} line {error.lineno}: not valid JSON ({error.msg})") from error
    missing = [key for key in _NEEDED if key not in result] if isinstance(result, dict) else list(_NEEDED)
    if missing:
        raise DataError(
            f"{path} is no benchmark result: {', '.join(missing)} missing; `halo-forge benchmark run` writes one"
        )
    assert isinstance(result, dict)
    if where := damage(result):
        raise DataError(f"{path} is damaged: {where} is not as `benchmark run` writes it; run that benchmark again")
    return result


def tallies_of(result: Result) -> list[Tally]:
    """Passes per problem."""
    return [Tally(row["task_id"], row["family"], row["n"], row["c"]) for row in result["problems"]]


def granted_tallies_of(result: Result) -> list[Tally] | None:
    """Passes per problem with the requested name granted; None where that was not measured."""
    if not result.get("aliased"):
        return None
    passed = {row["task_id"]: row["c"] for row in result["aliased"]["problems"]}
    return [replace(tally, passed=passed.get(tally.task_id, tally.passed)) for tally in tallies_of(result)]


def rows_of(tallies: Iterable[Tally]) -> list[dict[str, Any]]:
    """Passes per problem as a result holds them; `tallies_of` reads them."""
    return [{"task_id": t.task_id, "family": t.family, "n": t.scored, "c": t.passed} for t in tallies]


def _check_comparable(first_path: str, first: Result, path: str, result: Result) -> None:
    if not has_same_problems(first, result):
        raise DataError(
            f"{first_path} and {path} cannot be compared: their problem files differ ({first['dataset']['file']}, "
            f"{result['dataset']['file']}); benchmark both models on the same file"
        )


def has_same_problems(first: Result, other: Result) -> bool:
    """Whether two results are of the same file, the same text (one of them compressed, say), or the same problems in
    another format.

    A plain file and its text have the same digest, so results of older versions, without `content_sha256`, count too.
    """
    digests = ("sha256", "content_sha256", "problems_sha256")
    mine, theirs = first["dataset"], other["dataset"]
    return bool({mine[name] for name in digests if name in mine} & {theirs.get(name) for name in digests})


def _pair(name: str, first_path: str, first: Result, path: str, result: Result) -> Pair:
    before, after = tallies_of(first), tallies_of(result)
    comparison = paired(before, after)
    if comparison is None:
        raise DataError(f"{first_path} and {path} cannot be compared: no problem was scored in both")
    shared = {t.task_id for t in before if t.scored} & {t.task_id for t in after if t.scored}
    old, new = (set(solved(tallies)) & shared for tallies in (before, after))
    order = [t.task_id for t in before]
    doubts = [
        f"{where}: {doubt}" for where, r in ((first_path, first), (path, result)) for doubt in r.get("doubts", ())
    ]
    doubts += _doubts_about_both(first, result, comparison.problems)
    gained, lost = ([t for t in order if t in tasks] for tasks in (new - old, old - new))
    granted = [granted_tallies_of(r) for r in (first, result)]
    with_name = paired(granted[0], granted[1]) if granted[0] and granted[1] else None
    return Pair(name, comparison, gained, lost, doubts, score_name(untested_share_of(result)), with_name)


def _doubts_about_both(first: Result, result: Result, compared: int) -> list[str]:
    """What makes the difference of two results doubtful though each may be sound."""
    doubts = []
    if settings := confounders_text([first, result]):
        doubts.append(f"they were not asked and judged alike ({settings})")
    most = max(len(first["problems"]), len(result["problems"]))
    if compared < LEAST_COVERAGE * most:
        doubts.append(f"only {compared} of {most} problems were scored in both")
    return doubts


def untested_share_of(result: Result) -> float:
    """Share of its problems that have no tests; 0 in a file from before that was written."""
    return float(result.get("untested_share", 0.0))


def _names(paths: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Model names where they tell the results apart, else the files."""
    models = [str(result["model"]["name"]) for result in results]
    return models if len(set(models)) == len(models) else list(paths)
