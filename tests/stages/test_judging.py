"""What a config says about verification is what the verifier does."""

import shlex
import sys
from pathlib import Path

import pytest

from haloforge.config import VerifierSection
from haloforge.records import Problem
from haloforge.stages.judging import verify_settings
from haloforge.verify import open_verifier


@pytest.mark.parametrize(("code", "status"), [("right = 1\n", "passed"), ("wrong = 1\n", "wrong_answer")])
def test_a_command_of_the_users_own_is_given_the_code(code: str, status: str, tmp_path: Path) -> None:
    judge = tmp_path / "my judge.py"
    judge.write_text("import pathlib, sys\nsys.exit('right' not in pathlib.Path(sys.argv[1]).read_text())\n")
    command = shlex.join([sys.executable, str(judge), "{file}"])
    section = VerifierSection.model_validate({"type": "custom", "command": command})
    with open_verifier(verify_settings(section)) as verifier:
        assert verifier.verify(Problem("a", "Write it."), code).status == status
