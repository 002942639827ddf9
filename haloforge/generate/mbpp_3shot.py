"""MBPP as its authors ask it (Austin et al. 2021, arXiv:2108.07732): three solved tasks, then the task with its tests.

The wording, the examples with their line ends, and the blank line between them are those of the `mbpp` task of
EleutherAI's lm-evaluation-harness, so that scores compare. The examples are tasks 2, 3 and 4 of MBPP, which its authors
set aside for prompts (Google Research, CC BY 4.0).
"""

import re
from dataclasses import replace
from typing import NamedTuple

from haloforge.problems import EXAMPLE_INTRO
from haloforge.records import Problem

END = "[DONE]"
"""What ends an answer."""

_SHOWN = 3
_FENCE = "```"
_OPENING_FENCE = re.compile(r"```\w*\n?")


class _Example(NamedTuple):
    text: str
    asserts: tuple[str, ...]
    code: str


_EXAMPLES = {
    "Mbpp/2": _Example(
        "Write a function to find the similar elements from the given two tuple lists.",
        (
            "assert similar_elements((3, 4, 5, 6),(5, 7, 4, 10)) == (4, 5)",
            "assert similar_elements((1, 2, 3, 4),(5, 4, 3, 7)) == (3, 4)",
            "assert similar_elements((11, 12, 14, 13),(17, 15, 14, 13)) == (13, 14)",
        ),
        "def similar_elements(test_tup1, test_tup2):\r\n  res = tuple(set(test_tup1) & set(test_tup2))\r\n"
        "  return (res) ",
    ),
    "Mbpp/3": _Example(
        "Write a python function to identify non-prime numbers.",
        ("assert is_not_prime(2) == False", "assert is_not_prime(10) == True", "assert is_not_prime(35) == True"),
        "import math\r\ndef is_not_prime(n):\r\n    result = False\r\n    for i in range(2,int(math.sqrt(n)) + 1):\r\n"
        "        if n % i == 0:\r\n            result = True\r\n    return result",
    ),
    "Mbpp/4": _Example(
        "Write a function to find the largest integers from a given list of numbers using heap queue algorithm.",
        (
            "assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],3)==[85, 75, 65] ",
            "assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],2)==[85, 75] ",
            "assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],5)==[85, 75, 65, 58, 35]",
        ),
        "import heapq as hq\r\ndef heap_queue_largest(nums,n):\r\n  largest_nums = hq.nlargest(n, nums)\r\n"
        "  return largest_nums",
    ),
}


def prompt(problem: Problem) -> str:
    """What the model continues: the three examples and the task, which shows its first three asserts, hidden or not."""
    text = problem.statement.partition(f"\n{EXAMPLE_INTRO}\n")[0]
    solved = [f"{_question(e.text, e.asserts)}{e.code}\n{END}" for e in _EXAMPLES.values()]
    return "\n\n".join([*solved, _question(text, _asserts(problem))])


def extract(text: str, _problem: Problem) -> str | None:
    """The answer up to its end as it stands, or the first fenced block in it; nothing is repaired. None if empty."""
    answer = text.partition(END)[0].replace("\r\n", "\n")
    opening = _OPENING_FENCE.search(answer)
    end = answer.find(_FENCE, opening.end()) if opening else -1
    code = (answer[opening.end() : end] if opening and end >= 0 else answer).strip("\n").rstrip()
    return code + "\n" if code.strip() else None


def misfit(problem: Problem) -> str:
    """Why a problem cannot be asked in this way; empty where it can."""
    if problem.task_id in _EXAMPLES:
        return "it is one of the three examples that the prompt shows; give the test split of MBPP"
    if problem.tests.kind != "asserts" or len(_asserts(problem)) < _SHOWN or not isinstance(problem.prompt, str):
        return "the prompt shows three asserts, and it does not have them"
    return ""


def as_judged(problem: Problem) -> Problem:
    """With the three asserts that the prompt shows and no others: eleven tasks have a harder one that is not published
    as part of the score."""
    asserts = _asserts(problem)
    visible = problem.tests.code[:_SHOWN]
    return replace(problem, tests=replace(problem.tests, code=visible, hidden=asserts[len(visible) :]))


def _asserts(problem: Problem) -> tuple[str, ...]:
    return (*problem.tests.code, *problem.tests.hidden)[:_SHOWN]


def _question(text: str, asserts: tuple[str, ...]) -> str:
    shown = "\n".join(asserts)
    return (
        f"You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:\n\n"
        f"{shown}\n[BEGIN]\n"
    )
