"""A verifier does what its settings say; RAFT refuses one whose verdicts could be forged on every problem."""

import shlex
import sys
from pathlib import Path

import pytest

from haloforge.config import RaftConfig, VerifySettings
from haloforge.errors import VerifierError
from haloforge.records import Problem, Tests
from haloforge.stages.raft.inputs import check_verifiers, training_warnings
from haloforge.stages.shared.weak_tests import write_report
from haloforge.verify import open_verifier


@pytest.mark.parametrize(("code", "status"), [("right = 1\n", "passed"), ("wrong = 1\n", "wrong_answer")])
def test_a_command_of_the_users_own_is_given_the_code(code: str, status: str, tmp_path: Path) -> None:
    judge = tmp_path / "my judge.py"
    judge.write_text("import pathlib, sys\nsys.exit('right' not in pathlib.Path(sys.argv[1]).read_text())\n")
    command = shlex.join([sys.executable, str(judge), "{file}"])
    section = VerifySettings.model_validate({"type": "custom", "command": command})
    with open_verifier(section) as verifier:
        assert verifier.verify(Problem("a", "Write it."), code).status == status


PROGRAM = Problem("a", "Write it.", language="cpp", tests=Tests("program", code=("int main() {}",)))
UNTESTED = Problem("b", "Write it.")


def raft_with(**verifier: object) -> RaftConfig:
    return RaftConfig.model_validate({"sft_checkpoint": "model", "prompts": "p.jsonl", "verifier": verifier})


def test_raft_is_refused_where_every_verdict_could_be_forged() -> None:
    with pytest.raises(VerifierError, match="'custom' are such; set verifier.unforgeable: true"):
        check_verifiers(raft_with(type="custom", command="true"), [UNTESTED])
    check_verifiers(raft_with(type="custom", command="true", unforgeable=True), [UNTESTED])
    with pytest.raises(
        VerifierError,
        match="run in the solution's own process, as compiled tests of kind 'program'",
    ):
        check_verifiers(raft_with(), [PROGRAM])
    check_verifiers(raft_with(), [PROGRAM, UNTESTED])


def test_raft_trains_on_forgeable_verdicts_only_when_the_user_says_so_and_then_the_run_says_it() -> None:
    accepting = raft_with(accept_forgeable=True)
    check_verifiers(accepting, [PROGRAM])
    check_verifiers(raft_with(type="custom", command="true", accept_forgeable=True), [UNTESTED])
    assert any("could forge are trained on" in warning for warning in training_warnings(accepting, [PROGRAM]))
    assert training_warnings(raft_with(), [PROGRAM]) == []


def test_training_without_tests_is_cautioned() -> None:
    [warning] = training_warnings(raft_with(), [UNTESTED])
    assert "a reward for compiling teaches the form of a program" in warning


def test_raft_takes_python_tests_of_kind_program_which_run_apart_from_the_solution() -> None:
    tests = Tests("program", code=("assert f(1) == 2",))
    check_verifiers(raft_with(), [Problem("a", "Write it.", entry_point="f", tests=tests)])


def test_raft_is_cautioned_of_weak_tests_that_validation_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.jsonl").write_text("{}\n")
    write_report("p.jsonl", {"weak": ["a", "b"]})
    (caution,) = training_warnings(
        raft_with(), [Problem("a", "Write it.", tests=Tests("asserts", code=("assert f()",)))]
    )
    assert caution.startswith("2 problems of p.jsonl have weak tests (a, b)")
