"""The process that plans: answers are kept until a file changes, and it never stops the page."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from seeded import problem

from haloforge.config import BenchmarkConfig, PrepareConfig, SftConfig
from haloforge.files import write_jsonl
from haloforge.ui.launch.planner import Planner


@pytest.fixture(scope="module")
def planner() -> Iterator[Planner]:
    """One process for the module: it loads torch."""
    shared = Planner()
    yield shared
    shared.close()


def prepare(folder: Path) -> PrepareConfig:
    return PrepareConfig.parse({"output": str(folder / "x.jsonl"), "language": "python"})


def test_a_plan_has_rows_lines_and_no_error(planner: Planner, tmp_path: Path) -> None:
    plan = planner.plan(prepare(tmp_path))
    assert {check.name for check in plan.checks} == {"data", "disk", "output"} and not plan.error
    assert any("starter-easy" in line for line in plan.lines)


def test_an_answer_is_kept_until_a_file_changes_that_the_config_names(planner: Planner, tmp_path: Path) -> None:
    config = prepare(tmp_path)
    first = planner.plan(config, measures=False)
    assert planner.kept(config, measures=False) is first
    (tmp_path / "x.jsonl").write_text('{"by": "hand"}\n')
    assert planner.kept(config, measures=False) is None
    assert "missing" in [check.state for check in planner.plan(config, measures=False).checks]


def test_what_would_stop_a_run_is_the_error_and_a_row(planner: Planner, tmp_path: Path) -> None:
    config = SftConfig.parse({"model": {"name": "smollm2-135m"}, "data": {"train_file": str(tmp_path / "none.jsonl")}})
    plan = planner.plan(config, measures=False)
    assert "none.jsonl" in plan.error
    assert [check.state for check in plan.checks if check.name == "data"] == ["missing"]


def test_rows_count_the_data_and_say_what_the_model_is(planner: Planner, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", [problem().to_json()])
    config = SftConfig.parse({"model": {"name": "org/absent"}, "data": {"train_file": str(tmp_path / "d.jsonl")}})
    rows = {check.name: check for check in planner.plan(config, measures=False).checks}
    assert rows["data"].text == "1 row" and rows["model"].state == "optional" and "Hub" in rows["model"].hint


def test_a_plan_does_not_join_a_cluster(planner: Planner, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "p.jsonl", [problem().to_json()])
    prompts, verifier = str(tmp_path / "p.jsonl"), {"cluster": "10.0.0.1:6379"}
    config = BenchmarkConfig.parse(
        {"model": "org/absent", "prompts": prompts, "verifier": verifier, "output": "r.json"}
    )
    rows = {check.name: check for check in planner.plan(config, measures=False).checks}
    assert rows["sandbox"].text == "the nodes of 10.0.0.1:6379 judge, in theirs"
    assert rows["compiler"].state == "optional"


def test_waiting_for_a_plan_leaves_the_page_its_threads(planner: Planner, tmp_path: Path) -> None:
    async def both() -> tuple[list[str], float]:
        began = time.monotonic()
        waiting = [asyncio.create_task(planner.apart(lambda: time.sleep(1) or "told")) for _ in range(40)]
        await asyncio.to_thread(time.sleep, 0)
        free = time.monotonic() - began
        return [str(told) for told in await asyncio.gather(*waiting)], free

    told, free = asyncio.run(both())
    assert told == ["told"] * 40 and free < 1


def test_what_the_work_raises_is_raised(planner: Planner) -> None:
    def fails() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(planner.apart(fails))


def planning_processes() -> set[int]:
    """Children of this process that plan."""
    return {child.pid for child in psutil.Process().children() if "haloforge.ui.launch.planning" in child.cmdline()}


def test_an_idle_process_ends() -> None:
    before = planning_processes()
    idle = Planner(idle_s=0.1)
    idle.warm()
    assert planning_processes() - before
    deadline = time.monotonic() + 20
    while planning_processes() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert planning_processes() <= before
