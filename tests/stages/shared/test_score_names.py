from haloforge.config import VerifySettings
from haloforge.records import Problem, Tests
from haloforge.stages.shared.scores import score_name, untested_share, untested_warning

TESTED = Problem("t", "Add.", tests=Tests("asserts", code=("assert add(1, 2) == 3",)))
UNTESTED = Problem("u", "Add.")


def test_without_tests_a_score_is_a_compile_rate_and_never_pass_at_k():
    untested = untested_share([UNTESTED, UNTESTED], VerifySettings())
    assert [score_name(untested), score_name(untested, 5)] == ["compile rate", "compile rate of the best of 5"]


def test_a_mixture_says_for_how_many_problems_the_score_is_a_compile_rate():
    untested = untested_share([TESTED, UNTESTED, TESTED, TESTED], VerifySettings())
    assert score_name(untested) == "pass@1 (for 25 % of the problems only a compile rate)"


def test_with_tests_or_a_command_of_the_users_a_score_is_pass_at_k():
    custom = VerifySettings(type="custom", command=("true",))
    assert untested_share([TESTED], VerifySettings()) == untested_share([UNTESTED], custom) == 0
    assert score_name(0.0, 10) == "pass@10"


def test_training_without_tests_is_cautioned():
    assert untested_warning([TESTED], VerifySettings()) == ""
    assert untested_warning([UNTESTED], VerifySettings()).startswith("the problems to train on have no tests: ")
    assert untested_warning([TESTED, UNTESTED], VerifySettings()).startswith("50 % of the problems to train on have no")
