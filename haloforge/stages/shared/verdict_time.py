"""How long a verdict takes: the plan's own problems, with their reference solutions, through the real verifier."""

import statistics
import time
from collections.abc import Sequence

from haloforge.config import VerifySettings
from haloforge.errors import ForgeError
from haloforge.estimates import cache_file, keep, read_kept, spread
from haloforge.records import Problem
from haloforge.verify import open_verifier

_TRIED = 5
"""Problems whose solutions are tried, evenly spread; one more warms the verifier up."""


def verdict_seconds(problems: Sequence[Problem], settings: VerifySettings, *, measures: bool) -> float | None:
    """The median, on one core. None where no problem has a solution to try, or nothing can be judged here.

    Measured once and then read from the user's cache folder; None where it is not there, unless this `measures`.
    """
    solved = [problem for problem in problems if problem.solution]
    tried = spread(solved, _TRIED)
    if not tried:
        return None
    file = cache_file("verdicts", settings.model_dump(mode="json"), [problem.to_json() for problem in tried])
    if file.is_file():
        return float(read_kept(file))
    if not measures:
        return None
    try:
        seconds = _measured(tried, settings)
    except (ForgeError, OSError):
        return None
    keep(file, seconds)
    return seconds


def _measured(problems: Sequence[Problem], settings: VerifySettings) -> float:
    seconds = []
    here = settings.model_copy(update={"cluster": None})  # an estimate starts nothing on other machines
    with open_verifier(here) as verifier:
        for problem in (problems[0], *problems):
            started = time.perf_counter()
            verifier.verify(problem, problem.solution)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])
