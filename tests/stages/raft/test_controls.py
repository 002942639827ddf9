"""The controls differ from the real selection in one thing only: what they know of the verdicts."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from stored_samples import PROBLEMS, TESTED, candidate, loops, samples_of_two_problems

from haloforge.config import RaftLoop
from haloforge.stages.raft.candidates import Candidate
from haloforge.stages.raft.controls import select_as_asked, shuffle_verdicts
from haloforge.stages.raft.selection import select


def kept_per_problem(samples: list[Candidate], loop: RaftLoop) -> Counter[str]:
    kept = {c.sample_id for c in select_as_asked(samples, PROBLEMS, loop, 3) if c.kept}
    return Counter(s.sample.task_id for s in samples if s.id in kept)


@given(samples_of_two_problems, loops)
def test_without_a_control_the_selection_is_the_real_one(samples: list[Candidate], loop: RaftLoop) -> None:
    assert select_as_asked(samples, PROBLEMS, loop, 3) == select(samples, PROBLEMS, loop, 3)


@given(samples_of_two_problems, loops)
def test_unverified_keeps_no_more_of_any_problem_than_the_real_selection(
    samples: list[Candidate], loop: RaftLoop
) -> None:
    blind = kept_per_problem(samples, loop.model_copy(update={"control": "unverified"}))
    assert blind <= kept_per_problem(samples, loop)


def test_unverified_keeps_as_many_where_there_are_enough_whole_programs() -> None:
    samples = [
        candidate(i, status="passed" if i < 3 else "wrong_answer", reward=1.0 if i < 3 else 0.7) for i in range(9)
    ]
    loop = RaftLoop(keep_top_percent=1.0, control="unverified")
    assert kept_per_problem(samples, loop) == {"tested": 3}


@given(samples_of_two_problems, loops)
def test_unverified_does_not_depend_on_which_samples_pass(samples: list[Candidate], loop: RaftLoop) -> None:
    blind = loop.model_copy(update={"control": "unverified"})
    chosen = [c for c in select_as_asked(samples, PROBLEMS, blind, 3) if c.kept]
    for sample in (s for s in samples if s.id in {c.sample_id for c in chosen}):
        assert sample.sample.finish_reason == "stop" and sample.has_code


def test_unverified_chooses_failures_too() -> None:
    samples = [
        candidate(i, status="passed" if i < 10 else "wrong_answer", reward=1.0 if i < 10 else 0.7) for i in range(40)
    ]
    loop = RaftLoop(keep_top_percent=1.0, max_per_prompt=10, control="unverified")
    kept = [c.sample_id for c in select_as_asked(samples, PROBLEMS, loop, 3) if c.kept]
    assert len(kept) == 10 and any(i >= 10 for i in kept)


@given(samples_of_two_problems, st.randoms(use_true_random=False))
def test_shuffling_deals_out_the_same_verdicts_whatever_the_order(samples: list[Candidate], generator: object) -> None:
    dealt = shuffle_verdicts(samples, 5)
    again = shuffle_verdicts(samples[::-1], 5)
    assert Counter(s.sample.verdict for s in dealt) == Counter(s.sample.verdict for s in samples)
    assert {s.id: s.sample.verdict for s in dealt} == {s.id: s.sample.verdict for s in again}


def test_shuffled_rewards_can_reward_a_failure() -> None:
    samples = [
        candidate(i, status="passed" if i < 10 else "wrong_answer", reward=1.0 if i < 10 else 0.7) for i in range(40)
    ]
    loop = RaftLoop(keep_top_percent=1.0, max_per_prompt=40, control="shuffled_rewards")
    kept = [c.sample_id for c in select_as_asked(samples, PROBLEMS, loop, 3) if c.kept]
    assert len(kept) == 10 and any(i >= 10 for i in kept)
    assert TESTED.tests.kind == "asserts"
