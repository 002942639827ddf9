"""Which problems can only be judged by verdicts that a solution could forge."""

from collections.abc import Sequence

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import compiler_for
from haloforge.records import Problem


def refuse_forgeable(section: VerifySettings, problems: Sequence[Problem], who: str) -> None:
    """Raises VerifierError when `who`, who leaves out such verdicts, would have no other on these problems."""
    if section.accept_forgeable:
        return
    if section.type == "custom" and not section.unforgeable:
        raise VerifierError(
            f"{who} leaves out verdicts that a solution could forge, and those of verifier 'custom' are such; set "
            "verifier.unforgeable: true if your command judges a solution without running it, or apart from it, or "
            "verifier.accept_forgeable: true to train on them all the same"
        )
    if section.type != "custom" and problems and all(_runs_beside_its_tests(section, problem) for problem in problems):
        raise VerifierError(
            f"{who} leaves out verdicts that a solution could forge, and the tests of all of these problems run in the "
            "solution's own process, as compiled tests of kind 'program' and verifier.mode: joined do; give problems "
            "with other tests, set verifier.mode: split, or set verifier.accept_forgeable: true to train on them all "
            "the same"
        )


def _runs_beside_its_tests(section: VerifySettings, problem: Problem) -> bool:
    if compiler_for(section.type, problem.language) is not None:
        return problem.tests.kind == "program"
    return section.mode == "joined" and problem.tests.kind in ("asserts", "check", "pytest", "program")
