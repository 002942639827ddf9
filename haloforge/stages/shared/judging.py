"""From the verifier section of a config to the verifier's own settings."""

from collections.abc import Sequence

from haloforge.config import RaftConfig, VerifierSection
from haloforge.errors import VerifierError
from haloforge.languages import language_for
from haloforge.records import Problem
from haloforge.verify import VerifySettings, open_verifier

_LANGUAGE_OF = {"gcc": "cpp", "clang": "cpp", "mingw": "cpp", "rust": "rust", "go": "go"}


def verify_settings(section: VerifierSection) -> VerifySettings:
    """The same choices in the verifier's words."""
    return VerifySettings(
        name=section.type,
        reward=section.reward,
        partial=section.partial,
        run=section.run_after_compile,
        time_limit_s=section.time_limit_s,
        memory_mb=section.memory_mb,
        workers=section.workers,
        allow_unsafe=section.allow_unsafe,
        command=section.command,
        readable=section.readable,
        unforgeable=section.unforgeable,
    )


def default_language(section: VerifierSection) -> str:
    """The language of problems that name none: what the chosen compiler compiles, else Python."""
    return _LANGUAGE_OF.get(section.type, "python")


def check_cycles(config: RaftConfig, problems: Sequence[Problem]) -> None:
    """Raises VerifierError, before anything runs, when the verifier of a cycle cannot judge the training problems.

    Or when it could be forged on all of them, so that nothing would ever be trained on.
    """
    own = dict.fromkeys(config.of_cycle(number).verifier for number in range(1, len(config.cycles) + 1))
    for section in own:
        with open_verifier(verify_settings(section)) as verifier:
            verifier.check(problems)
    for section in dict.fromkeys((config.verifier, *own)):
        _refuse_forgeable(section, problems)


def _refuse_forgeable(section: VerifierSection, problems: Sequence[Problem]) -> None:
    if section.type == "custom" and not section.unforgeable:
        raise VerifierError(
            "RAFT leaves out verdicts that a solution could forge, and those of verifier 'custom' are such; set "
            "verifier.unforgeable: true if your command judges a solution without running it, or apart from it"
        )
    if section.type != "custom" and problems and all(_runs_beside_its_tests(section, problem) for problem in problems):
        raise VerifierError(
            "RAFT leaves out verdicts that a solution could forge, and all of these problems have tests of kind "
            "'program', which run in the solution's own process; give problems with tests of another kind"
        )


def _runs_beside_its_tests(section: VerifierSection, problem: Problem) -> bool:
    return problem.tests.kind == "program" and language_for(section.type, problem.language) is not None
