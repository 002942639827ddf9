"""Replayed rows are a share of what is trained on, anew in every cycle, and never of a held-out family."""

from pathlib import Path
from typing import Any

import pytest
from tiny import save_tiny_model
from worlds import problems

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError, DataError
from haloforge.files import write_jsonl
from haloforge.problems.manifest import Manifest, write_manifest
from haloforge.stages.raft.replay import check_replay_file, replayed
from haloforge.stages.raft.splits import Split


@pytest.fixture
def config(tmp_path: Path) -> RaftConfig:
    """A config with the small world's solved problems to replay."""
    write_jsonl(tmp_path / "replay.jsonl", [p.to_json() for p in problems()])
    start, file = str(save_tiny_model(tmp_path / "model")), str(tmp_path / "replay.jsonl")
    return RaftConfig.parse(
        {"prompts": "p", "sft_checkpoint": start, "training": {"replay_file": file, "replay_share": 0.25}}
    )


def ids(config: RaftConfig, **arguments: Any) -> list[tuple[int, ...]]:
    held_out = arguments.pop("held_out", [])
    return [lesson.token_ids for lesson in replayed(config, Split([], held_out, 0), **arguments)]


def test_the_share_counts_all_that_is_trained(config: RaftConfig) -> None:
    assert len(ids(config, kept=9, cycle=1)) == 3
    assert len(ids(config, kept=900, cycle=1)) == len(problems())


def test_every_cycle_draws_anew_and_the_same_again(config: RaftConfig) -> None:
    drawn = [ids(config, kept=9, cycle=cycle) for cycle in range(6)]
    assert drawn == [ids(config, kept=9, cycle=cycle) for cycle in range(6)]
    assert len({tuple(d) for d in drawn}) > 1


def test_held_out_families_are_not_replayed(config: RaftConfig) -> None:
    assert len(ids(config, kept=900, cycle=1, held_out=problems()[:5])) == 3


def test_what_is_learned_is_the_answer_with_its_end(config: RaftConfig) -> None:
    from haloforge.models import load_tokenizer

    tokenizer = load_tokenizer(config.sft_checkpoint)
    (lesson, *_) = replayed(config, Split([], [], 0), 9, 1)
    assert tokenizer.decode(lesson.prompt_ids).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(lesson.token_ids).startswith("```python\ndef ")
    assert lesson.token_ids[-1] == tokenizer.eos_token_id


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
    assert replayed(RaftConfig.parse({"prompts": "p"}), Split([], [], 0), 9, 1) == []


def test_replay_needs_the_plain_loss() -> None:
    with pytest.raises(ConfigError, match=r"needs training\.loss raft"):
        RaftConfig.parse({"prompts": "p", "training": {"loss": "raft++", "replay_file": "f"}})
