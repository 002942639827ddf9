"""What is trained on, and how much each sample weighs; replayed rows are a share of it, anew in every cycle."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored_samples import PROBLEMS, candidate
from tiny import save_tiny_model
from worlds import problems

from haloforge.config import RaftConfig, RaftLoop
from haloforge.errors import ConfigError, DataError
from haloforge.files import write_jsonl
from haloforge.problems import Manifest, write_manifest
from haloforge.stages.raft.candidates import Candidate
from haloforge.stages.raft.selection import select
from haloforge.stages.raft.splits import Split
from haloforge.stages.raft.training_set import check_replay_file, replay_samples, training_weights
from haloforge.store import SampleSummary


def chosen(samples: list[Candidate]) -> tuple[list[SampleSummary], list[SampleSummary]]:
    """The kept ones, and all with their reasons."""
    choices = select(samples, PROBLEMS, RaftLoop(keep_top_percent=1.0), 0)
    pairs = zip(samples, choices, strict=True)
    told = [replace(s.sample, kept=c.kept, reason=c.reason) for s, c in pairs]
    return [s for s in told if s.kept], told


def passing(number: int) -> Candidate:
    return candidate(number)


def failing(number: int, finish: str = "stop") -> Candidate:
    return candidate(number, status="wrong_answer", reward=0.5, finish=finish)


@pytest.mark.parametrize("loss", ["raft", "raft++"])
def test_every_kept_sample_weighs_one(loss: str) -> None:
    kept, told = chosen([passing(1), passing(2), failing(3)])
    assert list(training_weights(kept, told, loss, 0).values()) == [1.0, 1.0]  # type: ignore[arg-type]


def test_under_reinforce_rej_failures_push_back() -> None:
    kept, told = chosen([passing(1), failing(2)])
    assert list(training_weights(kept, told, "reinforce_rej", 0).values()) == [0.25, -0.25]


def test_a_problem_whose_samples_all_pass_teaches_nothing_under_reinforce_rej() -> None:
    kept, told = chosen([passing(1), passing(2)])
    assert training_weights(kept, told, "reinforce_rej", 0) == {}


def test_a_problem_whose_samples_all_fail_teaches_nothing_under_reinforce_rej() -> None:
    kept, told = chosen([failing(1), failing(2)])
    assert training_weights(kept, told, "reinforce_rej", 0) == {}


def test_there_are_never_more_failures_than_successes() -> None:
    kept, told = chosen([passing(1), *(failing(i) for i in range(2, 9))])
    weights = list(training_weights(kept, told, "reinforce_rej", 0).values())
    assert sorted(w > 0 for w in weights) == [False, True]


def test_truncated_samples_push_nothing_back() -> None:
    kept, told = chosen([passing(1), failing(2, finish="length")])
    assert len(training_weights(kept, told, "reinforce_rej", 0)) == 1


def test_a_ratio_loss_is_refused_where_training_starts_anew() -> None:
    with pytest.raises(ConfigError, match=r"needs raft\.start continue"):
        RaftConfig.parse({"prompts": "p", "raft": {"start": "restart"}, "training": {"loss": "raft++"}})


@pytest.fixture
def config(tmp_path: Path) -> RaftConfig:
    """A config with solved problems to replay."""
    write_jsonl(tmp_path / "replay.jsonl", [p.to_json() for p in problems()])
    start, file = str(save_tiny_model(tmp_path / "model")), str(tmp_path / "replay.jsonl")
    return RaftConfig.parse(
        {"prompts": "p", "sft_checkpoint": start, "training": {"replay_file": file, "replay_share": 0.25}}
    )


def ids(config: RaftConfig, **arguments: Any) -> list[tuple[int, ...]]:
    held_out = arguments.pop("held_out", [])
    return [sample.token_ids for sample in replay_samples(config, Split([], held_out, 0), **arguments)]


def test_the_share_counts_all_that_is_trained(config: RaftConfig) -> None:
    assert len(ids(config, kept=9, cycle=1)) == 3
    assert len(ids(config, kept=900, cycle=1)) == len(problems())


def test_every_cycle_draws_anew_and_the_same_again(config: RaftConfig) -> None:
    drawn = [ids(config, kept=9, cycle=cycle) for cycle in range(6)]
    assert drawn == [ids(config, kept=9, cycle=cycle) for cycle in range(6)]
    assert len({tuple(d) for d in drawn}) > 1


def test_held_out_families_are_not_replay_samples(config: RaftConfig) -> None:
    assert len(ids(config, kept=900, cycle=1, held_out=problems()[:5])) == 3


def test_what_is_learned_is_the_answer_with_its_end(config: RaftConfig) -> None:
    from haloforge.models import load_tokenizer

    tokenizer = load_tokenizer(config.sft_checkpoint)
    (sample, *_) = replay_samples(config, Split([], [], 0), 9, 1)
    assert tokenizer.decode(sample.prompt_ids).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(sample.token_ids).startswith("```python\ndef ")
    assert sample.token_ids[-1] == tokenizer.eos_token_id


def test_a_chat_of_several_answers_is_left_out(config: RaftConfig) -> None:
    turns = [{"role": role, "content": "Hello."} for role in ("user", "assistant", "user", "assistant")]
    write_jsonl(str(config.training.replay_file), [{"messages": turns}, {"messages": turns[:2]}])
    assert len(ids(config, kept=9, cycle=1)) == 1


def test_the_test_split_of_a_benchmark_is_refused(config: RaftConfig) -> None:
    check_replay_file(config)
    manifest = Manifest(dataset="humaneval", source="the Hub", is_benchmark_test=True)
    write_manifest(str(config.training.replay_file), manifest)
    with pytest.raises(DataError, match="is the test split of humaneval"):
        check_replay_file(config)


def test_a_missing_file_is_found_before_anything_is_sampled(config: RaftConfig) -> None:
    Path(str(config.training.replay_file)).unlink()
    with pytest.raises(DataError, match=r"replay\.jsonl does not exist"):
        check_replay_file(config)


def test_nothing_is_replayed_without_a_file() -> None:
    assert replay_samples(RaftConfig.parse({"prompts": "p"}), Split([], [], 0), 9, 1) == []


def test_replay_needs_the_plain_loss() -> None:
    with pytest.raises(ConfigError, match=r"needs training\.loss raft"):
        RaftConfig.parse({"prompts": "p", "training": {"loss": "raft++", "replay_file": "f"}})
