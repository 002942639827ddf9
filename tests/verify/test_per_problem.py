"""What is worked out per problem is worked out once, and old problems are let go."""

from haloforge.records import Problem
from haloforge.verify.cache import PerProblem


def test_the_same_problem_is_worked_out_once_and_an_equal_one_anew() -> None:
    asked: list[str] = []
    known = PerProblem(lambda problem: asked.append(problem.task_id) or len(asked))
    one, equal = Problem("a", ""), Problem("a", "")
    assert [known.of(one), known.of(one), known.of(equal), known.of(one)] == [1, 1, 2, 1]


def test_only_the_newest_are_kept() -> None:
    asked: list[str] = []
    known = PerProblem(lambda problem: asked.append(problem.task_id), max_problems=2)
    problems = [Problem(name, "") for name in "abc"]
    for problem in (*problems, problems[1], problems[0]):
        known.of(problem)
    assert asked == ["a", "b", "c", "a"]
