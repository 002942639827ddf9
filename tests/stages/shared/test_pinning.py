"""A run works with one commit of its model, and says which."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from stand_in_hub import StandInHub, connected
from worlds import benchmark_config, run_benchmark

from haloforge.models import forget_fetched
from haloforge.stages.shared.pinning import pinned_model
from haloforge.store import Report, Store


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[StandInHub]:
    with connected(tmp_path / "hub") as opened:
        yield opened


def test_a_run_that_goes_on_works_with_the_commit_that_it_began_with(
    hub: StandInHub, taught: Path, store: Store
) -> None:
    first = hub.push("org/taught", taught)
    report = Report(store, store.create_run("raft", {}).id)
    assert pinned_model(report, "org/taught") == f"org/taught@{first}"
    second = hub.push("org/taught", taught)
    forget_fetched()
    assert pinned_model(report, "org/taught") == f"org/taught@{first}"
    other = Report(store, store.create_run("raft", {}).id)
    assert pinned_model(other, "org/taught@main") == f"org/taught@{second}"
    logs = [event.data["text"] for event in store.events(report.run_id, kind="log")]
    assert f"the model org/taught is commit {first} of the Hub" in logs


@pytest.mark.parametrize("name", ["smollm2-135m", "folder"])
def test_what_is_not_from_the_hub_stays_as_it_is(name: str, taught: Path, store: Store) -> None:
    named = str(taught) if name == "folder" else name
    report = Report(store, store.create_run("raft", {}).id)
    assert pinned_model(report, named) == named
    assert store.phases(report.run_id) == []


def test_a_benchmark_result_holds_the_commit(hub: StandInHub, taught: Path, tmp_path: Path) -> None:
    commit = hub.push("org/taught", taught, branch="v1")
    result = run_benchmark(benchmark_config(Path("org/taught@v1"), tmp_path), tmp_path / "runs")
    model = result["model"]
    assert (model["name"], model["path"], model["revision"]) == ("org/taught@v1", f"org/taught@{commit}", commit)
