"""A pipeline is one file: its stages get each other's outputs, and a second call goes on where the first one was."""

from importlib.resources import files
from pathlib import Path

import pytest
from places import ROOT

from haloforge.config import RaftConfig, SftConfig
from haloforge.errors import ConfigError, RunError
from haloforge.pipeline import Pipeline, load_pipeline, next_run
from haloforge.store import Store

WHOLE = """
model: base
output_dir: {folder}
data: {{dataset: starter-easy, limit: 4}}
benchmark: {{samples: 2, k: 1}}
sft: {{training: {{num_train_epochs: 1}}}}
raft: {{raft: {{num_cycles: 2}}}}
export: {{format: gguf}}
"""


def pipeline(folder: Path, text: str = WHOLE, **changes: str) -> Pipeline:
    path = folder / "pipeline.yaml"
    path.write_text(text.format(folder=folder / "out"))
    return load_pipeline(path, {name.replace("__", "."): value for name, value in changes.items()})


def test_every_stage_reads_what_the_stages_before_it_wrote(tmp_path: Path) -> None:
    steps = {step.name: step.config.to_json() for step in pipeline(tmp_path).steps()}
    out = tmp_path / "out"
    assert [*steps] == ["data", "test", "benchmark before", "sft", "raft", "benchmark after", "export"]
    assert (
        steps["data"]["output"]
        == steps["sft"]["data"]["train_file"]
        == steps["raft"]["prompts"]
        == f"{out}/train.jsonl"
    )
    assert steps["test"]["output"] == steps["benchmark before"]["prompts"] == f"{out}/test.jsonl"
    assert steps["benchmark before"]["model"] == steps["sft"]["model"]["name"] == "base"
    assert steps["raft"]["sft_checkpoint"] == f"{out}/sft/final_model"
    assert steps["benchmark after"]["model"] == steps["export"]["model"] == f"{out}/raft"


def test_a_stage_that_is_left_out_hands_its_input_on(tmp_path: Path) -> None:
    steps = pipeline(tmp_path, sft="false", benchmark="false", export="false").steps()
    assert [step.name for step in steps] == ["data", "raft"]
    assert isinstance(steps[1].config, RaftConfig) and steps[1].config.sft_checkpoint == "base"


def test_what_the_file_says_of_a_path_beats_what_the_stages_would_hand_on(tmp_path: Path) -> None:
    [step] = pipeline(tmp_path, "sft: {{data: mine.jsonl, output_dir: here}}").steps()
    assert isinstance(step.config, SftConfig)
    assert (step.config.data.train_file, step.config.output_dir) == ("mine.jsonl", "here")


def test_a_changed_setting_leaves_the_short_form_of_its_section_as_given(tmp_path: Path) -> None:
    text = "sft: {{data: mine.jsonl, output_dir: here}}"
    [step] = pipeline(tmp_path, text, sft__data__max_seq_length="512").steps()
    assert isinstance(step.config, SftConfig)
    assert (step.config.data.train_file, step.config.data.max_seq_length) == ("mine.jsonl", 512)


@pytest.mark.parametrize("name", ["raft.num_cycles", "raft.raft.num_cycles"])
def test_a_setting_is_changed_by_its_whole_or_its_short_name(tmp_path: Path, name: str) -> None:
    raft = pipeline(tmp_path, **{name.replace(".", "__"): "7"}).steps()[4].config
    assert isinstance(raft, RaftConfig) and raft.raft.num_cycles == 7


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("rafft: {{}}", {}, "a pipeline has no section 'rafft'"),
        ("raft: 3", {}, "the section raft should hold settings"),
        ("model: base", {}, "there is no stage in it"),
        ("raft: {{}}", {"raft__num_cycle": "3"}, "no setting 'num_cycle'; did you mean raft.*num_cycles"),
        ("raft: {{}}", {"rafft__num_cycles": "3"}, "a pipeline has no section 'rafft'"),
        ("raft: {{raft: {{num_cycles: none}}}}", {}, "the pipeline's section raft: raft.num_cycles"),
        ("data: {{dataset: acecode}}\nbenchmark: {{}}", {}, "acecode has no test split to benchmark on"),
        (WHOLE, {"raft.num_cycles": "[" * 5000}, "--set raft.num_cycles: .{,220} cannot be read as YAML"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pipeline(tmp_path, text, **changes).steps()


def test_a_second_call_goes_on_where_the_first_was(tmp_path: Path, store: Store) -> None:
    whole = pipeline(tmp_path)
    data, test, *_ = whole.steps()
    first = next_run(store, whole, data, None)
    assert first and next_run(store, whole, data, None) == first  # it is queued and belongs to this step
    store.finish(first.id, "stopped", was="queued")
    again = next_run(store, whole, data, None)
    assert again and (again.id, again.status) == (first.id, "queued")
    store.update_run(first.id, status="done")
    assert data.config.output_path is not None
    data.config.output_path.write_text("{}")
    assert next_run(store, whole, data, None) is None
    second = next_run(store, whole, test, first.id)
    assert second and second.parent == first.id


def test_a_step_with_other_settings_than_before_is_refused(tmp_path: Path, store: Store) -> None:
    whole = pipeline(tmp_path)
    next_run(store, whole, whole.steps()[0], None)
    other = pipeline(tmp_path, data__limit="5")
    with pytest.raises(RunError, match="the step data of .*out was run with other settings .* another output_dir"):
        next_run(store, other, other.steps()[0], None)


@pytest.mark.parametrize("path", [p for p in (ROOT / "configs").glob("*.yaml") if p.is_symlink()], ids=lambda p: p.name)
def test_the_pipelines_of_the_package_lie_among_the_recipes(path: Path) -> None:
    assert [step.name for step in load_pipeline(path, {}).steps()][-3:] == ["raft", "benchmark after", "export"]
    assert path.name in {p.name for p in files("haloforge.recipes").iterdir()}
