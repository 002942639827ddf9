"""Lines of a dry run that stages share: model, problems, detectable gain. They need no weights and no network."""

from collections.abc import Sequence

from haloforge.config import VerifySettings
from haloforge.models import resolve
from haloforge.records import Problem
from haloforge.stages.shared.scores import score_name, untested_share
from haloforge.statistics import planned_gain, planned_problems

_SMALL_GAIN = 0.05
"""A gain in pass@1 that many would like to show."""


def model_line(name: str) -> str:
    """The folder or Hub id that the name stands for. Raises ModelError."""
    model = resolve(name)
    return f"model     {model.path}" + (f", an adapter on {model.base_model}" if model.is_adapter else "")


def problems_text(problems: Sequence[Problem]) -> str:
    """How many problems, in how many families and which languages."""
    languages = ", ".join(sorted({p.language for p in problems}))
    return f"{len(problems)} problems in {len({p.family for p in problems})} families ({languages})"


def detects_line(problems: Sequence[Problem], samples: int, verifier: VerifySettings) -> str:
    """The smallest gain that a paired comparison on these problems can show, and how many would show a
    small one; variants of a problem count as one."""
    families = len({p.family for p in problems})
    low, high = (planned_gain(families, samples, change) for change in (0.5, 1.0))
    score = score_name(untested_share(problems, verifier))
    line = f"detects   a gain of about {low:.2f} to {high:.2f} in {score}, four times out of five"
    if high <= _SMALL_GAIN:
        return line
    return f"{line}; for {_SMALL_GAIN} use about {planned_problems(_SMALL_GAIN, samples, 1.0)} problems"
