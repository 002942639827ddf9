"""Problems that need files, where the sandbox can open none."""

import dataclasses
import re

from haloforge.records import Problem
from haloforge.verify.outcome import Outcome

_USES = re.compile(
    r"(?<![\w.])open\(|\btempfile\b|\bmkd?s?temp\b|\bshutil\b|\.(?:read|write)_(?:text|bytes)\(|\.touch\("
    r"|\bos\.(?:open|mkdir|makedirs|listdir|scandir|walk|remove|unlink|rename|replace)\b"
    r"|\bsqlite3\.connect\((?!['\"]:memory:)|\btmp_path\b|\b(?:csv|json|pickle)\.(?:dump|load)\("
)


def explained(outcome: Outcome, problem: Problem, code: str) -> Outcome:
    """The outcome at level `noopen`; a failure says so where the problem or the solution uses files."""
    tests = problem.tests
    if outcome.status in ("passed", "compile_error", "unscored"):
        return outcome
    if any(map(_USES.search, (problem.solution or "", tests.setup, *tests.code, *tests.hidden))):
        who = "this problem"
    elif _USES.search(code):
        who = "this solution"
    else:
        return outcome
    note = f"{who} uses files, and at isolation level noopen none can be opened"
    return dataclasses.replace(outcome, detail=f"{note}: {outcome.detail}" if outcome.detail else note)
