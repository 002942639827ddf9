"""`verifier.python`: solutions and tests run in a virtual environment of the user's, and see nothing else of theirs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from haloforge.errors import VerifierError
from haloforge.records import Problem, Tests
from haloforge.verify import Verifier, VerifySettings, isolation, open_verifier, verifier_at
from haloforge.verify.sandbox.interpreter import OWN, interpreter_of

DOUBLE = Problem(
    "double", "Write f.", entry_point="f", tests=Tests("asserts", setup="import gadget", code=("assert f(2) == 4",))
)
BY_GADGET = "import gadget\ndef f(n):\n    return gadget.twice(n)\n"


def copied(environment: Path, folder: Path) -> Path:
    """The environment in another folder; it works there too."""
    return shutil.copytree(environment, folder, symlinks=True)


def module(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages")) / "gadget.py"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with one module of our own, and a file beside it."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    module(folder).write_text("def twice(n):\n    return 2 * n\n")
    (folder / "data.txt").write_text("beside the packages")
    return folder


def settings(python: Path | str) -> VerifySettings:
    return VerifySettings(workers=1, python=str(python))


@pytest.mark.parametrize("named", ["", "bin/python"])
def test_solution_and_tests_import_from_the_environment(environment: Path, named: str) -> None:
    with open_verifier(settings(environment / named)) as verifier:
        verifier.check([DOUBLE])
        assert verifier.verify(DOUBLE, BY_GADGET).status == "passed"
        beside = 'def f(n):\n    import sys\n    return 4 * ("packages" in open(sys.prefix + "/data.txt").read())\n'
        assert verifier.verify(DOUBLE, beside).status == "passed", "data beside packages is found by sys.prefix"


def test_it_works_without_namespaces_too(environment: Path) -> None:
    if isolation().name not in ("ns", "landlock"):
        pytest.skip("this machine cannot hold level landlock")
    with verifier_at("landlock", settings(environment), interpreter_of(str(environment))) as verifier:
        verifier.check([DOUBLE])
        assert verifier.verify(DOUBLE, BY_GADGET).status == "passed"


def test_our_own_python_does_not_import_from_it(verifier: Verifier) -> None:
    assert verifier.verify(DOUBLE, BY_GADGET).detail.startswith("ModuleNotFoundError: No module named 'gadget'")


def test_a_home_that_is_an_environment_is_not_shown_as_such(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = copied(environment, tmp_path / "home")
    monkeypatch.setenv("HOME", str(home))
    found = interpreter_of(str(home))
    assert found.readable == found.packages == (str(module(home).parent),)
    stolen = f"def f(n):\n    return 4 * len(open({str(home / 'data.txt')!r}).read())\n"
    with open_verifier(settings(home)) as verifier:
        assert verifier.verify(DOUBLE, BY_GADGET).status == "passed"
        assert verifier.verify(DOUBLE, stolen).status == "runtime_error"


def test_packages_that_hold_a_home_are_refused(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(module(environment).parent / "me"))
    with pytest.raises(VerifierError, match="which holds a home folder"):
        interpreter_of(str(environment))


def test_a_change_of_the_environment_is_another_verdict(environment: Path, tmp_path: Path) -> None:
    changed, cache = copied(environment, tmp_path / "venv"), tmp_path / "verdicts.db"

    def status() -> str:
        with open_verifier(settings(changed), cache) as verifier:
            return verifier.verify(DOUBLE, BY_GADGET).status

    assert status() == "passed"
    module(changed).write_text("def twice(n):\n    return n\n")
    assert status() == "wrong_answer"


def says(tmp_path: Path, **facts: object) -> Path:
    """A program that answers as an interpreter would, of which these facts are true."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\necho '{json.dumps(facts)}'\n")
    path.chmod(0o755)
    return path


def test_what_cannot_run_solutions_is_refused_in_one_sentence_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match=r"verifier.python: .*/nowhere is no program that can be started"):
        open_verifier(settings(tmp_path / "nowhere"))
    with pytest.raises(VerifierError, match=r"/bin/true cannot be used as a Python for solutions"):
        open_verifier(settings("/bin/true"))
    old = says(tmp_path, implementation="cpython", version_info=[3, 8])
    with pytest.raises(VerifierError, match=r"is cpython 3\.8; solutions need CPython 3\.11 or newer"):
        open_verifier(settings(old))
    other = says(tmp_path, implementation="pypy", version_info=[3, 11])
    with pytest.raises(VerifierError, match=r"is pypy 3\.11"):
        open_verifier(settings(other))


def test_where_no_file_can_be_opened_its_packages_are_refused(environment: Path) -> None:
    with (
        verifier_at("noopen", settings(environment), interpreter_of(str(environment))) as verifier,
        pytest.raises(VerifierError, match="at isolation level noopen, where no file can be opened"),
    ):
        verifier.check([DOUBLE])


def test_without_the_setting_it_is_our_own() -> None:
    assert interpreter_of(None) is OWN and OWN.packages == ()
