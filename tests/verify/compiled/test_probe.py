"""A compiler is tried in its sandbox before a run depends on it, and the canaries do bite where nothing holds them."""

import dataclasses

import pytest
from tools import needs

from haloforge.errors import VerifierError
from haloforge.languages import COMPILERS
from haloforge.records import Problem
from haloforge.verify import VerifySettings
from haloforge.verify.compiled.probe import compiler_flaw, escape, trying
from haloforge.verify.sandbox.levels import UNSAFE
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.verifier import verifier_at


def installed(name):
    needs(COMPILERS[name].command)
    return COMPILERS[name]


@pytest.mark.parametrize("name", sorted(COMPILERS))
def test_every_installed_compiler_works_and_is_contained_at_the_level_of_this_machine(name):
    compiler = installed(name)
    if isolation().name == "noopen":
        pytest.skip("compilers need to open files, which this machine's sandbox forbids")
    assert compiler_flaw(compiler, isolation().name) is None


@pytest.mark.parametrize("name", ["gcc", "rust", "go", "node", "java"])
def test_the_canaries_of_programs_bite_without_a_sandbox(name):
    compiler = installed(name)
    with trying(compiler, UNSAFE) as judge:
        flaw = escape(compiler, judge)
    assert flaw is not None and "could read /etc/passwd" in flaw, flaw


def test_the_canary_of_the_compiler_bites_without_a_sandbox():
    compiler = dataclasses.replace(installed("gcc"), can_run=False)
    with trying(compiler, UNSAFE) as judge:
        flaw = escape(compiler, judge)
    assert flaw == "a canary could read a file of yours while it was compiled"


def test_a_compiler_that_does_not_start_in_the_sandbox_is_one_sentence(monkeypatch):
    broken = dataclasses.replace(installed("gcc"), build=("--no-such-argument", "solution.cpp"))
    monkeypatch.setitem(COMPILERS, "gcc", broken)
    flaw = compiler_flaw(broken, UNSAFE)
    assert flaw is not None and flaw.startswith("it does not compile a plain program in the sandbox (g++: error:"), flaw


def test_a_run_with_compilers_is_refused_where_they_cannot_be_sandboxed():
    installed("gcc")
    verifier = verifier_at("noopen", VerifySettings())
    with pytest.raises(VerifierError, match="gcc cannot be used at isolation level noopen: .* install bubblewrap"):
        verifier.check([Problem("n", "", language="cpp")])
