"""RAFT on a tiny model: real sampling, real verification, real training, and only true claims."""

import json
from collections import Counter
from pathlib import Path

import pytest
from stored_samples import ids_of
from worlds import problems, raft_config, run_raft

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError, DataError, RunError, Stopped, VerifierError
from haloforge.files import write_jsonl
from haloforge.models import read_metadata, resolve
from haloforge.stages import raft
from haloforge.stages.shared.costs import costs
from haloforge.store import Report, Store


@pytest.fixture(scope="module")
def finished(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RaftConfig, Path, str]:
    """A run of two cycles that ended well: its config, the store's folder, and its id."""
    folder = tmp_path_factory.mktemp("raft")
    config = raft_config(taught, folder)
    return config, folder / "runs", run_raft(config, folder / "runs")


def test_every_problem_is_sampled_as_often_as_asked_and_every_sample_is_judged(
    finished: tuple[RaftConfig, Path, str],
) -> None:
    _, root, run_id = finished
    with Store(root) as store:
        counted = Counter((s.cycle, s.purpose, s.sample.task_id) for s in store.samples(run_id))
        assert store.count_samples(run_id, verified=False) == 0
        train, held_out = store.problems(run_id, held_out=False), store.problems(run_id, held_out=True)
    expected = {(c, "train", p.task_id): 6 for c in (1, 2) for p in train}
    expected |= {(c, "eval", p.task_id): 4 for c in (0, 1, 2) for p in held_out}
    assert counted == expected


def test_training_and_held_out_problems_share_no_family(finished: tuple[RaftConfig, Path, str]) -> None:
    _, root, run_id = finished
    with Store(root) as store:
        train, held_out = store.problems(run_id, held_out=False), store.problems(run_id, held_out=True)
    assert len(held_out) == 3
    assert not {p.family for p in train} & {p.family for p in held_out}
    assert len(train) + len(held_out) == len(problems())


def test_only_passing_distinct_samples_are_trained_on_and_every_sample_has_a_reason(
    finished: tuple[RaftConfig, Path, str],
) -> None:
    _, root, run_id = finished
    with Store(root) as store:
        samples = store.samples(run_id, purpose="train")
        rows = [p["data"]["rows"] for p in store.phases(run_id) if p["phase"] == "train"]
    kept = [s for s in samples if s.kept]
    assert all(s.reason for s in samples)
    assert all(s.verdict and s.verdict.passed for s in kept)
    assert len({(s.cycle, s.sample.task_id, s.sample.code) for s in kept}) == len(kept)
    assert rows == [sum(s.cycle == cycle for s in kept) for cycle in (1, 2)]


def test_every_cycle_leaves_a_model_that_knows_where_it_comes_from(finished: tuple[RaftConfig, Path, str]) -> None:
    config, _, run_id = finished
    for cycle in (1, 2):
        found = resolve(f"{config.output_dir}/cycle_{cycle}/final_model")
        assert (found.run, found.cycle, found.base_model) == (run_id, cycle, config.sft_checkpoint)
    assert read_metadata(f"{config.output_dir}/cycle_1/final_model").parent == config.sft_checkpoint
    assert read_metadata(f"{config.output_dir}/cycle_2/final_model").parent.endswith("cycle_1/final_model")


def test_the_best_cycle_is_named_with_what_can_be_claimed(finished: tuple[RaftConfig, Path, str]) -> None:
    config, root, run_id = finished
    best = json.loads(Path(config.output_dir, "best.json").read_text())
    with Store(root) as store:
        rates = {}
        for cycle in (0, 1, 2):
            judged = store.samples(run_id, cycle=cycle, purpose="eval")
            rates[cycle] = sum(s.verdict is not None and s.verdict.passed for s in judged) / len(judged)
        said = [e.data["text"] for e in store.events(run_id, kind="log")]
    assert rates[best["cycle"]] == max(rates.values())
    assert best["pass@1"]["value"] == pytest.approx(max(rates.values()))
    assert best["verdict"] in ("better", "worse", "no detectable change")
    assert best["sentence"] in said[-1]


def test_the_output_folder_is_itself_a_model(finished: tuple[RaftConfig, Path, str]) -> None:
    config, _, run_id = finished
    assert resolve(config.output_dir).run == run_id


def test_every_cycle_reports_its_numbers(finished: tuple[RaftConfig, Path, str]) -> None:
    _, root, run_id = finished
    with Store(root) as store:
        metrics = [e.data for e in store.events(run_id, kind="metric") if e.data["name"] == "cycle"]
    assert [m["step"] for m in metrics] == [0, 1, 2]
    first, last = metrics[0]["values"], metrics[-1]["values"]
    assert first["eval_low"] <= first["eval_pass@1"] <= first["eval_high"]
    assert first["eval_pass@4_low"] <= first["eval_pass@4"] <= first["eval_pass@4_high"]
    assert last["learning_rate"] == pytest.approx(2e-3 * 0.85)
    assert last["kept"] > 0 and last["seconds_train"] > 0 and last["useful_tokens_per_s"] > 0


def test_every_phase_of_every_cycle_has_its_cost(finished: tuple[RaftConfig, Path, str]) -> None:
    _, root, run_id = finished
    with Store(root) as store:
        spent = costs(store, run_id)
        tokens = sum(s.sample.completion_tokens for s in store.samples(run_id, cycle=1, purpose="train"))
    cycle = ["sample", "train", "evaluate"]
    assert [(c.cycle, c.phase) for c in spent] == [(0, "evaluate"), *((n, p) for n in (1, 2) for p in cycle)]
    assert spent[1].tokens == tokens
    assert all(c.seconds > 0 and c.cpu_s and c.tokens for c in spent)


def test_a_finished_run_does_nothing_when_run_again(finished: tuple[RaftConfig, Path, str]) -> None:
    config, root, run_id = finished
    with Store(root) as store:
        before = store.count_samples(run_id), store.phases(run_id)
        raft.run(config, Report(store, run_id))
        assert (store.count_samples(run_id), store.phases(run_id)) == before


def test_changed_settings_are_not_mixed_with_old_samples(finished: tuple[RaftConfig, Path, str]) -> None:
    config, root, run_id = finished
    changed = RaftConfig.parse(config.to_json() | {"seed": 7})
    with Store(root) as store, pytest.raises(RunError, match="cannot go on: seed, .*changed since it started"):
        raft.run(changed, Report(store, run_id))


def test_another_run_does_not_replace_the_models_of_a_finished_one(finished: tuple[RaftConfig, Path, str]) -> None:
    config, _, run_id = finished
    with pytest.raises(ConfigError, match=f"was made by run {run_id}; give another --output"):
        raft.dry_run(config)


def test_the_model_to_start_from_may_not_lie_in_the_output_folder(finished: tuple[RaftConfig, Path, str]) -> None:
    config, _, _ = finished
    start = {"sft_checkpoint": f"{config.output_dir}/cycle_1/final_model", "overwrite": True}
    with pytest.raises(ConfigError, match="lies in the output folder"):
        raft.dry_run(RaftConfig.parse(config.to_json() | start))


def test_a_cycle_that_keeps_nothing_says_so_and_trains_nothing(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.min_kept": 1000})
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        said = [e.data["text"] for e in store.events(run_id, kind="log")]
        assert [p for p in store.phases(run_id) if p["phase"] == "train"] == []
    assert any("needs 1000, so nothing was trained" in text for text in said)
    assert json.loads(Path(config.output_dir, "best.json").read_text())["path"] == str(taught)
    assert list(Path(config.output_dir).glob("cycle_*")) == []


def test_a_stopped_run_goes_on_with_every_sample_once(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.num_cycles": 1})
    with Store(tmp_path / "runs") as store:
        run = store.create_run("raft", config.to_json())
        store.update_run(run.id, stop="cycle")
        with pytest.raises(Stopped):
            raft.run(config, Report(store, run.id))
        assert store.count_samples(run.id, purpose="train") == 0
        store.update_run(run.id, stop="")
    run_raft(config, tmp_path / "runs", run.id)
    with Store(tmp_path / "runs") as store:
        assert store.count_samples(run.id, purpose="train") == 30


def test_restart_trains_from_the_first_model_on_the_samples_of_all_cycles(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.start": "restart"})
    run_id = run_raft(config, tmp_path / "runs")
    assert read_metadata(f"{config.output_dir}/cycle_2/final_model").parent == str(taught)
    with Store(tmp_path / "runs") as store:
        kept = store.samples(run_id, purpose="train", kept=True)
        phase = store.phase(run_id, 2, "train")
    distinct = {(s.sample.task_id, s.sample.code) for s in kept}
    assert phase is not None and phase["data"]["rows"] == len(distinct)


def test_single_cycles_have_their_own_samples_reward_and_threshold(taught: Path, tmp_path: Path) -> None:
    own = [{"samples_per_prompt": 3, "reward": "binary"}, {"reward_threshold": 1.0, "temperature": 0.9}]
    config = raft_config(taught, tmp_path, cycles=own, **{"raft.start": "restart", "raft.keep_partial": True})
    assert "cycle 1   samples_per_prompt 3, reward binary" in raft.dry_run(config)
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        first, second = (store.samples(run_id, cycle=cycle, purpose="train") for cycle in (1, 2))
        held_out = store.samples(run_id, purpose="eval")
    assert (len(first), len(second)) == (15, 30)
    assert {s.verdict.reward for s in first if s.verdict} == {0.0, 1.0}
    assert {s.verdict.reward for s in held_out if s.verdict} > {0.0, 1.0}
    assert {s.verdict.reward for s in second if s.verdict and s.kept} == {1.0}


def test_a_cycle_trains_on_nothing_below_its_own_threshold_whatever_an_earlier_one_kept(
    taught: Path, tmp_path: Path
) -> None:
    settings = {"raft.start": "restart", "raft.keep_partial": True, "raft.reward_threshold": 0.1}
    config = raft_config(taught, tmp_path, cycles=[{}, {"reward_threshold": 1.0}], **settings)
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        kept = store.samples(run_id, purpose="train", kept=True)
        phase = store.phase(run_id, 2, "train")
    passing = {(s.sample.task_id, s.sample.code) for s in kept if s.verdict and s.verdict.reward == 1}
    assert any(s.verdict and s.verdict.reward < 1 for s in kept)
    assert phase is not None and phase["data"]["rows"] <= len(passing)


def test_a_verifier_of_a_single_cycle_that_does_not_fit_is_refused(taught: Path, tmp_path: Path) -> None:
    with pytest.raises(VerifierError, match="'gcc' does not take 'python' programs"):
        raft.dry_run(raft_config(taught, tmp_path, cycles=[{}, {"verifier": "gcc"}]))


def test_a_verifier_that_does_not_fit_is_refused_before_anything_runs(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"verifier.type": "rust"})
    with pytest.raises(VerifierError):
        raft.dry_run(config)
    with Store(tmp_path / "runs") as store:
        run = store.create_run("raft", config.to_json())
        with pytest.raises(VerifierError):
            raft.run(config, Report(store, run.id))
        assert store.phases(run.id) == []


def test_a_dry_run_says_what_would_happen_and_writes_nothing(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "none"))
    lines = raft.dry_run(raft_config(taught, tmp_path))
    assert "problems  5 problems in 5 families (python) to train on" in lines
    assert "held out  3 problems in 3 families (python)" in lines
    assert not [line for line in lines if line.startswith("ends")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["problems.jsonl"]


def test_a_dry_run_says_when_the_run_would_end_early(taught: Path, tmp_path: Path) -> None:
    lines = raft.dry_run(raft_config(taught, tmp_path, **{"raft.patience": 1}))
    assert "ends      early after 1 cycle without a better held-out score" in lines


def test_a_dry_run_says_how_many_samples_the_strategy_can_keep(taught: Path, tmp_path: Path) -> None:
    def line(**changes: object) -> str:
        (found,) = [text for text in raft.dry_run(raft_config(taught, tmp_path, **changes)) if "keeps" in text]
        return found

    assert "each samples 30 completions, keeps at most 20 and" in line()
    assert "keeps at most 15 and" in line(**{"raft.keep_top_percent": 0.5})
    assert "keeps at most 5 and" in line(**{"raft.strategy": "best_of_n"})
    assert "keeps at most 20 or 5 and" in line(cycles=[{}, {"strategy": "best_of_n"}])
    assert "keeps at most 15 or 20 and" in line(**{"raft.keep_top_percent": 0.5, "raft.retry_unsolved": 2})


def test_a_file_of_test_rows_is_not_trained_on(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path)
    write_jsonl(config.prompts, [p.to_json() | {"split": "test"} for p in problems()])
    with pytest.raises(DataError, match="no problem to train on"):
        raft.dry_run(config)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["raft++", "reinforce_rej"])
def test_the_ratio_losses_train_too(loss: str, taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.num_cycles": 1, "training.loss": loss, "training.epochs": 3})
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        phase = store.phase(run_id, 1, "train")
        kept = store.count_samples(run_id, purpose="train", kept=True)
    assert phase is not None
    assert phase["data"]["rows"] > kept if loss == "reinforce_rej" else phase["data"]["rows"] == kept
    assert resolve(f"{config.output_dir}/cycle_1/final_model").is_adapter


@pytest.mark.slow
def test_the_unverified_control_trains_on_as_many_samples_and_not_only_on_passing_ones(
    taught: Path, tmp_path: Path
) -> None:
    kept = {}
    for control in ("none", "unverified"):
        (tmp_path / control).mkdir()
        settings = {"raft.num_cycles": 1, "raft.control": control, "raft.samples_per_prompt": 12}
        config = raft_config(taught, tmp_path / control, **settings)
        run_id = run_raft(config, tmp_path / control / "runs")
        with Store(tmp_path / control / "runs") as store:
            kept[control] = store.samples(run_id, purpose="train", kept=True)
    assert Counter(s.sample.task_id for s in kept["none"]) == Counter(s.sample.task_id for s in kept["unverified"])
    assert all(s.verdict and s.verdict.passed for s in kept["none"])
    assert not all(s.verdict and s.verdict.passed for s in kept["unverified"])


@pytest.mark.slow
def test_a_run_can_go_on_after_a_cycle_that_kept_too_little(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.min_kept": 1000, "raft.too_little": "go_on"})
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        models = [p["data"]["checkpoint"] for p in store.phases(run_id) if p["phase"] == "sample"]
        first, second = (ids_of(store, store.samples(run_id, cycle=cycle, purpose="train")) for cycle in (1, 2))
    assert models == [str(taught), str(taught)]
    assert first != second


@pytest.mark.slow
def test_the_best_adapter_is_tried_at_part_of_its_strength(taught: Path, tmp_path: Path) -> None:
    config = raft_config(taught, tmp_path, **{"raft.num_cycles": 1, "raft.sweep": True})
    run_id = run_raft(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        tried = [e.data["step"] for e in store.events(run_id, kind="metric") if e.data["name"] == "strength"]
        counted = Counter(s.cycle for s in store.samples(run_id, purpose="benchmark"))
    folder = Path(config.output_dir, "cycle_1")
    alphas = [
        json.loads((folder / name / "adapter_config.json").read_text())["lora_alpha"]
        for name in ("strength_50", "strength_75", "final_model")
    ]
    assert tried == [50, 75]
    assert counted == {50: 12, 75: 12}
    assert alphas == [16, 24, 32]
