import sys

import pytest

from haloforge.errors import VerifierError
from haloforge.records import Case, Problem, Tests
from haloforge.verify import VerifySettings, open_verifier

PROBLEM = Problem("c", "", language="cobol")


def verdict_of(script, code="x", **settings):
    command = (sys.executable, "-c", script, "{file}")
    with open_verifier(VerifySettings(name="custom", command=command, workers=1, **settings)) as verifier:
        verifier.check([PROBLEM])
        return verifier.verify(PROBLEM, code)


def test_the_exit_code_is_the_verdict():
    script = "import sys; sys.exit(open(sys.argv[1]).read() != 'good')"
    assert verdict_of(script, "good").passed
    assert verdict_of(script, "bad").status == "wrong_answer"


def test_a_json_line_says_more():
    script = 'print(\'{"status": "runtime_error", "detail": "line 3", "tests_passed": 1, "tests_total": 2}\')'
    verdict = verdict_of(script)
    assert (verdict.status, verdict.detail, verdict.tests_passed, verdict.tests_total) == (
        "runtime_error",
        "line 3",
        1,
        2,
    )


def test_the_problem_comes_on_standard_input():
    assert verdict_of("import json, sys; sys.exit(json.loads(sys.stdin.readline())['language'] != 'cobol')").passed


def test_a_command_that_is_not_there_scores_nothing():
    with open_verifier(VerifySettings(name="custom", command=("/no/such/command",), workers=1)) as verifier:
        assert verifier.verify(PROBLEM, "x").status == "unscored"


def test_custom_without_a_command_is_refused():
    with (
        open_verifier(VerifySettings(name="custom")) as verifier,
        pytest.raises(VerifierError, match="needs a command"),
    ):
        verifier.check([PROBLEM])


CHECKER = """
import sys
question, expected, written = (open(path).read().split() for path in sys.argv[1:])
print(int(len(written) == 2 and int(written[0]) + int(written[1]) == int(question[0])))
"""


@pytest.mark.parametrize(("code", "passes"), [("n = int(input()); print(1, n - 1)", True), ("print(0, 0)", False)])
def test_a_problem_can_bring_its_own_checker(verifier, code, passes):
    tests = Tests("stdio", cases=(Case("7\n", "3 4\n"), Case("9\n", "4 5\n")), compare="checker", checker=CHECKER)
    assert verifier.verify(Problem("k", "", tests=tests), code).passed is passes
