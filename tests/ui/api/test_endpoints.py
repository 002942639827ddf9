"""The endpoints as functions of a store: what they answer, what they refuse, and what each may change."""

import inspect
import json
import shlex
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from seeded import BENCHMARK, SFT, add_cycles, add_samples, make_run

from haloforge.errors import ConfigError, DataError, ForgeError, RunError
from haloforge.store import Report, Store
from haloforge.ui import api, studio
from haloforge.ui.api import ENDPOINTS, data, launching, models, results, runs
from haloforge.ui.page import Page


def test_only_the_named_endpoints_are_public(tmp_path: Path) -> None:
    served = studio.build(tmp_path).get_api_info()
    assert set(served["named_endpoints"]) == {f"/{endpoint.name}" for endpoint in ENDPOINTS}
    assert served["unnamed_endpoints"] == {}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_every_parameter_is_typed_and_described(endpoint: api.Endpoint) -> None:
    _store, *parameters = inspect.signature(endpoint.function).parameters.values()
    text = inspect.getdoc(endpoint.function) or ""
    assert all(p.annotation is not p.empty and f"\n    {p.name}: " in text for p in parameters)
    assert inspect.signature(endpoint.function).return_annotation is not inspect.Signature.empty


def test_what_only_reads_changes_nothing_in_the_store(store: Store) -> None:
    run = make_run(store, status="done")
    add_cycles(store, run, [0.1, 0.2])
    before = store.data_version()
    runs.list_runs(store)
    runs.show_run(store, run.id)
    runs.list_events(store, run.id)
    runs.list_samples(store, run.id)
    runs.read_log(store, run.id)
    results.list_results(store)
    assert store.data_version() == before


def test_runs_are_searched_filtered_and_limited(store: Store) -> None:
    make_run(store, SFT, "done", name="first tuning")
    make_run(store, status="done", name="tonight")
    assert [run["name"] for run in runs.list_runs(store, search="TUNING")] == ["first tuning"]
    assert [run["stage"] for run in runs.list_runs(store, stage="raft")] == ["raft"]
    assert len(runs.list_runs(store, limit=1)) == 1


def test_a_run_is_shown_with_its_cycles_and_followed_by_its_events(store: Store) -> None:
    run = make_run(store, status="done")
    add_cycles(store, run, [0.1, 0.2])
    shown = runs.show_run(store, run.id[:-2])
    assert [cycle["eval_pass@1"] for cycle in shown["cycles"]] == [0.1, 0.2]
    assert shlex.split(shown["command"])[:3] == ["halo-forge", "raft", "train"]
    assert runs.list_events(store, run.id, after=shown["after"]) == []
    Report(store, run.id).log("one more")
    assert [e["data"]["text"] for e in runs.list_events(store, run.id, after=shown["after"])] == ["one more"]


def test_samples_come_in_pages_and_an_unknown_verdict_is_refused(store: Store) -> None:
    run = make_run(store)
    add_samples(store, run, ["passed", "wrong_answer"] * 30)
    page = runs.list_samples(store, run.id, status="passed")
    assert (page["total"], len(page["samples"])) == (30, 30)
    assert len(runs.list_samples(store, run.id, page=1)["samples"]) == 10
    with pytest.raises(ConfigError, match="there is no verdict 'good'"):
        runs.list_samples(store, run.id, status="good")


def test_settings_lie_over_a_yaml_config(store: Store, tmp_path: Path) -> None:
    text = f"prompts: starter-easy\noutput_dir: {tmp_path}/raft\nraft:\n  num_cycles: 3\n  samples_per_prompt: 2\n"
    with pytest.raises(ForgeError) as refused:  # there is no such file, and so it comes as far as that
        launching.plan_run(store, "raft", {"raft.num_cycles": 9}, text)
    assert "starter-easy" in str(refused.value)
    with pytest.raises(ConfigError, match=r"raft\.num_cycles"):
        launching.plan_run(store, "raft", {"raft.num_cycles": 2.5}, text)
    with pytest.raises(ConfigError, match="not valid YAML"):
        launching.plan_run(store, "raft", None, "a: [")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": "a.jsonl", "data.train_file": "b.jsonl"}, "data.train_file is given twice"),
        ({"seed": 10**30}, "settings.seed should be a number of at most"),
        ({"training.learning_rate": float("inf")}, "settings.training.learning_rate should be a number"),
    ],
)
def test_settings_that_clash_or_are_too_large_are_one_sentence(
    store: Store, settings: dict[str, Any], message: str
) -> None:
    with gr.Blocks(analytics_enabled=False):
        page = Page(store.root)
    plan = next(endpoint for endpoint in ENDPOINTS if endpoint.name == "plan_run")
    with pytest.raises(gr.Error, match=message):
        api._served(page, plan)("sft", settings, "")


def test_what_a_dry_run_refuses_starts_no_run(store: Store) -> None:
    with pytest.raises(ForgeError):
        launching.start_run(store, "benchmark", {"model": "nowhere/at-all", "prompts": "data/none.jsonl"})
    assert store.runs() == []


def test_a_dry_run_and_a_start_mean_the_same_config(store: Store, tmp_path: Path) -> None:
    wanted = {"dataset": "starter-easy", "language": "python", "output": str(tmp_path / "train.jsonl"), "limit": 4}
    plan = launching.plan_run(store, "data-prepare", wanted)
    started = launching.start_run(store, "data-prepare", None, plan["yaml"], name="by hand")
    assert started["status"] == "queued" and started["name"] == "by hand"
    assert runs.show_run(store, started["id"])["command"] == plan["command"]


def test_deleting_takes_a_whole_id(store: Store) -> None:
    run = make_run(store, BENCHMARK, "done")
    with pytest.raises(RunError, match="takes the whole id"):
        launching.delete_run(store, run.id[:9])
    launching.delete_run(store, run.id)
    assert store.runs() == []


def test_only_listed_files_are_read(store: Store) -> None:
    for file in ("/etc/passwd", "../secret.jsonl"):
        with pytest.raises(DataError):
            data.list_problems(store, file)
        with pytest.raises(DataError):
            data.validate_data(store, file)


def test_the_bundled_problems_and_sources_are_listed(store: Store) -> None:
    assert "starter-easy" in {source["name"] for source in data.list_data(store)["sources"]}
    page = data.list_problems(store, "starter-easy", page=1)
    assert page["total"] > 50 and page["problems"][0]["tests"]["kind"]


def test_code_is_verified_by_asserts_and_by_a_problem(store: Store) -> None:
    right = models.verify_code(store, "def f(n):\n    return n + 1", asserts="assert f(1) == 2")
    assert right["verdict"]["status"] == "passed"
    problem = data.list_problems(store, "starter-easy")["problems"][0]
    judged = models.verify_code(store, problem["solution"], file="starter-easy", task_id=problem["task_id"])
    assert judged["verdict"]["status"] == "passed"


def test_no_answer_looks_like_a_file_that_gradio_would_send_along() -> None:
    row = {"task_id": "a", "meta": {"of": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}}
    assert '"path"' not in json.dumps(api.without_files(row))


def test_a_result_that_is_not_there_is_one_sentence(store: Store) -> None:
    run = make_run(store, SFT, "done")
    with pytest.raises(RunError, match="is a run of sft"):
        results.compare(store, [run.id, run.id])
    with pytest.raises(ConfigError, match="two keys or more"):
        results.compare(store, [run.id])
