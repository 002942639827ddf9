"""Every cycle follows a plan that is made once, from the settings and from what the cycles before showed."""

from dataclasses import asdict

import pytest
from recorded_cycles import SPLIT, config, record

from haloforge.config import RaftConfig
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.store import Report, Store


@pytest.fixture
def report(store: Store) -> Report:
    """A run whose cycle 1 was good on held-out problems, and cycle 2 bad."""
    report = Report(store, store.create_run("raft", {}).id)
    record(report, 0, "eval", {f"h{i}": [False] for i in range(4)})
    record(report, 1, "eval", {f"h{i}": [True] for i in range(4)})
    record(report, 2, "eval", {f"h{i}": [False] for i in range(4)})
    record(report, 2, "train", {"a": [True, False], "b": [False, False]})
    return report


def test_a_cycle_goes_on_from_the_last_with_a_lower_rate(report: Report) -> None:
    plan = plan_cycle(report, config(lr_decay_per_cycle=0.5), SPLIT, 3)
    assert (plan.start, plan.learning_rate, plan.more_samples) == (2, pytest.approx(0.0025), {})


def test_a_rollback_goes_on_from_the_best_at_half_the_rate(report: Report) -> None:
    plan = plan_cycle(report, config(lr_decay_per_cycle=0.5, rollback=True, patience=0), SPLIT, 3)
    assert (plan.start, plan.learning_rate) == (1, pytest.approx(0.00125))


def test_unsolved_problems_get_more_samples(report: Report) -> None:
    plan = plan_cycle(report, config(samples_per_prompt=5, retry_unsolved=3), SPLIT, 3)
    assert plan.more_samples == {"b": 15}


def test_schedules_move_in_equal_steps_to_their_end(report: Report) -> None:
    moving = config(reward_threshold=0.5, final_threshold=0.9, final_temperature=0.6)
    plans = {cycle: plan_cycle(report, moving, SPLIT, cycle) for cycle in (1, 2, 3)}
    assert [plans[c].threshold for c in (1, 2, 3)] == pytest.approx([0.5, 0.7, 0.9])
    assert [plans[c].temperature for c in (1, 2, 3)] == pytest.approx([1.0, 0.8, 0.6])


def test_a_cycle_follows_its_own_entry(report: Report) -> None:
    data = config(samples_per_prompt=5, retry_unsolved=3).to_json()
    own = [{"reward_threshold": 0.3}, {"temperature": 0.2}, {"samples_per_prompt": 2}]
    plans = [plan_cycle(report, RaftConfig.parse(data | {"cycles": own}), SPLIT, cycle) for cycle in (1, 2, 3)]
    assert [plan.threshold for plan in plans] == [0.3, 0.5, 0.5]
    assert [plan.temperature for plan in plans] == [1.0, 0.2, 1.0]
    assert plans[2].more_samples == {"b": 6}


def test_easy_first_widens_with_every_cycle(report: Report) -> None:
    plans = [plan_cycle(report, config(curriculum="easy_first"), SPLIT, cycle) for cycle in (1, 2, 3)]
    assert [plan.easiest for plan in plans] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_plan_once_made_stays_as_it_is(report: Report) -> None:
    first = plan_cycle(report, config(), SPLIT, 3)
    assert plan_cycle(report, config(rollback=True, patience=0), SPLIT, 3) == first


def test_a_plan_that_an_older_version_recorded_is_followed(report: Report) -> None:
    decisions = {
        "start": 1,
        "learning_rate": 0.003,
        "temperature": 0.9,
        "threshold": 0.4,
        "easiest": 0.5,
        "more_samples": {"b": 7},
    }
    costs = {"seconds": 0.01, "cpu_s": 0.0, "energy_j": {"cpu": None, "gpu": None}, "is_resumed": False}
    report.store.begin_phase(report.run_id, 3, "plan")
    report.store.end_phase(report.run_id, 3, "plan", decisions | costs)
    assert asdict(plan_cycle(report, config(), SPLIT, 3)) == decisions


def test_a_plan_is_recorded_under_the_names_of_its_decisions(report: Report) -> None:
    plan = plan_cycle(report, config(), SPLIT, 3)
    (row,) = [p for p in report.store.phases(report.run_id) if p["phase"] == "plan"]
    assert {name: value for name, value in row["data"].items() if name != "cost"} == asdict(plan)


def test_the_settings_of_a_cycle_hold_what_its_plan_decided(report: Report) -> None:
    data = config(final_threshold=0.9, final_temperature=0.6).to_json()
    own = [{}, {}, {"samples_per_prompt": 2}]
    moving = RaftConfig.parse(data | {"cycles": own})
    settings = plan_cycle(report, moving, SPLIT, 3).settings(moving, 3)
    assert settings.raft.reward_threshold == pytest.approx(0.9)
    assert settings.generation.temperature == pytest.approx(0.6)
    assert settings.raft.samples_per_prompt == 2
