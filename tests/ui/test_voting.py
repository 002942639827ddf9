"""What blind votes say of pairs of models."""

from haloforge.store import Vote
from haloforge.ui.voting import Pair, tally


def vote(best: str, *models: str) -> Vote:
    return Vote("t", "p", models, best, ("passed",) * len(models))


def test_a_pair_is_the_same_in_whatever_order_it_was_shown() -> None:
    assert tally([vote("a", "a", "b"), vote("a", "b", "a"), vote("", "b", "a")]) == [Pair("a", "b", 2, 1, 0)]


def test_the_best_of_three_beats_both_others_and_says_nothing_of_them() -> None:
    assert set(tally([vote("b", "a", "b", "c")])) == {Pair("a", "b", 0, 0, 1), Pair("b", "c", 1, 0, 0)}


def test_few_votes_call_no_model_better_and_many_do() -> None:
    assert Pair("a", "b", 5, 0, 0).better == "" and Pair("a", "b", 6, 9, 0).better == "a"
    assert Pair("a", "b", 0, 0, 8).better == "b"
