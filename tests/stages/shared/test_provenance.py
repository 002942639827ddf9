"""A model that has seen the test says so, whatever stage it saw it in."""

from pathlib import Path
from typing import Any

import pytest
from tiny import save_tiny_adapter, save_tiny_model
from worlds import RIGHT, benchmark_config, problems, program, run_benchmark

from haloforge.config import SftConfig
from haloforge.files import read_jsonl, sha256_of, write_jsonl
from haloforge.models import Metadata, write_metadata
from haloforge.problems import load_problems
from haloforge.stages import sft
from haloforge.stages.benchmark.results import summary
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.provenance import contamination_warning, provenance
from haloforge.store import Report, Store

NAMES = [f"small/{name}" for name in RIGHT]


def made_by(folder: Path, run: str, parent: str = "") -> str:
    """A checkpoint folder that says which run made it."""
    save_tiny_model(folder)
    write_metadata(folder, Metadata(run=run, parent=parent))
    return str(folder)


def sft_run(store: Store, path: Path, rows: list[dict[str, Any]]) -> str:
    """A recorded SFT run on these rows."""
    write_jsonl(path, rows)
    return store.create_run("sft", {"data": {"train_file": str(path)}}).id


def test_sft_on_the_test_is_found_through_the_runs_training_file(store: Store, tmp_path: Path) -> None:
    run = sft_run(store, tmp_path / "train.jsonl", [p.to_json() for p in problems()[:3]])
    found = provenance(store, made_by(tmp_path / "m", run), problems())
    assert list(found.trained_on) == NAMES[:3]
    assert "TRAINED ON TEST: the model's training data holds 3 of the problems (small/inc, " in found.doubt


def test_every_one_of_several_training_files_counts_and_one_that_changed_is_named(store: Store, tmp_path: Path) -> None:
    for number, path in enumerate((tmp_path / "a.jsonl", tmp_path / "b.jsonl")):
        write_jsonl(path, [problems()[number].to_json()])
    files = [{"file": str(tmp_path / name), "weight": 1} for name in ("a.jsonl", "b.jsonl")]
    run = store.create_run("sft", {"data": {"train_file": files}}).id
    recorded = [{**file, "sha256": sha256_of(file["file"])} for file in files]
    once(Report(store, run), 0, "plan", lambda: {"files": recorded})
    model = made_by(tmp_path / "m", run)
    found = provenance(store, model, problems())
    assert list(found.trained_on) == NAMES[:2] and not found.unknown
    write_jsonl(tmp_path / "b.jsonl", [problems()[2].to_json()])
    found = provenance(store, model, problems())
    assert list(found.trained_on) == [NAMES[0], NAMES[2]]
    assert f"{tmp_path / 'b.jsonl'} changed since it was learned from" in found.unknown[0]


def test_raft_on_the_test_is_found_through_the_runs_problems_and_held_out_ones_do_not_count(
    store: Store, tmp_path: Path
) -> None:
    run = store.create_run("raft", {}).id
    store.save_problems(run, problems()[:2])
    store.save_problems(run, problems()[2:], held_out=True)
    assert list(provenance(store, made_by(tmp_path / "m", run), problems()).trained_on) == NAMES[:2]


def test_what_raft_replayed_counts_wherever_the_benchmark_is_run_from(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl("replay.jsonl", [problems()[4].to_json()])
    run = store.create_run("raft", {"training": {"replay_file": "replay.jsonl"}}).id
    store.save_problems(run, problems()[:1])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = provenance(store, made_by(tmp_path / "m", run), problems())
    assert list(found.trained_on) == [NAMES[0], NAMES[4]] and not found.unknown


def test_the_stages_before_are_followed_back(store: Store, tmp_path: Path) -> None:
    first = made_by(tmp_path / "sft", sft_run(store, tmp_path / "t.jsonl", [problems()[5].to_json()]))
    raft = store.create_run("raft", {}).id
    store.save_problems(raft, [])
    adapter = save_tiny_adapter(tmp_path / "raft", tmp_path / "sft")
    write_metadata(adapter, Metadata(run=raft, parent=first))
    found = provenance(store, str(adapter), problems())
    assert list(found.trained_on) == [NAMES[5]]
    assert len(found.checked) == 2


@pytest.mark.parametrize("key", ["messages", "prompt"])
def test_chats_with_a_copied_task_are_found(key: str, store: Store, tmp_path: Path) -> None:
    prompt = "Given a list of numbers, return the sum of those that are larger than their left neighbour, please."
    answer = f"```python\n{program('inc', 'n + 1')}```"
    chat = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    row = {"messages": chat} if key == "messages" else {"prompt": prompt, "completion": answer}
    test = [type(problems()[0])("bench/1", prompt)]
    model = made_by(tmp_path / "m", sft_run(store, tmp_path / "t.jsonl", [row]))
    assert list(provenance(store, model, test).trained_on) == ["bench/1"]


def test_a_clean_model_has_no_doubt(store: Store, tmp_path: Path) -> None:
    row = {"prompt": "Say hello in the language of the birds of the northern sea.", "completion": "Hello."}
    found = provenance(store, made_by(tmp_path / "m", sft_run(store, tmp_path / "t.jsonl", [row])), problems())
    assert (found.trained_on, found.doubt, len(found.checked)) == ({}, "", 1)


def test_a_run_or_file_that_is_gone_is_named_as_unknown(store: Store, tmp_path: Path) -> None:
    lost = sft_run(store, tmp_path / "t.jsonl", [])
    (tmp_path / "t.jsonl").unlink()
    assert "t.jsonl does not exist" in provenance(store, made_by(tmp_path / "a", lost), problems()).unknown[0]
    assert "is not the id of a run" in provenance(store, made_by(tmp_path / "b", "sft-9"), problems()).unknown[0]


def test_a_benchmark_of_such_a_model_is_doubtful(taught: Path, tmp_path: Path) -> None:
    with Store(tmp_path / "runs") as store:
        run = sft_run(store, tmp_path / "t.jsonl", [problems()[0].to_json()])
    adapter = save_tiny_adapter(tmp_path / "adapter", taught)
    write_metadata(adapter, Metadata(run=run, parent=str(taught)))
    config = benchmark_config(adapter, tmp_path, samples=1, k=[1], limit=2, aliased=True)
    result = run_benchmark(config, tmp_path / "runs")
    assert result["doubtful"] is True
    assert result["doubts"][0].startswith("TRAINED ON TEST")
    assert list(result["trained_on_test"]["trained_on"]) == ["small/inc"]
    assert result["aliased"]["pass_at_k"]["1"]["value"] >= result["pass_at_k"]["1"]["value"]


def test_a_model_that_was_fine_tuned_on_rows_of_mbpps_test_says_so_when_mbpp_judges_it(
    shared_data: Path, taught: Path, tmp_path: Path
) -> None:
    rows = [row for _, row in read_jsonl(shared_data / "mbpp" / "mbpp.jsonl") if 11 <= row["task_id"] <= 18]
    write_jsonl(tmp_path / "learned.jsonl", [{"prompt": r["text"], "completion": r["code"]} for r in rows[:4]])
    settings = {"model.name": str(taught), "data.train_file": str(tmp_path / "learned.jsonl")}
    config = SftConfig.load(None, settings | {"data.validation_split": 0, "output_dir": str(tmp_path / "sft")})
    with Store(tmp_path / "runs") as store:
        sft.run(config, Report(store, store.create_run("sft", config.to_json()).id))
    judged = benchmark_config(tmp_path / "sft" / "final_model", tmp_path, samples=1, k=[1])
    write_jsonl(judged.prompts, rows)
    result = run_benchmark(judged, tmp_path / "runs")
    assert list(result["trained_on_test"]["trained_on"]) == [f"Mbpp/{n}" for n in (11, 12, 13, 14)]
    assert "TRAINED ON TEST: the model's training data holds 4 of the problems (Mbpp/11, " in summary(result)


def test_training_on_a_public_benchmark_is_cautioned_against(shared_data: Path) -> None:
    tasks = load_problems(shared_data / "humaneval" / "HumanEval.jsonl.gz")[:7]
    assert contamination_warning(tasks).startswith(
        "7 benchmark tasks are among the problems to train on (HumanEval/0, HumanEval/1, "
    )
    assert contamination_warning(problems()) == ""
