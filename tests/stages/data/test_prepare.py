from pathlib import Path
from typing import Any

import pytest

from haloforge.config import PrepareConfig, RaftConfig, SftConfig
from haloforge.errors import ConfigError, DataError, Stopped
from haloforge.files import write_jsonl
from haloforge.problems import load_problems, read_manifest
from haloforge.stages import raft, sft
from haloforge.stages.data import prepare
from haloforge.store import Report, Store

TASKS = {
    605: ("Check whether a whole number is odd.", "def is_odd(n):\n    return n % 2 == 1", "assert is_odd(3)"),
    700: (
        "Glue a list of words with plus signs.",
        "def glue(ws):\n    return '+'.join(ws)",
        "assert glue(['a']) == 'a'",
    ),
    701: ("Tell the colour of a ripe banana.", "def ripe():\n    return 'yellow'", "assert ripe() == 'yellow'"),
    702: ("Tell the colour of a raw banana.", "def raw():\n    return 'red'", "assert raw() == 'green'"),
    20: ("Tell the colour of the sky.", "def sky():\n    return 'blue'", "assert sky() == 'blue'"),
}


def mbpp_row(number: int) -> dict[str, Any]:
    statement, code, assertion = TASKS[number]
    return {"task_id": number, "text": statement, "code": code, "test_list": [assertion], "test_setup_code": ""}


@pytest.fixture
def original(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "mbpp.jsonl", map(mbpp_row, TASKS))
    return tmp_path / "mbpp.jsonl"


def written(store: Store, tmp_path: Path, **settings: Any) -> tuple[list[str], dict[str, Any]]:
    """The written task ids and the manifest."""
    output = tmp_path / "out" / "train.jsonl"
    config = PrepareConfig.parse({"output": str(output), **settings})
    run = store.create_run(config.stage, config.to_json())
    prepare.run(config, Report(store, run.id))
    manifest = read_manifest(output)
    assert manifest is not None
    assert {e.data["name"] for e in store.events(run.id, kind="artifact")} == {"problems", "manifest"}
    return [problem.task_id for problem in load_problems(output)], manifest


def test_the_training_split_is_kept_and_all_else_is_accounted_for(store: Store, tmp_path: Path, original: Path) -> None:
    names, manifest = written(store, tmp_path, dataset="mbpp", from_file=str(original))
    assert names == ["Mbpp/700", "Mbpp/701", "Mbpp/702"]
    assert manifest["dropped"] == {"its split is 'test'": 1, "benchmark: one of its tasks": 1}
    assert (manifest["rows_in"], manifest["rows_out"], manifest["license"]) == (5, 3, "CC-BY-4.0")
    assert manifest["is_benchmark_test"] is False and len(manifest["source_sha256"]) == 64


def test_the_limit_counts_the_problems_that_are_kept(store: Store, tmp_path: Path, original: Path) -> None:
    names, _ = written(store, tmp_path, dataset="mbpp", from_file=str(original), limit=2)
    assert names == ["Mbpp/700", "Mbpp/701"]


def test_solutions_that_fail_their_own_tests_are_dropped_when_asked(
    store: Store, tmp_path: Path, original: Path
) -> None:
    names, manifest = written(store, tmp_path, dataset="mbpp", from_file=str(original), check_solutions=True)
    assert names == ["Mbpp/700", "Mbpp/701"]
    assert manifest["dropped"]["its solution does not pass its tests: wrong_answer"] == 1


def test_a_test_split_is_refused_for_training_and_marked_when_it_is_not(
    store: Store, tmp_path: Path, original: Path
) -> None:
    for split, purpose in (("test", "training"), ("all", "auto")):
        with pytest.raises(DataError, match="test split of mbpp is a benchmark.* --purpose benchmark"):
            written(store, tmp_path, dataset="mbpp", from_file=str(original), split=split, purpose=purpose)
    names, manifest = written(store, tmp_path, dataset="mbpp", from_file=str(original), purpose="benchmark")
    assert names == ["Mbpp/20"]
    assert manifest["is_benchmark_test"] is True and manifest["for_training"] is False


def test_a_dataset_that_is_only_a_benchmark_is_prepared_as_one(tmp_path: Path) -> None:
    config = PrepareConfig.parse({"dataset": "humaneval", "output": str(tmp_path / "x.jsonl")})
    assert not any("drop what comes from" in line for line in prepare.dry_run(config))


def test_a_dataset_that_is_only_a_benchmark_is_refused_for_training(tmp_path: Path) -> None:
    config = PrepareConfig.parse({"dataset": "humaneval", "output": str(tmp_path / "x.jsonl"), "purpose": "training"})
    with pytest.raises(DataError, match="test split of humaneval is a benchmark"):
        prepare.dry_run(config)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (
            {"dataset": "mbpp", "split": "dev"},
            "mbpp has no split 'dev'; it has train, validation, test, prompt, or all",
        ),
        ({"dataset": "mbpp", "language": "cpp"}, "mbpp has no cpp problems; it has python"),
        ({"dataset": "mbpp", "from_file": "none.jsonl"}, "there is no file none.jsonl"),
        ({"dataset": "starter", "from_file": __file__}, "starter comes with the package; leave --from out"),
    ],
)
def test_what_cannot_be_had_is_said_before_anything_is_read(
    tmp_path: Path, settings: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        prepare.dry_run(PrepareConfig.parse({"output": str(tmp_path / "x.jsonl"), **settings}))


def test_a_file_of_another_dataset_is_refused_with_its_line(store: Store, tmp_path: Path, original: Path) -> None:
    with pytest.raises(DataError, match="mbpp.jsonl line 1: this is a problem of mbpp, not of opc_educational"):
        written(store, tmp_path, dataset="opc_educational", from_file=str(original))


def test_a_row_that_is_unsound_stops_the_work_and_leaves_the_old_file(
    store: Store, tmp_path: Path, original: Path
) -> None:
    written(store, tmp_path, dataset="mbpp", from_file=str(original), limit=1)
    with original.open("a") as file:
        file.write('{"task_id": 800, "text": "x"}\n')
    with pytest.raises(DataError, match='mbpp.jsonl line 6: "code" is missing'):
        written(store, tmp_path, dataset="mbpp", from_file=str(original))
    assert [p.task_id for p in load_problems(tmp_path / "out" / "train.jsonl")] == ["Mbpp/700"]


def test_an_empty_result_is_refused_with_the_reasons(store: Store, tmp_path: Path, original: Path) -> None:
    write_jsonl(original, [mbpp_row(20)])
    with pytest.raises(DataError, match=r"no problem of mbpp is left, of 1 read \(its split is 'test': 1\)"):
        written(store, tmp_path, dataset="mbpp", from_file=str(original))
    assert not (tmp_path / "out").exists()


def test_copies_are_kept_once(store: Store, tmp_path: Path) -> None:
    row = {"prompt": "Add.", "response": "int main() {}", "title": "t", "difficulty": "A"}
    write_jsonl(tmp_path / "s.jsonl", [row, row, {**row, "response": "int main() { return 0; }"}])
    names, manifest = written(store, tmp_path, dataset="codeforces_cpp", from_file=str(tmp_path / "s.jsonl"))
    assert names == ["s/1", "s/3"] and manifest["dropped"] == {"the same prompt and solution again": 1}


def test_a_stopped_run_writes_nothing(store: Store, tmp_path: Path) -> None:
    row = {"prompt": "Add.", "response": "", "title": "t", "difficulty": "A"}
    write_jsonl(tmp_path / "s.jsonl", ({**row, "response": f"int x{i};"} for i in range(300)))
    config = PrepareConfig.parse(
        {"dataset": "codeforces_cpp", "from_file": str(tmp_path / "s.jsonl"), "output": str(tmp_path / "x.jsonl")}
    )
    report = Report(store, store.create_run(config.stage, config.to_json()).id)
    report.interrupt()
    with pytest.raises(Stopped):
        prepare.run(config, report)
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize("name", ["starter", "starter-easy", "starter-labels"])
def test_a_bundled_set_is_prepared_without_a_network_and_none_of_it_is_dropped(
    store: Store, tmp_path: Path, name: str
) -> None:
    train, manifest = written(store, tmp_path, dataset=name)
    assert set(manifest["dropped"]) == {"its split is 'test'"} and manifest["source"] == "the package"
    test, _ = written(store, tmp_path, dataset=name, split="test", overwrite=True)
    assert train and test and not set(train) & set(test)


@pytest.mark.parametrize("name", ["starter", "starter-easy"])
def test_one_language_of_a_bundled_set_can_be_asked_for(store: Store, tmp_path: Path, name: str) -> None:
    train, _ = written(store, tmp_path, dataset=name)
    cpp, manifest = written(store, tmp_path, dataset=name, language="cpp", overwrite=True)
    assert set(cpp) < set(train) and "its language is python" in manifest["dropped"]


def test_a_dry_run_names_the_source_the_split_and_the_files(tmp_path: Path, original: Path) -> None:
    config = PrepareConfig.parse(
        {"dataset": "mbpp", "output": "d/t.jsonl", "from_file": str(original), "language": "python"}
    )
    lines = "\n".join(prepare.dry_run(config))
    for part in (str(original), "CC-BY-4.0", "'train'", "python only", "d/t.jsonl", "d/t.manifest.json"):
        assert part in lines


def test_nobody_trains_on_a_file_that_is_a_benchmarks_test_split(store: Store, tmp_path: Path, original: Path) -> None:
    written(store, tmp_path, dataset="mbpp", from_file=str(original), purpose="benchmark")
    prepared = str(tmp_path / "out" / "train.jsonl")
    for stage, settings in (
        (sft, SftConfig.parse({"model": {"name": "m"}, "data": {"train_file": prepared}})),
        (raft, RaftConfig.parse({"sft_checkpoint": "smollm2-135m", "prompts": prepared})),
    ):
        with pytest.raises(DataError, match="is the test split of mbpp"):
            stage.dry_run(settings)


def test_the_file_of_another_dataset_is_replaced_only_when_that_is_asked_for(
    store: Store, tmp_path: Path, original: Path
) -> None:
    _, before = written(store, tmp_path, dataset="starter", language="python")
    mbpp = {"dataset": "mbpp", "from_file": str(original)}
    said = "holds dataset starter, split train, language python; give another --output, or --overwrite"
    for attempt in (lambda: written(store, tmp_path, **mbpp), lambda: refuse(tmp_path, **mbpp)):
        with pytest.raises(ConfigError, match=said):
            attempt()
    assert read_manifest(tmp_path / "out" / "train.jsonl") == before
    for change in ({"split": "test"}, {"language": "cpp"}):
        with pytest.raises(ConfigError, match=said):
            refuse(tmp_path, **{"dataset": "starter", "language": "python", **change})
    names, _ = written(store, tmp_path, **mbpp, overwrite=True)
    assert names == ["Mbpp/700", "Mbpp/701", "Mbpp/702"]


def test_the_same_dataset_is_prepared_again_with_another_limit(store: Store, tmp_path: Path, original: Path) -> None:
    written(store, tmp_path, dataset="mbpp", from_file=str(original), limit=1)
    names, _ = written(store, tmp_path, dataset="mbpp", from_file=str(original))
    assert len(names) == 3


def test_a_file_that_was_changed_by_hand_is_not_replaced(store: Store, tmp_path: Path) -> None:
    written(store, tmp_path, dataset="starter")
    with (tmp_path / "out" / "train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(ConfigError, match="no manifest says where it comes from, or it was changed since"):
        written(store, tmp_path, dataset="starter")


def test_a_preparation_that_was_killed_before_its_manifest_goes_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = PrepareConfig.parse({"dataset": "starter", "output": str(tmp_path / "x.jsonl")})
    report = Report(store, store.create_run(config.stage, config.to_json()).id)
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(prepare, "write_manifest", kill)
        prepare.run(config, report)
    assert (tmp_path / "x.jsonl").is_file() and read_manifest(tmp_path / "x.jsonl") is None
    prepare.run(config, report)
    assert read_manifest(tmp_path / "x.jsonl") is not None


def kill(*_: object) -> None:
    raise KeyboardInterrupt


def refuse(tmp_path: Path, **settings: Any) -> None:
    """What the dry run and `submit` ask first."""
    config = PrepareConfig.parse({"output": str(tmp_path / "out" / "train.jsonl"), **settings})
    for check in (prepare.dry_run, prepare.check_output):
        check(config)
