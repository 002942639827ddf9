"""What a run made is data for others: TRL's own trainers learn from the exported files, and from nothing else."""

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import save_tiny_model

from haloforge.cli import main
from haloforge.errors import ConfigError, DataError
from haloforge.problems import load_training_rows, refuse_benchmark
from haloforge.records import Problem, Run, Sample, Tests, Verdict
from haloforge.stages.data.export import export
from haloforge.store import Store

ADD = ("assert add(1, 2) == 3",)
SUBTRACT = ("assert sub(2, 1) == 1",)
PROBLEM = Problem("add", "Write add(a, b).", entry_point="add", tests=Tests("asserts", code=ADD))
HELD_OUT = Problem("sub", "Write sub(a, b).", entry_point="sub", tests=Tests("asserts", code=SUBTRACT))
RIGHT = ("def add(a, b):\n    return a + b", "def add(x, y):\n    return x + y", "def add(a, b):\n    return b + a")
WRONG = ("def add(a, b):\n    return a - b", "def add(a, b):\n    return 0")


@pytest.fixture
def run(store: Store) -> Run:
    """Three passed samples, two of them the same program, two failed ones, and one of a held-out problem."""
    run = store.create_run("raft", {"seed": 7})
    store.save_problems(run.id, [PROBLEM])
    store.save_problems(run.id, [HELD_OUT], held_out=True)
    texts = [f"```python\n{code}\n```" for code in (*RIGHT, *WRONG)]
    samples = [Sample("add", i, text, code) for i, (text, code) in enumerate(zip(texts, (*RIGHT, *WRONG), strict=True))]
    store.save_samples(run.id, 1, "train", samples)
    store.save_samples(run.id, 1, "eval", [Sample("sub", 0, texts[0], RIGHT[0])])
    stored = store.samples(run.id)
    passed = Verdict("passed", 1.0, 1, 1)
    failed = Verdict("wrong_answer", 0.7, 0, 1)
    store.save_verdicts((s.id, passed if s.sample.code in RIGHT else failed) for s in stored)
    store.save_selections((s.id, s.sample.code in RIGHT, "kept") for s in stored if s.purpose == "train")
    return store.run(run.id)


def rows_of(path: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_kept_programs_are_exported_once_each(store: Store, run: Run, tmp_path: Path) -> None:
    assert export(store, run, "kept", tmp_path / "kept.jsonl") == 2
    manifest = json.loads((tmp_path / "kept.manifest.json").read_text())
    assert (manifest["rows_in"], manifest["rows_out"]) == (3, 2)
    assert manifest["details"]["run"] == run.id


def test_sft_reads_the_kept_rows(store: Store, run: Run, tmp_path: Path) -> None:
    export(store, run, "kept", tmp_path / "kept.jsonl")
    read = load_training_rows(tmp_path / "kept.jsonl")
    assert len(read.rows) == 2 and not read.skipped
    assert read.rows[0].messages and read.rows[0].messages[-1]["content"].startswith("```python")


def test_pairs_are_of_one_problem_and_never_of_a_held_out_one(store: Store, run: Run, tmp_path: Path) -> None:
    assert export(store, run, "pairs", tmp_path / "pairs.jsonl") == 2
    for row in rows_of(tmp_path / "pairs.jsonl"):
        assert row["task_id"] == "add"
        assert any(code in row["chosen"][0]["content"] for code in RIGHT)
        assert any(code in row["rejected"][0]["content"] for code in WRONG)


def test_everything_is_exported_with_its_verdict_to_parquet_too(store: Store, run: Run, tmp_path: Path) -> None:
    from pyarrow import parquet

    assert export(store, run, "all", tmp_path / "all.parquet", "parquet") == 6
    table = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert {row["purpose"] for row in table} == {"train", "eval"}
    assert [row["status"] for row in table].count("passed") == 4


def test_half_a_character_is_exported_to_parquet_as_a_question_mark(store: Store, tmp_path: Path) -> None:
    from pyarrow import parquet

    run = store.create_run("raft", {})
    store.save_problems(run.id, [replace(PROBLEM, prompt="half \ud83d")])
    store.save_samples(run.id, 1, "train", [Sample("add", 0, "half \ud83d", "x")])
    assert export(store, run, "all", tmp_path / "all.parquet", "parquet") == 1
    (row,) = parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert row["prompt"][0]["content"].startswith("half ?")


def test_a_run_without_kept_samples_says_so_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    empty = store.create_run("raft", {})
    store.save_problems(empty.id, [PROBLEM])
    store.save_samples(empty.id, 1, "train", [Sample("add", 0, "", None)])
    with pytest.raises(DataError, match="no cycle kept a sample"):
        export(store, empty, "kept", tmp_path / "none.jsonl")
    assert list(tmp_path.glob("none*")) == []


def test_a_parquet_name_without_its_format_is_refused(store: Store, run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--format parquet"):
        export(store, run, "kept", tmp_path / "kept.parquet")
    with pytest.raises(ConfigError, match="name it .parquet"):
        export(store, run, "kept", tmp_path / "kept.jsonl", "parquet")


def test_the_chosen_and_the_rejected_answer_are_those_that_passed_and_failed_in_every_cycle(
    store: Store, tmp_path: Path
) -> None:
    """Forty programs in four cycles, the same numbers in each: no text is taken from another cycle or sample."""
    run = store.create_run("raft", {})
    store.save_problems(run.id, [PROBLEM])
    for cycle in range(1, 5):
        codes = [f"def add(a, b):\n    return {cycle}{number} + a" for number in range(10)]
        store.save_samples(
            run.id, cycle, "train", [Sample("add", n, f"```python\n{code}\n```", code) for n, code in enumerate(codes)]
        )
    for stored in store.samples(run.id):
        is_right = stored.sample.index % 2 == stored.cycle % 2
        store.save_verdicts([(stored.id, Verdict("passed", 1.0) if is_right else Verdict("timeout", 0.5))])
    assert export(store, store.run(run.id), "pairs", tmp_path / "pairs.jsonl") == 20
    seen = set()
    for row in rows_of(tmp_path / "pairs.jsonl"):
        for side, passed in (("chosen", True), ("rejected", False)):
            cycle, number = map(int, row[side][0]["content"].partition("return ")[2][:2])
            assert (number % 2 == cycle % 2) == passed
            seen.add((cycle, number))
    assert len(seen) == 40


def test_a_program_that_passed_by_one_verifier_and_failed_by_another_is_in_no_pair(
    store: Store, run: Run, tmp_path: Path
) -> None:
    store.save_samples(run.id, 2, "train", [Sample("add", 0, RIGHT[0], RIGHT[0])])
    (again,) = store.samples(run.id, cycle=2)
    store.save_verdicts([(again.id, Verdict("wrong_answer", 0.7))])
    assert export(store, run, "pairs", tmp_path / "pairs.jsonl") == 1
    (row,) = rows_of(tmp_path / "pairs.jsonl")
    assert RIGHT[2] in row["chosen"][0]["content"]
    manifest = json.loads((tmp_path / "pairs.manifest.json").read_text())
    assert manifest["dropped"] == {
        "the same program of the same problem": 1,
        "a program that both passed and failed": 2,
        "a program that found no partner": 1,
    }
    assert (manifest["rows_in"], manifest["rows_out"]) == (6, 1)


def test_pairs_of_many_long_answers_take_the_memory_of_a_few(store: Store, tmp_path: Path) -> None:
    """Sixty megabytes of answers to thirty problems, of which each has two."""
    run = store.create_run("raft", {})
    problems = [replace(PROBLEM, task_id=f"p/{number}") for number in range(30)]
    store.save_problems(run.id, problems)
    for problem in problems:
        codes = [f"def add(a, b):\n    return {n}" for n in range(10)]
        text = "words " * 33_000
        store.save_samples(
            run.id, 1, "train", [Sample(problem.task_id, n, f"{text}{n}", code) for n, code in enumerate(codes)]
        )
    ids = [row["id"] for row in store.db.query("select id from samples order by id")]
    store.save_verdicts((row, Verdict("passed", 1.0) if row % 2 else Verdict("wrong_answer", 0.7)) for row in ids)
    tracemalloc.start()
    try:
        assert export(store, run, "pairs", tmp_path / "pairs.jsonl") == 150
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


def test_what_was_generated_and_verified_makes_pairs_too(store: Store, tmp_path: Path) -> None:
    run = store.create_run("data-generate", {"output": "data/generated.jsonl"})
    store.save_problems(run.id, [PROBLEM])
    store.save_samples(run.id, 0, "data", [Sample("add", n, code, code) for n, code in enumerate((RIGHT[0], WRONG[0]))])
    good, bad = store.samples(run.id)
    store.save_verdicts([(good.id, Verdict("passed", 1.0)), (bad.id, Verdict("wrong_answer", 0.7))])
    assert export(store, run, "pairs", tmp_path / "pairs.jsonl") == 1
    with pytest.raises(DataError, match="what passed stands in its own file, data/generated.jsonl"):
        export(store, run, "kept", tmp_path / "kept.jsonl")


def test_samples_without_a_verdict_make_no_pairs_and_stand_in_all(store: Store, tmp_path: Path) -> None:
    run = store.create_run("raft", {})
    store.save_problems(run.id, [PROBLEM])
    store.save_samples(
        run.id, 1, "train", [Sample("add", n, code, code) for n, code in enumerate((RIGHT[0], WRONG[0]))]
    )
    with pytest.raises(DataError, match="no training problem has both a passed and a failed sample"):
        export(store, run, "pairs", tmp_path / "pairs.jsonl")
    assert export(store, run, "all", tmp_path / "all.jsonl") == 2
    assert [row["status"] for row in rows_of(tmp_path / "all.jsonl")] == [None, None]


@pytest.mark.parametrize(
    ("stage", "content", "why"),
    [
        ("sft", "kept", "it stored no samples; runs of raft train, benchmark run and data generate --verify do"),
        ("sft", "all", "it stored no samples"),
        ("benchmark", "kept", "the samples of a benchmark run are not for training; --all writes them"),
        ("benchmark", "pairs", "the samples of a benchmark run are not for training; --all writes them"),
    ],
)
def test_a_run_that_has_no_such_rows_says_why(store: Store, tmp_path: Path, stage: str, content: str, why: str) -> None:
    run = store.create_run(stage, {})
    if stage == "benchmark":
        store.save_problems(run.id, [PROBLEM])
        store.save_samples(run.id, 0, "benchmark", [Sample("add", 0, RIGHT[0], RIGHT[0])])
    with pytest.raises(DataError, match=why):
        export(store, run, content, tmp_path / "none.jsonl")  # type: ignore[arg-type]
    assert list(tmp_path.glob("none*")) == []


def test_the_samples_of_a_control_are_not_exported_as_verified(store: Store, run: Run, tmp_path: Path) -> None:
    control = replace(run, config={"raft": {"control": "unverified"}})
    with pytest.raises(DataError, match=r"it is a control run \(unverified\), which keeps samples whatever"):
        export(store, control, "kept", tmp_path / "kept.jsonl")
    assert export(store, control, "pairs", tmp_path / "pairs.jsonl") == 2


def test_nobody_trains_on_the_exported_samples_of_a_public_benchmark(store: Store, tmp_path: Path) -> None:
    run = store.create_run("benchmark", {})
    store.save_problems(run.id, [replace(PROBLEM, source="humaneval", split="test")], held_out=True)
    store.save_samples(run.id, 0, "benchmark", [Sample("add", 0, RIGHT[0], RIGHT[0])])
    export(store, run, "all", tmp_path / "all.jsonl")
    with pytest.raises(DataError, match="is the test split of humaneval"):
        refuse_benchmark(tmp_path / "all.jsonl")


def test_another_file_is_replaced_only_when_that_is_asked_for(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(store.root))
    words = ["data", "export", run.id, "--output", str(tmp_path / "train.jsonl")]
    (tmp_path / "train.jsonl").write_text("{}\n")
    assert main(words) == 2
    assert "train.jsonl is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0 and main(words) == 0
    assert main([*words, "--pairs"]) == 2
    assert f"it holds source run {run.id}, kept; give another --output, or --overwrite" in capsys.readouterr().err


def test_an_export_that_names_no_file_is_named_after_the_run(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(store.root))
    monkeypatch.chdir(tmp_path)
    assert main(["data", "export", run.id, "--pairs", "--format", "parquet"]) == 0
    assert (tmp_path / "data" / f"{run.id}-pairs.parquet").is_file()


@pytest.mark.parametrize("content", ["kept", "pairs"])
def test_trl_trains_on_the_file_alone(store: Store, run: Run, tmp_path: Path, content: str) -> None:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    path = tmp_path / f"{content}.jsonl"
    export(store, run, content, path)  # type: ignore[arg-type]
    rows = Dataset.from_json(str(path), cache_dir=str(tmp_path / "cache"))
    trainer_class, config_class = (SFTTrainer, SFTConfig) if content == "kept" else (DPOTrainer, DPOConfig)
    config = config_class(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
        report_to="none", save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = trainer_class(str(save_tiny_model(tmp_path / "model")), args=config, train_dataset=rows)
    assert trainer.train().global_step == 1


def test_the_command_writes_the_file_and_refuses_an_unknown_run(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(store.root))
    assert main(["data", "export", run.id, "--pairs", "--output", str(tmp_path / "pairs.jsonl")]) == 0
    assert len(rows_of(tmp_path / "pairs.jsonl")) == 2
    assert main(["data", "export", "nobody", "--output", str(tmp_path / "x.jsonl")]) == 2
    assert "is not the id of a run" in capsys.readouterr().err


def test_a_column_that_is_empty_at_first_may_be_filled_later(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import parquet

    monkeypatch.setattr("haloforge.stages.data.export.ROWS_PER_GROUP", 1)
    run = store.create_run("raft", {})
    store.save_problems(run.id, [PROBLEM])
    store.save_samples(run.id, 1, "train", [Sample("add", i, "", code) for i, code in enumerate((None, RIGHT[0]))])
    second = store.samples(run.id)[1]
    store.save_verdicts([(second.id, Verdict("passed", 1.0, 1, 1))])
    assert export(store, run, "all", tmp_path / "all.parquet", "parquet") == 2
    assert [row["status"] for row in parquet.read_table(tmp_path / "all.parquet").to_pylist()] == [None, "passed"]
