"""What a solution answers or writes cannot hold its worker: it is ended, and what ended it has a name."""

import pytest

from haloforge.records import Case, Problem, Tests
from haloforge.verify import Verifier, VerifySettings, open_verifier
from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.python.programs import run_python
from haloforge.verify.sandbox.probe import chosen_level
from haloforge.verify.sandbox.zygote import Zygote

HONEST = Problem("h", "", tests=Tests("asserts", code=("assert f(1) == 2",), time_limit_s=1.0), entry_point="f")


def asserting(code: str) -> Problem:
    return Problem("t", "", tests=Tests("asserts", code=(code,), time_limit_s=1.0), entry_point="f")


@pytest.fixture(scope="module")
def one_worker():
    with open_verifier(VerifySettings(workers=1)) as verifier:
        yield verifier


def judged_and_alive(verifier: Verifier, problem: Problem, code: str) -> str:
    """The status, after an honest sample has passed on the same worker."""
    status = verifier.verify(problem, code).status
    assert verifier.verify(HONEST, "def f(x): return 2").passed
    return status


@pytest.mark.parametrize(
    "value",
    [
        "{n * (2**61 - 1) for n in range(100)}",
        "dict.fromkeys(n * (2**61 - 1) for n in range(100))",
        "__import__('decimal').Decimal('1e99999999')",
        "__import__('fractions').Fraction(3 ** 100_000, 2 ** 100_000)",
        "2 ** 10_000_000",
        "'a' * (17 << 20)",
    ],
)
def test_a_value_that_would_be_dear_to_look_at_is_too_much_output(one_worker, value):
    assert judged_and_alive(one_worker, asserting("assert f(1) == 5"), f"def f(x): return {value}") == "output_limit"


@pytest.mark.parametrize(
    "value",
    [
        "set(range(10_000))",
        "{n << 40 for n in range(10_000)}",
        "{(x, y): -x for x in range(-50, 50) for y in range(-50, 50)}",
        "{complex(x, y) for x in range(100) for y in range(100)}",
        "{frozenset({n, -n}) for n in range(5_000)}",
        "{'-1': -1, '-2': -2}",
        "2 ** 100_000",
        "__import__('decimal').Decimal('1e9999')",
        "__import__('fractions').Fraction(3 ** 1000, 2 ** 1000)",
    ],
)
def test_large_honest_values_cross(one_worker, value):
    same = f"assert f(1) == {value}"
    assert judged_and_alive(one_worker, asserting(same), f"def f(x): return {value}") == "passed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("test", "value"),
    [("assert sum(f(1)) == 5", "range(10**15)"), ("assert set(f(1))", "[n * (2**61 - 1) for n in range(200_000)]")],
)
def test_tests_that_do_not_end_on_what_a_solution_answers_are_its_timeout(one_worker, test, value):
    assert judged_and_alive(one_worker, asserting(test), f"def f(x): return {value}") == "timeout"


def test_sleeping_in_every_case_is_a_timeout_of_the_sample():
    box = Zygote("solution", chosen_level(allow_unsafe=False))
    try:
        code, cases = "import time; time.sleep(0.9); print('wrong')", [Case("", "right")] * 9
        outcome = run_python(box, code, cases, lambda *_: False, Limits(1, 1.0, 256), stop=False)
    finally:
        box.close()
    assert outcome.status == "timeout"
    assert [test.status for test in outcome.tests].count("not run") >= 5


def test_a_checker_that_does_not_end_on_what_a_program_wrote_is_a_timeout(one_worker):
    checker = "while len(open('output.txt').read()) > 3: pass\nprint(1)"
    tests = Tests("stdio", cases=(Case("", "ok"),) * 9, compare="checker", checker=checker, time_limit_s=1.0)
    problem = Problem("c", "", tests=tests)
    assert judged_and_alive(one_worker, problem, "print('long')") == "timeout"
    assert one_worker.verify(problem, "print('ok')").passed
