"""The SFT stage: rows in, a model that loads anywhere out, and one sentence for what is wrong."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from known_rates import know_rates
from tiny import save_tiny_adapter, save_tiny_model

from haloforge.config import LoraSection, SftConfig, SftTraining
from haloforge.errors import ConfigError, DataError, ModelError, RunError, Stopped
from haloforge.estimates import Adapting
from haloforge.files import read_jsonl, sha256_of
from haloforge.models import load, read_metadata, resolve
from haloforge.problems import Manifest, write_manifest
from haloforge.stages import plan, sft
from haloforge.stages.shared.phases import recorded
from haloforge.store import Report, Store

pytestmark = pytest.mark.usefixtures("one_thread")

ROWS: list[Mapping[str, Any]] = [
    {"task_id": f"t{i}", "prompt": f"Return {i}.", "solution": f"def f():\n    return {i}", "meta": {"family": f"{i}"}}
    for i in range(10)
]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")
    know_rates(folder, Adapting(SftTraining(), LoraSection()))
    return str(folder)


@pytest.fixture
def report(store: Store) -> Report:
    return Report(store, store.create_run("sft", {}).id)


def config(folder: Path, model: str, rows: list[Mapping[str, Any]] = ROWS, **overrides: Any) -> SftConfig:
    data = folder / "train.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = {
        "model.name": model,
        "data.train_file": str(data),
        "output_dir": str(folder / "out"),
        "training.num_train_epochs": 1,
        "training.gradient_accumulation_steps": 2,
    }
    return SftConfig.load(None, given | {name.replace("__", "."): value for name, value in overrides.items()})


def said(report: Report) -> str:
    return "\n".join(e.data["text"] for e in report.store.events(report.run_id, kind="log"))


def test_every_form_of_row_is_learned_and_the_rest_is_counted_and_named(
    model: str, report: Report, tmp_path: Path
) -> None:
    rows = [
        *ROWS,
        {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hello."}]},
        {"prompt": "One?", "completion": "1."},
        {"prompt": "Two?", "response": "2."},
        {"text": "x = 1"},
        {"text": "y = 1\n" * 200},
        {"prompt": "No answer"},
    ]
    sft.run(config(tmp_path, model, rows, data__max_seq_length=256), report)
    counts = next(e.data["values"] for e in report.store.events(report.run_id, kind="metric"))
    assert counts | {"tokens": 0} == {"rows": 13, "held_out": 1, "skipped": 1, "too_long": 1, "tokens": 0}
    assert "1 rows of more than 256 tokens are left out: line 15" in said(report)
    assert "line 16 is left out" in said(report)
    artifact = report.store.last_event(report.run_id, "artifact")
    assert artifact is not None
    assert artifact.data["path"] == str(tmp_path / "out" / "final_model")
    assert load(artifact.data["path"], device="cpu").checkpoint.run == report.run_id


def test_the_output_folder_itself_names_the_model(model: str, report: Report, tmp_path: Path) -> None:
    sft.run(config(tmp_path, model), report)
    found = resolve(str(tmp_path / "out"))
    assert (found.path, found.base_model, found.is_adapter) == (str(tmp_path / "out" / "final_model"), model, True)


def test_stopped_and_run_again_it_ends_as_if_nothing_had_been(model: str, store: Store, tmp_path: Path) -> None:
    whole, broken = (Report(store, store.create_run("sft", {}).id) for _ in range(2))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    sft.run(config(tmp_path / "a", model), whole)
    store.update_run(broken.run_id, stop="now")
    with pytest.raises(Stopped):
        sft.run(config(tmp_path / "b", model), broken)
    assert not list((tmp_path / "b" / "out").iterdir())
    store.update_run(broken.run_id, stop="")
    sft.run(config(tmp_path / "b", model), broken)
    one, two = ((tmp_path / x / "out/final_model/adapter_model.safetensors").read_bytes() for x in "ab")
    assert one == two


def test_a_finished_run_run_again_changes_nothing(model: str, report: Report, tmp_path: Path) -> None:
    settings = config(tmp_path, model)
    sft.run(settings, report)
    weights = tmp_path / "out" / "final_model" / "adapter_model.safetensors"
    before = weights.stat().st_mtime_ns
    sft.run(settings, report)
    assert weights.stat().st_mtime_ns == before


def test_data_that_changed_since_the_run_began_is_refused(
    model: str, store: Store, report: Report, tmp_path: Path
) -> None:
    store.update_run(report.run_id, stop="now")
    with pytest.raises(Stopped):
        sft.run(config(tmp_path, model), report)
    with pytest.raises(RunError, match="training data and held-out data changed|training data changed"):
        sft.run(config(tmp_path, model, ROWS[:6]), report)


def test_the_model_of_another_run_is_kept_unless_told_otherwise(model: str, store: Store, tmp_path: Path) -> None:
    first, second = (Report(store, store.create_run("sft", {}).id) for _ in range(2))
    sft.run(config(tmp_path, model), first)
    for refused in (lambda: sft.dry_run(config(tmp_path, model)), lambda: sft.run(config(tmp_path, model), second)):
        with pytest.raises(ConfigError, match=f"was made by run {first.run_id}; .*--overwrite"):
            refused()
    sft.run(config(tmp_path, model, overwrite=True), second)
    assert read_metadata(tmp_path / "out" / "final_model").run == second.run_id


def test_an_adapter_goes_on(model: str, report: Report, tmp_path: Path) -> None:
    adapter = str(save_tiny_adapter(tmp_path / "adapter", model))
    settings = config(tmp_path, adapter)
    assert sft.dry_run(settings)[0] == f"model    {adapter}, whose adapter goes on"
    sft.run(settings, report)
    metadata = read_metadata(tmp_path / "out" / "final_model")
    assert (metadata.base_model, metadata.parent) == (model, adapter)


def test_a_validation_file_leaves_all_rows_to_learn_from(model: str, report: Report, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps({"prompt": "Five?", "completion": "5."}) + "\n")
    sft.run(config(tmp_path, model, data__validation_file=str(other)), report)
    assert "10 rows to learn from, 1 held out" in said(report)


def test_what_is_validated_on_is_not_learned(model: str, report: Report, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:3]))
    settings = config(tmp_path, model, data__validation_file=str(other))
    assert f"caution  3 rows are left out, as {other} holds their problems" in sft.dry_run(settings)
    sft.run(settings, report)
    assert "7 rows to learn from, 3 held out" in said(report)


def test_a_file_that_is_validated_on_as_a_whole_is_refused(model: str, tmp_path: Path) -> None:
    settings = config(tmp_path, model, ROWS[:4])
    with pytest.raises(DataError, match="every row of .*train.jsonl is held out .* nothing is left to learn from"):
        sft.dry_run(settings.changed({"data.validation_file": settings.data.train_file}))


def test_rows_of_a_public_benchmark_are_cautioned_against(shared_data: Path, model: str, tmp_path: Path) -> None:
    rows = [row for _, row in read_jsonl(shared_data / "mbpp" / "mbpp.jsonl")][10:14]
    lines = sft.dry_run(config(tmp_path, model, rows))
    assert any(
        line.startswith("caution  3 benchmark tasks are among the problems to train on (Mbpp/") for line in lines
    )


def several(tmp_path: Path, model: str, **overrides: Any) -> SftConfig:
    """Ten rows with weight 1 and two with weight 2, which has to be seen ten times each for that."""
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({"prompt": f"Say {i}.", "completion": str(i)}) + "\n" for i in range(2)))
    settings = config(tmp_path, model, data__validation_split=0, **overrides)
    files = [{"file": settings.data.train_file, "weight": 1}, {"file": str(other), "weight": 2}]
    return settings.changed({"data.train_file": files})


def test_several_files_are_learned_in_the_ratio_of_their_weights(model: str, report: Report, tmp_path: Path) -> None:
    settings = several(tmp_path, model)
    lines = sft.dry_run(settings)
    assert any("other.jsonl: 2 rows to learn from, 20 in an epoch by its weight 2, 0 that" in x for x in lines)
    assert "data     together 30 rows in an epoch, 0 held out" in lines
    sft.run(settings, report)
    assert "30 rows to learn from, 0 held out" in said(report)
    assert "steps    at most 8 (1 epochs)" in lines and "trained for 8 steps" in said(report)


def test_rows_that_would_be_seen_very_often_are_cautioned_against(model: str, tmp_path: Path) -> None:
    settings = several(tmp_path, model)
    assert not any(line.startswith("caution") for line in sft.dry_run(settings))
    first, second = (
        {"file": file.file, "weight": weight} for file, weight in zip(settings.data.files, (1, 5), strict=True)
    )
    lines = sft.dry_run(settings.changed({"data.train_file": [first, second]}))
    assert any("caution" in x and "other.jsonl is seen 25 times in an epoch; give it a smaller" in x for x in lines)


def test_the_record_of_a_run_has_the_digest_and_the_weight_of_every_file(
    model: str, report: Report, tmp_path: Path
) -> None:
    settings = several(tmp_path, model)
    sft.run(settings, report)
    record = recorded(report.store, report.run_id, 0, "plan")
    assert record is not None
    kept = [(file["file"], file["weight"], file["rows"], file["sha256"]) for file in record.findings["files"]]
    assert kept == [(f.file, f.weight, n, sha256_of(f.file)) for f, n in zip(settings.data.files, (10, 2), strict=True)]


def test_a_file_that_was_not_made_for_training_is_cautioned_against(model: str, tmp_path: Path) -> None:
    settings = config(tmp_path, model)
    write_manifest(tmp_path / "train.jsonl", Manifest(dataset="own", source="run r, all", for_training=False))
    notice = f"caution  {settings.data.train_file} is not meant for training, as its manifest says (run r, all)"
    assert notice in sft.dry_run(settings)


def test_every_file_is_looked_through_for_benchmark_tasks(shared_data: Path, model: str, tmp_path: Path) -> None:
    tasks = [row for _, row in read_jsonl(shared_data / "mbpp" / "mbpp.jsonl")][10:14]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tasks))
    clean = config(tmp_path, model, data__validation_split=0)
    files = [{"file": clean.data.train_file}, {"file": str(tmp_path / "tasks.jsonl")}]
    assert any("4 benchmark tasks are among" in x for x in sft.dry_run(clean.changed({"data.train_file": files})))


def test_a_file_of_which_nothing_is_short_enough_is_named(model: str, report: Report, tmp_path: Path) -> None:
    settings = several(tmp_path, model)
    (tmp_path / "other.jsonl").write_text(json.dumps({"prompt": "Go on.", "completion": "word " * 3000}) + "\n")
    with pytest.raises(DataError, match=r"other.jsonl: every row has more than 2048 tokens"):
        sft.run(settings, report)


def test_a_dry_run_of_many_rows_leaves_the_comparison_to_the_run(model: str, tmp_path: Path) -> None:
    many: list[Mapping[str, Any]] = [{"prompt": f"Say {i}.", "completion": str(i)} for i in range(5300)]
    lines = sft.dry_run(config(tmp_path, model, many))
    assert "caution  so many rows are compared with the benchmarks when the run starts" in lines


def test_the_dry_run_says_what_would_happen_and_does_nothing(model: str, tmp_path: Path) -> None:
    rows = [*ROWS, {"prompt": "No answer"}]
    settings = config(tmp_path, model, rows, training__num_train_epochs=3)
    before = sorted(tmp_path.rglob("*"))
    text = "\n".join(sft.dry_run(settings))
    assert sorted(tmp_path.rglob("*")) == before
    assert "9 rows to learn from, 1 held out, 1 that cannot be used: line 11" in text
    assert "at most 9 (3 epochs)" in text
    assert str(tmp_path / "out" / "final_model") in text


def test_the_dry_run_needs_no_hub_for_a_hub_model(tmp_path: Path) -> None:
    assert "from the Hub" in sft.dry_run(config(tmp_path, "Qwen/Qwen2.5-Coder-7B"))[0]


@pytest.mark.parametrize(
    ("overrides", "error", "sentence"),
    [
        ({"data__train_file": "missing.jsonl"}, DataError, "missing.jsonl does not exist"),
        ({"model__name": "no such model"}, ModelError, "Unknown model"),
        ({"output_dir": "/dev/null/out"}, ConfigError, "/dev/null is no folder"),
        ({"data__max_seq_length": 16}, DataError, "every row has more than 16 tokens"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    overrides: dict[str, Any], error: type[Exception], sentence: str, model: str, report: Report, tmp_path: Path
) -> None:
    with pytest.raises(error, match=sentence):
        settings = config(tmp_path, model, **overrides)
        plan(settings)
        sft.run(settings, report)


def test_an_empty_file_is_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to learn from"):
        sft.dry_run(config(tmp_path, model, []))


@pytest.mark.slow
def test_the_embedded_model_learns_eight_rows_and_loads_from_elsewhere(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(
        tmp_path,
        "smollm2-135m",
        ROWS[:8],
        data__validation_split=0,
        training__num_train_epochs=2,
        training__gradient_accumulation_steps=1,
        training__per_device_train_batch_size=4,
        training__learning_rate=1e-3,
    )
    sft.run(settings, report)
    losses = [e.data["values"] for e in report.store.events(report.run_id, kind="metric") if e.data["name"] == "train"]
    assert losses[-1]["loss"] < 0.8 * losses[0]["loss"]
    assert losses[-1]["token_accuracy"] > losses[0]["token_accuracy"]

    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "out" / "final_model").rename(tmp_path / "elsewhere" / "model")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert json.loads((moved / "adapter_config.json").read_text())["base_model_name_or_path"] == "smollm2-135m"
    assert load("./model", device="cpu").checkpoint.base_model == "smollm2-135m"
