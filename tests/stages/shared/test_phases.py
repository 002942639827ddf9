"""A phase is recorded with what it found and, apart from that, what it cost; old records are still read."""

import os
from typing import Any

import pytest

from haloforge.stages.shared.energy import Energy
from haloforge.stages.shared.phases import PhaseCost, PhaseRecord, once, recorded
from haloforge.store import Report, Store


@pytest.fixture
def report(store: Store) -> Report:
    return Report(store, store.create_run("raft", {}).id)


def compute() -> dict[str, Any]:
    """Use CPU time until the clock of `os.times`, which ticks a hundred times a second, has moved."""
    before = os.times().user
    while os.times().user - before < 0.03:
        sum(range(10**5))
    return {"samples": 3}


def test_every_phase_says_what_it_cost(report: Report) -> None:
    record = once(report, 1, "sample", compute)
    assert record.findings == {"samples": 3}
    assert (record.cost.cpu_s or 0) > 0 and record.cost.seconds >= 0
    assert record.cost.is_resumed is False


def test_a_phase_that_an_earlier_process_had_begun_says_so(report: Report) -> None:
    report.store.begin_phase(report.run_id, 1, "train")
    assert recorded(report.store, report.run_id, 1, "train") is None
    assert once(report, 1, "train", dict).cost.is_resumed is True


def test_a_phase_is_done_once(report: Report) -> None:
    first = once(report, 1, "sample", compute)
    assert once(report, 1, "sample", lambda: {"samples": 4}) == first
    assert recorded(report.store, report.run_id, 1, "sample") == first


def test_findings_may_have_the_names_of_costs(report: Report) -> None:
    record = once(report, 0, "alias", lambda: {"seconds": 2, "is_resumed": 1})
    assert record.findings == {"seconds": 2, "is_resumed": 1}
    assert once(report, 0, "alias", dict) == record


def test_findings_stand_in_the_row_by_their_own_names(report: Report) -> None:
    once(report, 1, "train", lambda: {"rows": 7})
    data = report.store.phases(report.run_id)[0]["data"]
    assert data["rows"] == 7
    assert data["cost"].keys() == {"seconds", "cpu_s", "energy_j", "is_resumed"}
    assert data["cost"]["energy_j"].keys() == {"cpu", "gpu"}


def test_a_finding_cannot_be_named_as_the_cost_itself(report: Report) -> None:
    with pytest.raises(ValueError, match="cannot be named 'cost'"):
        once(report, 1, "train", lambda: {"cost": 7})


def test_a_row_of_an_older_version_has_its_costs_among_the_findings(report: Report) -> None:
    costs = {"seconds": 65.0, "cpu_s": 120.5, "energy_j": {"cpu": 12.5, "gpu": None}, "is_resumed": True}
    report.store.begin_phase(report.run_id, 0, "alias")
    report.store.end_phase(report.run_id, 0, "alias", {"t/1": 2, "cost": 1, **costs})
    record = recorded(report.store, report.run_id, 0, "alias")
    assert record == PhaseRecord({"t/1": 2, "cost": 1}, PhaseCost(65.0, 120.5, Energy(12.5, None), is_resumed=True))


def test_a_row_from_before_costs_were_recorded_is_read_too() -> None:
    assert PhaseRecord.from_json({"start": 1}) == PhaseRecord({"start": 1}, PhaseCost())
