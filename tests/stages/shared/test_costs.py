"""What a run cost is told phase by phase, on the command line and in the browser."""

from typing import Any

import pytest

from haloforge.cli import main
from haloforge.cli.terminal import cost_lines
from haloforge.stages.shared.costs import Cost, costs, energy_text
from haloforge.store import Report, Store
from haloforge.ui.widgets.run_overview import cost_table


def spend(report: Report, cycle: int, phase: str, **data: Any) -> None:
    """A finished phase with these facts."""
    report.store.begin_phase(report.run_id, cycle, phase)
    report.store.end_phase(report.run_id, cycle, phase, data)


@pytest.fixture
def report(store: Store) -> Report:
    """A run of one cycle: 700 tokens sampled by two processes, a training, and phases that take no time."""
    report = Report(store, store.create_run("raft", {}).id)
    energy = {"cpu": 1234.4, "gpu": None}
    for tokens in (300, 400):
        report.metric("batch_train", 0, {"cycle": 1, "samples": 4, "seconds": 2.0, "tokens": tokens})
    report.metric("batch_train", 0, {"cycle": 2, "samples": 4, "seconds": 2.0, "tokens": 50})
    spend(report, 1, "plan", seconds=0.0)
    spend(report, 1, "sample", seconds=65.0, cpu_s=120.0, energy_j=energy, is_resumed=True)
    spend(report, 1, "train", seconds=30.0, cpu_s=29.0, tokens=5000, energy_j={"cpu": None, "gpu": None})
    return report


def test_every_phase_that_took_time_has_its_cost(report: Report) -> None:
    assert costs(report.store, report.run_id) == [
        Cost(1, "sample", 65.0, 120.0, 700, 1234.4, None, is_resumed=True),
        Cost(1, "train", 30.0, 29.0, 5000, None, None, is_resumed=False),
    ]


def test_costs_are_lines_in_a_terminal(report: Report) -> None:
    assert cost_lines(costs(report.store, report.run_id)) == [
        "cost of cycle 1 sample: at least 65.0 s, CPU 120.0 s, 700 tokens, energy 1,234 J CPU",
        "cost of cycle 1 train: 30.0 s, CPU 29.0 s, 5,000 tokens, energy not readable",
    ]


def test_costs_are_a_table_in_the_browser(report: Report) -> None:
    shown = str(cost_table(costs(report.store, report.run_id)))
    assert "cycle 1 sample" in shown and "at least 65.0 s" in shown and "1,234 J CPU" in shown
    assert "not readable" in shown
    assert cost_table([]) is None


def test_runs_show_ends_with_the_costs(
    report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(report.store.root))
    report.store.folder(report.run_id).joinpath("config.yaml").write_text("prompts: p\n")
    assert main(["runs", "show", report.run_id]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("cost of cycle 1 train: 30.0 s")


def test_both_kinds_of_energy_are_named() -> None:
    assert energy_text(Cost(1, "train", 1, 1, None, 10.0, 20.4, False)) == "10 J CPU, 20 J GPU"
    assert energy_text(Cost(1, "train", 1, 1, None, None, None, False)) == "not readable"
