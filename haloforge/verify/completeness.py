"""What a program must be when no test judges it: compiling alone would reward a comment like a solution."""

from haloforge.answers import defines, substance
from haloforge.records import Problem

NO_MAIN = "no complete program: it has no main function"


def incomplete(problem: Problem, code: str) -> str:
    """Why a program that compiles is none to reward, in one sentence; empty where it is complete.

    Complete is a program that does something, and that has the function which the problem asks for by name.
    """
    if substance(code, problem.language).is_hollow:
        return "no complete program: only comments, declarations and constants"
    name = problem.entry_point
    is_program = problem.language != "python" and defines(code, "main", problem.language)
    if name and name.isidentifier() and not is_program and not defines(code, name, problem.language):
        return f"no complete program: it does not define {name}"
    return ""


def is_only_a_function(problem: Problem, code: str) -> bool:
    """Whether a problem without tests asks for a function, and the code has that and no `main`."""
    if problem.tests.kind != "none" or not problem.entry_point:
        return False
    return not defines(code, "main", problem.language)
