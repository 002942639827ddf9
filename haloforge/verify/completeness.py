"""What a program must be when no test judges it: compiling alone would reward a comment like a solution."""

from haloforge.answers import defines, substance
from haloforge.languages import language_of
from haloforge.records import Problem

NO_MAIN = "no complete program: it has no main function"


def incomplete(problem: Problem, code: str) -> str:
    """Why a program that compiles is none to reward, in one sentence; empty where it is complete.

    Complete is a program that does something beyond the problem's starter code, and that has the function which the
    problem asks for by name, or, where it is compiled, a `main` (in JavaScript a statement outside of functions).
    """
    language, starter = problem.language, problem.starter_code
    is_copied = " ".join(starter.split()) in " ".join(code.split())
    given = substance(starter, language).statements if is_copied else 0
    does = substance(code, language)
    if does.statements <= given:
        return "no complete program: only comments, declarations and constants"
    name, known = problem.entry_point, language_of(language)
    if known.runs_top_level and not name and not does.outside:
        return "no complete program: it only defines functions and calls none"
    is_program = known.syntax != "python" and defines(code, "main", language)
    if name and name.isidentifier() and not is_program and not defines(code, name, language):
        return f"no complete program: it does not define {name}"
    return ""


def is_only_a_function(problem: Problem, code: str) -> bool:
    """Whether a problem without tests asks for a function, and the code has that and no `main`."""
    if problem.tests.kind != "none" or not problem.entry_point:
        return False
    return not defines(code, "main", problem.language)
