"""Honest programs of every style get the verdict that plain Python gives them: one of each style of the benchmark."""

import sys

import pytest
from places import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import fidelity

TRIALS = fidelity.all_trials()
ONE_OF_EACH_STYLE = {trial.style: trial for trial in reversed(TRIALS) if trial.kind == "asserts"}
SUITES = [trial for trial in TRIALS if trial.style == "suites"]


@pytest.mark.parametrize("style", ONE_OF_EACH_STYLE)
def test_a_program_of_this_style_passes_unmarked(verifier, style):
    trial = ONE_OF_EACH_STYLE[style]
    verdict = verifier.verify(trial.problem(), trial.code)
    assert verdict.passed and not verdict.forgeable, verdict


@pytest.mark.parametrize("trial", SUITES, ids=lambda trial: trial.name)
def test_fixtures_parameters_and_patches_mean_what_they_mean_in_pytest_and_unittest(verifier, trial):
    verdict = verifier.verify(trial.problem(), trial.code)
    assert verdict.passed and not verdict.forgeable, verdict


def test_there_are_at_least_150_programs_in_every_kind_of_test():
    assert all(sum(trial.kind == kind for trial in TRIALS) >= 150 for kind in fidelity.KINDS)
