"""What is trained on, and how much each sample weighs."""

from dataclasses import replace

import pytest
from stored_samples import PROBLEMS, candidate

from haloforge.config import RaftConfig, RaftLoop
from haloforge.errors import ConfigError
from haloforge.stages.raft.selection import Candidate, select
from haloforge.stages.raft.training_set import training_weights
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
