"""Forms are made from the settings, and say the same as command line and YAML."""

from pathlib import Path
from typing import Any

import pytest
from places import ROOT

from haloforge.config import STAGES
from haloforge.errors import ConfigError
from haloforge.nesting import nested
from haloforge.settings import StageConfig, settings, values
from haloforge.ui.fields import WHERE, explain, heading, is_picked
from haloforge.ui.form import Form

REQUIRED: dict[str, dict[str, Any]] = {
    "data-prepare": {"output": "data/x.jsonl"},
    "data-generate": {"prompts": "data/prompts.txt", "model": "m"},
    "sft": {"model.name": "smollm2-135m", "data.train_file": "data/x.jsonl"},
    "raft": {"prompts": "data/x.jsonl", "sft_checkpoint": "smollm2-135m"},
    "benchmark": {"model": "m", "prompts": "data/x.jsonl"},
    "release": {"model": "m"},
}


def form_of(stage: str) -> Form:
    import gradio as gr

    with gr.Blocks(analytics_enabled=False):
        return Form(STAGES[stage], lambda kind: [f"a {kind}"])


def typed(form: Form, flat: dict[str, Any]) -> list[Any]:
    """What the components hold after `flat` was put into them."""
    return [update.get("value") for update in form.show(flat)]


@pytest.mark.parametrize("stage", STAGES)
def test_every_setting_has_one_field_with_its_help(stage: str) -> None:
    form = form_of(stage)
    assert len(form.components) == len(settings(STAGES[stage]))
    assert all(component.label and component.info for component in form.components)


@pytest.mark.parametrize("stage", STAGES)
def test_an_untouched_form_says_the_defaults(stage: str) -> None:
    form = form_of(stage)
    assert form.parse(typed(form, REQUIRED[stage])) == STAGES[stage].parse(nested(REQUIRED[stage]))


RECIPES = [p for p in sorted((ROOT / "configs").glob("*.yaml")) if p.stem.split("-")[0] in STAGES]


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_goes_through_the_form_unchanged(path: Path) -> None:
    stage = path.stem.split("-")[0]
    config: StageConfig = STAGES[stage].load(path)
    form = form_of(stage)
    assert form.parse(typed(form, values(config))) == config


def test_weighted_training_files_go_through_the_form_as_text() -> None:
    files = "[{file: a.jsonl, weight: 2}, {file: b c.jsonl, weight: 0.5}]"
    config = STAGES["sft"].load(None, {"model.name": "m", "data.train_file": files})
    form = form_of("sft")
    shown = typed(form, values(config))
    assert files in shown
    assert form.parse(shown) == config


def test_the_elements_of_two_forms_never_share_a_name() -> None:
    names = [component.elem_id for stage in STAGES for component in form_of(stage).components]
    assert len(names) == len(set(names))


def test_what_is_missing_is_named_as_its_field_is() -> None:
    with pytest.raises(ConfigError, match="Still to fill in: Model name, Training data"):
        form = form_of("sft")
        form.parse(typed(form, {}))


def test_a_value_out_of_bounds_is_one_sentence() -> None:
    form = form_of("sft")
    with pytest.raises(ConfigError, match=r'^"Rank" should be at least 1 \(not 0\)$'):
        form.parse(typed(form, {**REQUIRED["sft"], "lora.r": 0}))


def test_half_a_cycle_is_refused_in_the_words_of_the_label() -> None:
    form = form_of("raft")
    shown = dict(zip((s.path for s in form.settings), typed(form, REQUIRED["raft"]), strict=True))
    with pytest.raises(ConfigError, match=r'^"Number of cycles" should be a whole number \(not 2\.5\)$'):
        form.parse(list((shown | {"raft.num_cycles": "2.5"}).values()))


def test_an_emptied_number_is_missing_and_not_its_default() -> None:
    form = form_of("raft")
    shown = dict(zip((s.path for s in form.settings), typed(form, REQUIRED["raft"]), strict=True))
    with pytest.raises(ConfigError, match=r"^Still to fill in: Number of cycles\.$"):
        form.parse(list((shown | {"raft.num_cycles": None}).values()))


def test_the_flags_of_the_command_line_are_named_by_their_labels() -> None:
    form = form_of("benchmark")
    with pytest.raises(ConfigError, match='give "Samples per problem" 100 or more'):
        form.parse(typed(form, {**REQUIRED["benchmark"], "k": (1, 100), "samples": 1}))


def test_an_optional_number_may_be_left_empty() -> None:
    form = form_of("benchmark")
    assert values(form.parse(typed(form, {**REQUIRED["benchmark"], "limit": None})))["limit"] is None
    assert values(form.parse(typed(form, {**REQUIRED["benchmark"], "limit": 5})))["limit"] == 5


@pytest.mark.parametrize("typed_text", ["1e-5", "0.00001", "3", "5e-4"])
def test_a_number_is_shown_as_short_as_it_can_be_typed(typed_text: str) -> None:
    form = form_of("sft")
    flat = {**REQUIRED["sft"], "training.learning_rate": float(typed_text) / 10}
    assert values(form.parse(typed(form, flat)))["training.learning_rate"] == float(typed_text) / 10


def test_a_number_that_no_float_holds_is_kept_as_typed() -> None:
    form = form_of("sft")
    config = form.parse(typed(form, {**REQUIRED["sft"], "seed": "9007199254740993"}))
    assert values(config)["seed"] == 9007199254740993


@pytest.mark.parametrize("stage", STAGES)
def test_the_labels_of_a_form_differ(stage: str) -> None:
    labels = [heading(s) for s in settings(STAGES[stage])]
    assert len(labels) == len(set(labels)), sorted(label for label in labels if labels.count(label) > 1)


@pytest.mark.parametrize("stage", STAGES)
def test_five_to_eight_settings_stand_outside_the_groups(stage: str) -> None:
    form = form_of(stage)
    grouped = [path for paths in form.groups.values() for path in paths]
    assert 5 <= len(form.settings) - len(grouped) <= 8


def test_an_empty_output_is_named_after_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    form = form_of("sft")
    shown = typed(form, {**REQUIRED["sft"], "output_dir": None})
    assert str(form.parse(shown).output_path) == "models/sft-x"
    assert str(form.parse(shown, {tmp_path / "models/sft-x"}).output_path) == "models/sft-x-2"


def test_a_choice_with_its_facts_is_the_name_alone() -> None:
    form = form_of("sft")
    config = form.parse(typed(form, {**REQUIRED["sft"], "data.train_file": "data/x.jsonl\u2003 40 rows, MIT"}))
    assert values(config)["data.train_file"] == "data/x.jsonl"


def test_several_k_are_written_with_commas() -> None:
    form = form_of("benchmark")
    config = form.parse(typed(form, {**REQUIRED["benchmark"], "k": (1, 5), "samples": 20}))
    assert values(config)["k"] == (1, 5)


def test_what_single_cycles_do_is_written_as_a_list() -> None:
    form = form_of("raft")
    cycles = ({"reward_threshold": 0.3, "verifier": "gcc"}, {}, {"temperature": 0.9})
    flat = {**REQUIRED["raft"], "cycles": cycles}
    shown = dict(zip((s.path for s in form.settings), typed(form, flat), strict=True))
    assert shown["cycles"] == "[{reward_threshold: 0.3, verifier: gcc}, {}, {temperature: 0.9}]"
    assert values(form.parse(typed(form, flat)))["cycles"] == cycles


def test_fields_for_what_exists_offer_it_and_take_anything() -> None:
    form = form_of("raft")
    picked = {s.path: c for s, c in zip(form.settings, form.components, strict=True) if is_picked(s)}
    assert {"sft_checkpoint", "prompts", "evaluation.prompts"} <= picked.keys()
    assert all(component.allow_custom_value for component in picked.values())


def test_files_that_are_written_are_typed() -> None:
    assert not any(is_picked(s) for s in settings(STAGES["benchmark"]) if s.path == "output")


def test_bounds_stand_beside_the_help() -> None:
    rank = next(s for s in settings(STAGES["sft"]) if s.path == "lora.r")
    assert explain(rank) == "Rank of the adapter matrices. (1 to 1\u202f024)"


@pytest.mark.parametrize(
    ("stage", "path"), [("raft", "training.launch"), ("sft", "training.launch"), ("benchmark", "backend")]
)
def test_what_says_where_work_happens_stands_in_one_group(stage: str, path: str) -> None:
    form = form_of(stage)
    inside = form.groups[f"{stage}-group-where"]
    assert path in inside and all(known.startswith(WHERE) for known in inside)
    assert not [s.path for s in form.settings if s.path.startswith(WHERE) and s.path not in inside]
