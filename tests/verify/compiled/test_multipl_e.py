"""MultiPL-E's published problems: solutions of our own pass, and the same ones with one line made wrong do not."""

import re
from pathlib import Path

import pytest
from tools import COMMANDS, needs

from haloforge.answers import whole_program
from haloforge.problems import load_problems
from haloforge.verify import VerifySettings, open_verifier

SOLUTIONS = Path(__file__).parents[1] / "multipl_e"
WRITTEN_AS = {"js": "javascript", "ts": "javascript", "java": "java", "rust": "rust", "go": "go"}
"""The file that holds the solutions for each of MultiPL-E's; TypeScript's are JavaScript's with their types."""
LANGUAGES = {"js": "javascript", "ts": "typescript", "java": "java", "rust": "rust", "go": "go"}


def solutions(name):
    """The bodies that continue the prompts, by task."""
    text = (SOLUTIONS / f"{WRITTEN_AS[name]}.txt").read_text()
    if name == "js":
        text = re.sub(r"^.*// js: (.*)$", r"\1", text, flags=re.MULTILINE)
    return dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", text, re.MULTILINE | re.DOTALL))


def twin(body):
    """The same with one line in place of another, which the comment behind that gives."""
    assert body.count("// not: ") == 1, body
    return re.sub(r"^.*// not: (.*)$", r"\1", body, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", LANGUAGES)
def test_our_solutions_pass_and_their_broken_twins_do_not(name, shared_data):
    needs(COMMANDS[LANGUAGES[name]])
    posed = {p.task_id: p for p in load_problems(shared_data / f"multipl-e/humaneval-{name}.jsonl")}
    bodies = solutions(name)
    assert len(bodies) >= 20 and bodies.keys() <= posed.keys()
    settings = VerifySettings(classpath=(str(shared_data / "multipl-e/javatuples-1.2.jar"),))
    with open_verifier(settings) as verifier:
        verifier.check(posed.values())
        pairs = [(posed[task], whole_program(posed[task], body)) for task, body in bodies.items()]
        twins = [(posed[task], whole_program(posed[task], twin(body))) for task, body in bodies.items()]
        right, wrong = (list(verifier.verify_many(each)) for each in (pairs, twins))
    failed = {task: v.detail for task, v in zip(bodies, right, strict=True) if not v.passed}
    passed = {task: v.status for task, v in zip(bodies, wrong, strict=True) if v.status != "wrong_answer"}
    assert (failed, passed) == ({}, {})
    assert all(verdict.forgeable for verdict in right)
