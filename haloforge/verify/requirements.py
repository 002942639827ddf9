"""Whether this machine can judge a problem with given settings: asked before anything runs."""

from haloforge.config import VerifySettings
from haloforge.errors import DataError, VerifierError
from haloforge.languages import Compiler, language_of
from haloforge.records import Problem
from haloforge.verify.comparison import comparison
from haloforge.verify.compiled import compiler_flaw, missing_imports
from haloforge.verify.custom import check_command
from haloforge.verify.toolchains import compiler_of, compiler_path, library_digest, runner_path


def check_problem(problem: Problem, settings: VerifySettings, level: str) -> None:
    """Raises VerifierError when problems of this language with tests of this kind cannot be judged here."""
    if settings.type == "custom":
        check_command(settings, level, problem)
        return
    compiler = compiler_of(settings, problem.language)
    kind = problem.tests.kind
    if compiler is not None:
        _check_compiler(compiler, kind, level)
    if kind == "stdio" and problem.tests.compare != "checker":
        try:
            comparison(problem.tests.compare)
        except DataError as error:
            raise VerifierError(f"{problem.task_id}: {error}") from error


def _check_compiler(compiler: Compiler, kind: str, level: str) -> None:
    if kind in ("asserts", "check", "pytest"):
        raise VerifierError(f"tests of kind {kind!r} are Python; {compiler.name} takes stdio, program or none")
    if compiler_path(compiler) is None:
        raise VerifierError(f"{compiler.command} is not installed; apt-get install {compiler.package} (Debian, Ubuntu)")
    if compiler.runner and runner_path(compiler) is None:
        raise VerifierError(f"{compiler.runner} is not installed, which runs what {compiler.command} leaves")
    for library in compiler.libraries:
        library_digest(library)
    if not compiler.can_run and kind != "none":
        raise VerifierError(f"{compiler.name} only compiles; its problems cannot have tests of kind {kind!r}")
    if flaw := compiler_flaw(compiler, level):
        raise VerifierError(f"{compiler.name} cannot be used at isolation level {level}: {flaw}")


def check_imports(problem: Problem, settings: VerifySettings) -> None:
    """Raises VerifierError when the tests import what is not here: then no solution would compile."""
    if problem.tests.kind != "program" or settings.type == "custom":
        return
    compiler = compiler_of(settings, problem.language)
    missing = missing_imports(compiler, problem) if compiler else set()
    if missing:
        language = language_of(problem.language).display_name
        where = "; name the jar that has it in verifier.classpath" if compiler and compiler.takes_libraries else ""
        raise VerifierError(
            f"{problem.task_id}: its tests need {', '.join(sorted(missing))}, which is not there for {language}{where}"
        )
