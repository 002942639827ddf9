"""Names of outputs that nothing has yet."""

from pathlib import Path

import pytest
from seeded import SFT, make_run

from haloforge.store import Store
from haloforge.ui.launch import names


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("models/sft-2/final_model", "sft-2"),
        ("models/raft/cycle_2/final_model", "raft-cycle_2"),
        ("Qwen/Qwen2.5-Coder-1.5B@main", "Qwen2.5-Coder-1.5B"),
        ("data/train.jsonl.gz", "train"),
        ("smollm2-135m", "smollm2-135m"),
        ("../../etc", "etc"),
        ("[{file: a b.jsonl}]", "mix"),
        (None, ""),
    ],
)
def test_a_name_is_cut_to_what_tells_it_from_others(given: object, said: str) -> None:
    assert names.short(given) == said


def test_a_name_that_is_there_gets_a_number() -> None:
    Path("models/sft-train").mkdir(parents=True)
    assert names.proposed("sft", {"data.train_file": "data/train.jsonl"}) == "models/sft-train-2"


def test_what_a_queued_run_will_write_is_taken(store: Store, workspace: Path) -> None:
    make_run(store, SFT.changed({"output_dir": "models/sft-train"}), "queued", cwd=str(workspace))
    make_run(store, SFT.changed({"output_dir": "models/sft-train-2"}), "done", cwd=str(workspace))
    taken = names.of_waiting_runs(store)
    assert names.proposed("sft", {"data.train_file": "data/train.jsonl"}, taken) == "models/sft-train-2"


def test_every_stage_has_a_name_for_an_empty_form() -> None:
    for stage in ("data-prepare", "data-generate", "sft", "raft", "benchmark"):
        assert names.proposed(stage, {}).startswith(("data/", "models/", "results/"))
