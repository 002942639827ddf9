"""What a cycle trains on follows from the rewards that its selection saw, and from no others."""

from collections import Counter

import pytest
from recorded_cycles import SPLIT, config

from haloforge.config import RaftConfig
from haloforge.records import Problem, Sample, Tests, Verdict
from haloforge.stages.raft.choose import choose
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.stages.raft.steps import open_setup
from haloforge.store import Report, Store
from haloforge.train import TrainSample

PROBLEM = Problem("a", "Write f.", tests=Tests("asserts", code=("assert f(1) == 2",)))
PASSING = 10
SAMPLES = 40


def trained_on(store: Store, control: str) -> tuple[list[TrainSample], Report]:
    """The rows of a cycle of one problem, of whose samples the first PASSING pass; a row's token is its index."""
    report = Report(store, store.create_run("raft", {}).id)
    samples = [Sample("a", i, "", f"print({i})", "stop", prompt_ids=(1,), token_ids=(i,)) for i in range(SAMPLES)]
    store.save_samples(report.run_id, 1, "train", samples)
    verdicts = (Verdict("passed", 1.0) if i < PASSING else Verdict("wrong_answer", 0.7) for i in range(SAMPLES))
    stored = store.samples(report.run_id, cycle=1)
    store.save_verdicts((s.id, verdict) for s, verdict in zip(stored, verdicts, strict=True))
    loop = {"control": control, "keep_top_percent": 1.0, "max_per_prompt": SAMPLES}
    data = config(**loop).to_json()
    data["training"]["loss"] = "reinforce_rej"
    settings = RaftConfig.parse(data)
    split = SPLIT._replace(train=[PROBLEM])
    with open_setup(settings, report, split) as setup:
        return choose(setup, 1, plan_cycle(report, settings, split, 1)), report


def kept(report: Report) -> set[int]:
    return {s.sample.index for s in report.store.samples(report.run_id, kept=True)}


def test_shuffled_rewards_weigh_what_they_were_dealt_and_not_what_is_true(store: Store) -> None:
    rows, report = trained_on(store, "shuffled_rewards")
    pushed_up = {row.token_ids[0] for row in rows if row.weight > 0}
    assert pushed_up == kept(report)
    assert any(index >= PASSING for index in pushed_up)
    assert Counter(row.weight > 0 for row in rows) == {True: PASSING, False: PASSING}


def test_without_the_verifier_every_chosen_sample_weighs_the_same(store: Store) -> None:
    rows, report = trained_on(store, "unverified")
    assert {row.token_ids[0] for row in rows} == kept(report)
    assert {row.weight for row in rows} == {1.0}


@pytest.mark.parametrize("sign", [1, -1])
def test_true_rewards_weigh_where_nothing_is_controlled(sign: int, store: Store) -> None:
    rows, _ = trained_on(store, "none")
    chosen = {row.token_ids[0] for row in rows if row.weight * sign > 0}
    assert all((index < PASSING) == (sign == 1) for index in chosen) and len(chosen) == PASSING
