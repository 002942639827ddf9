"""One definition of every setting: YAML, flags and stored configs say the same."""

import re
from pathlib import Path

import pytest
from places import ROOT

from haloforge import config
from haloforge.cli.flags import typed
from haloforge.cli.parser import build
from haloforge.errors import ConfigError
from haloforge.records import Run

RECIPES = sorted((ROOT / "configs").glob("*.yaml"))
STAGE_RECIPES = [path for path in RECIPES if path.stem.split("-")[0] in config.STAGES]
"""The others are whole pipelines: tests/test_pipeline_file.py."""
REQUIRED = {
    "data-prepare": {"output": "o.jsonl"},
    "data-generate": {"prompts": "p.txt", "model": "m"},
    "sft": {"model.name": "m", "data.train_file": "t.jsonl"},
    "raft": {"prompts": "p.jsonl"},
    "benchmark": {"model": "m", "prompts": "p.jsonl"},
    "release": {"model": "m"},
}
ALL = [*config.STAGES.values(), config.VerifyConfig, config.ValidateConfig, config.AppConfig, config.ServeConfig]


def from_flags(*words: str) -> config.StageConfig:
    args = build().parse_args(words)
    return config.STAGES[args.stage].load(Path(args.config) if args.config else None, typed(args))


@pytest.mark.parametrize("path", STAGE_RECIPES, ids=lambda p: p.name)
def test_every_recipe_loads_as_the_stage_that_its_name_says(path: Path) -> None:
    assert config.STAGES[path.stem.split("-")[0]].load(path)


@pytest.mark.parametrize("cls", ALL, ids=lambda c: c.stage)
def test_every_setting_has_help_and_a_flag_of_its_own(cls: type[config.StageConfig]) -> None:
    found = config.settings(cls)
    assert all(s.help for s in found)
    assert len({s.flag for s in found}) == len(found)


@pytest.mark.parametrize("stage", config.STAGES)
def test_a_config_survives_yaml_and_json(stage: str, tmp_path: Path) -> None:
    cls = config.STAGES[stage]
    original = cls.load(None, REQUIRED[stage])
    (tmp_path / "c.yaml").write_text(original.to_yaml())
    assert cls.load(tmp_path / "c.yaml") == original
    assert cls.parse(original.to_json()) == original


@pytest.mark.parametrize("stage", config.STAGES)
def test_the_command_of_a_config_gives_that_config(stage: str) -> None:
    changed = dict(REQUIRED[stage])
    for s in config.settings(config.STAGES[stage]):
        if s.path in changed or s.choices:
            continue
        if s.type is bool:
            changed[s.path] = not s.default
        elif s.type is int and s.path != "samples":
            changed[s.path] = int(s.minimum or 0) + 3
    original = config.STAGES[stage].load(None, changed)
    assert from_flags(*config.command(original)[1:]) == original


def test_a_command_with_spaces_in_its_words_survives_copy_as_command() -> None:
    original = config.RaftConfig.load(None, REQUIRED["raft"] | {"verifier.command": "'/my tools/judge' {file}"})
    assert original.verifier.command == ("/my tools/judge", "{file}")
    assert from_flags(*config.command(original)[1:]) == original


def test_what_single_cycles_do_survives_yaml_and_copy_as_command(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "prompts: p\ncycles:\n  - reward_threshold: 0.3\n    verifier: gcc\n  -\n  - temperature: 0.9\n"
    )
    original = config.RaftConfig.load(tmp_path / "c.yaml")
    assert original.cycles == ({"reward_threshold": 0.3, "verifier": "gcc"}, {}, {"temperature": 0.9})
    assert from_flags(*config.command(original)[1:]) == original
    (tmp_path / "again.yaml").write_text(original.to_yaml())
    assert config.RaftConfig.load(tmp_path / "again.yaml") == original


@pytest.mark.parametrize("short", [True, False])
def test_weighted_training_files_survive_yaml_flags_and_copy_as_command(tmp_path: Path, short: bool) -> None:
    files = "[{file: 'my a.jsonl', weight: 2}, {file: b.jsonl}]"
    data = f"data: {files}" if short else f"data:\n  train_file: {files}"
    (tmp_path / "c.yaml").write_text(f"model: {{name: m}}\n{data}\n")
    original = from_flags("sft", "train", "--config", str(tmp_path / "c.yaml"), "--max-seq-length", "99")
    assert isinstance(original, config.SftConfig)
    assert original.data.files == (("my a.jsonl", 2), ("b.jsonl", 1)) and original.data.max_seq_length == 99
    assert from_flags(*config.command(original)[1:]) == original
    assert from_flags("sft", "train", "--model", "m", "--data", files, "--max-seq-length", "99") == original
    (tmp_path / "again.yaml").write_text(original.to_yaml())
    assert config.SftConfig.load(tmp_path / "again.yaml") == original


def test_a_second_training_file_is_not_dropped_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        from_flags("sft", "train", "--model", "m", "--data", "a.jsonl", "--data", "b.jsonl")
    assert "--data stands twice, and names one file; for several give --data '[{file: A" in capsys.readouterr().err


def test_a_file_name_is_one_file_with_the_weight_one() -> None:
    for data in ("a, b:2.jsonl", {"train_file": "a, b:2.jsonl"}):
        sft = config.SftConfig.parse({"model": {"name": "m"}, "data": data})
        assert sft.data.files == (("a, b:2.jsonl", 1),)


def test_a_cycle_has_its_own_settings_and_else_those_of_the_run() -> None:
    whole = config.RaftConfig.load(
        None, REQUIRED["raft"] | {"cycles": [{"verifier": "gcc"}, {"strategy": "best_of_n"}]}
    )
    assert [whole.of_cycle(n).verifier.type for n in range(4)] == ["auto", "gcc", "auto", "auto"]
    assert [whole.of_cycle(n).raft.strategy for n in (1, 2, 3)] == ["top_percent", "best_of_n", "top_percent"]


def test_a_typed_flag_beats_yaml_and_yaml_beats_the_default() -> None:
    sft = from_flags("sft", "train", "--config", str(ROOT / "configs/sft.yaml"), "--learning-rate", "1e-3")
    assert isinstance(sft, config.SftConfig)
    assert sft.training.learning_rate == 1e-3
    assert sft.lora.r == 64


def test_a_flag_at_its_default_still_beats_yaml() -> None:
    raft = from_flags("raft", "train", "--config", str(ROOT / "configs/raft.yaml"), "--cycles", "3")
    assert isinstance(raft, config.RaftConfig)
    assert raft.raft.num_cycles == 3


def test_scientific_notation_in_yaml_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("prompts: p\ntraining:\n  learning_rate: 5e-5\n")
    assert config.RaftConfig.load(tmp_path / "c.yaml").training.learning_rate == 5e-5


def test_a_group_without_a_line_of_its_own_is_at_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("prompts: p\nraft:\n  # num_cycles: 5\ntraining:\n")
    assert config.RaftConfig.load(tmp_path / "c.yaml") == config.RaftConfig.parse({"prompts": "p"})


@pytest.mark.parametrize(
    ("stage", "setting", "value", "said"),
    [
        ("raft", "training.lerning_rate", 1, "did you mean 'training.learning_rate'"),
        ("raft", "raft.cycles", 1, "no setting 'raft.cycles'"),
        ("raft", "verifier.type", "gc", "did you mean 'gcc'"),
        ("raft", "verifier.type", ["gcc"], r"verifier.type should be .* \(not \['gcc'\]\)"),
        ("raft", "cycles", [{"verifier": [1]}], "cycles, entry 1: verifier.type should be"),
        ("sft", "training.max_grad_norm", float("inf"), "max_grad_norm should be a finite number"),
        (
            "sft",
            "data.train_file",
            [{"file": "a", "weight": 1e-9}, {"file": "b", "weight": 1}],
            "b counts 1e[+]09 times as much as a; give weights that differ by at most 10,000 times",
        ),
        ("raft", "training.learning_rate", "fast", "training.learning_rate should be a valid number"),
        ("raft", "raft.num_cycles", 0, "greater than or equal to 1"),
        ("raft", "raft", 3, "raft should be"),
        ("sft", "model", "smollm2-135m", r"model should be a group of settings such as model.name, not 'smollm2-135m'"),
        ("sft", "training.epochs", 3, "did you mean"),
        ("benchmark", "k", "1,50", "pass@50 cannot be estimated from 10 samples"),
        ("benchmark", "k", "", "k is empty"),
        ("sft", "data.train_file", [], "give a file name, or a list such as"),
        ("sft", "data.train_file", "[a.jsonl, b.jsonl]", "give a file name, or a list such as"),
        ("sft", "data.train_file", [{"file": "a", "wieght": 2}], "entry 1 should have a file and a weight and nothing"),
        ("sft", "data.train_file", [{"file": "a", "weight": 0}], "the weight of a should be a number above 0, not 0"),
        ("sft", "data.train_file", [{"file": "a", "weight": 10**400}], "the weight of a should be a number above 0"),
        ("sft", "data.train_file", [{"file": "a"}, {"file": "a"}], "stands in the list twice"),
        ("raft", "verifier.command", "judge 'my", "verifier.command cannot be read: No closing quotation"),
        ("raft", "cycles", [{"reward_treshold": 1}], "cycles, entry 1: no 'reward_treshold' here; a cycle can have"),
        ("raft", "cycles", "[{}, {reward_threshold: 3}]", "cycles, entry 2: raft.reward_threshold should be less than"),
        ("raft", "cycles", [{"verifier": "gc"}], "cycles, entry 1: verifier.type should be .*did you mean 'gcc'"),
        ("raft", "cycles", [{}] * 4, "cycles has 4 entries for 3 cycles"),
        ("raft", "cycles", "reward_threshold: 1", "cycles cannot be read: give a list"),
        ("data-prepare", "dataset", "humanevl", "did you mean 'humaneval'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(stage: str, setting: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config.STAGES[stage].load(None, REQUIRED[stage] | {setting: value})


def test_a_threshold_that_two_settings_move_is_refused() -> None:
    both = {"cycles": [{"reward_threshold": 0.3}], "raft.final_threshold": 0.9}
    with pytest.raises(ConfigError, match="cycles and raft.final_threshold both say how the reward_threshold changes"):
        config.RaftConfig.load(None, REQUIRED["raft"] | both)


@pytest.mark.parametrize(
    ("stage", "given", "name"),
    [
        ("raft", {"prompts": "p"}, "raft.samples_per_prompt 8"),
        ("raft", {"prompts": "p", "raft.samples_per_prompt": 1}, "evaluation.samples_per_prompt 4"),
        ("benchmark", {"prompts": "p", "model": "m"}, "samples 10"),
        ("data-generate", {"prompts": "p", "model": "m", "samples": 2}, "samples 2"),
    ],
)
def test_several_greedy_samples_of_a_problem_are_refused(stage: str, given: dict[str, object], name: str) -> None:
    said = f"generation.temperature 0 gives the same completion every time, so {name} would be copies of one: give"
    with pytest.raises(ConfigError, match=re.escape(said)):
        config.STAGES[stage].load(overrides=given | {"generation.temperature": 0})


def test_one_greedy_sample_of_each_problem_is_fine() -> None:
    given = {"prompts": "p", "model": "m", "samples": 1, "generation.temperature": 0}
    assert config.BenchmarkConfig.load(overrides=given).generation.temperature == 0


def test_a_missing_setting_says_which_flag_gives_it() -> None:
    with pytest.raises(ConfigError, match="give --data"):
        config.SftConfig.load(None, {"model.name": "m"})


def test_a_wrong_file_is_a_short_sentence_however_much_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "raft.yaml"
    path.write_text("raft: [" + "x, " * 5000 + "]\n" + "".join(f"key{i}: 1\n" for i in range(500)))
    with pytest.raises(ConfigError, match=r"and 49\d more$") as refused:
        config.RaftConfig.load(path, {})
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [1", "not valid YAML"), ("- 1\n- 2\n", "mapping"), ("a: 1\n  b: 2\n", "line 2")],
)
def test_a_broken_yaml_file_is_one_sentence_with_the_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        config.RaftConfig.load(tmp_path / "c.yaml")


def test_a_missing_yaml_file_is_named() -> None:
    with pytest.raises(ConfigError, match="nosuch.yaml: there is no such file"):
        config.RaftConfig.load(Path("nosuch.yaml"))


@pytest.mark.parametrize("stage", config.STAGES)
def test_every_stage_that_is_run_says_what_it_writes(stage: str) -> None:
    original = config.STAGES[stage].load(None, REQUIRED[stage])
    assert original.output_path is not None
    stored = Run("r", stage, "done", original.to_json(), 0.0, cwd="/work")
    assert config.output_of(stored) == Path("/work") / original.output_path
    assert config.model_folder_of(stored) == (config.output_of(stored) if stage in ("sft", "raft", "release") else None)


@pytest.mark.parametrize(("stage", "stored"), [("sft", {}), ("sft", {"output_dir": 3}), ("distil", {"output": "x"})])
def test_a_run_of_another_version_may_not_say_what_it_wrote(stage: str, stored: dict[str, object]) -> None:
    assert config.output_of(Run("r", stage, "done", stored, 0.0)) is None
    assert config.model_folder_of(Run("r", stage, "done", stored, 0.0)) is None


def test_a_solution_is_judged_to_its_end_unless_the_library_asks_otherwise() -> None:
    settings = config.VerifySettings(type="gcc")
    assert settings.stopping_at_first_failure().stop_at_first_failure
    assert not settings.stop_at_first_failure
    assert settings.stopping_at_first_failure().model_dump() == settings.model_dump()


def test_a_name_in_another_encoding_is_a_name() -> None:
    name = b"mod\xe8le".decode(errors="surrogateescape")
    assert (
        config.SftConfig.parse(
            {"model": {"name": "m"}, "data": {"train_file": "d.jsonl"}, "output_dir": name}
        ).output_dir
        == name
    )


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "x\0y"])
def test_a_name_that_no_file_can_have_is_one_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^output_dir (is too long for a file name|holds a zero byte)"):
        config.SftConfig.parse({"model": {"name": "m"}, "data": {"train_file": "d.jsonl"}, "output_dir": name})
