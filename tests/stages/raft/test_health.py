"""Runs that go wrong in a known way say so; healthy ones are quiet."""

from stored_samples import TESTED, UNTESTED, judged

from haloforge.config import RaftConfig
from haloforge.records import Verdict
from haloforge.stages.raft.health import alarms, cheats, headroom, raise_alarms
from haloforge.store import Report, Store

HEALTHY = {
    0: {"eval_pass@1": 0.3, "mean_tokens": 80.0, "nats_per_token": 0.5},
    1: {
        "train_mean_reward": 0.5,
        "mixed_share": 0.5,
        "eval_pass@1": 0.4,
        "mean_tokens": 75.0,
        "nats_per_token": 0.45,
        "timeout_share": 0.01,
        "duplicates_share": 0.2,
    },
    2: {
        "train_mean_reward": 0.6,
        "mixed_share": 0.4,
        "eval_pass@1": 0.45,
        "mean_tokens": 70.0,
        "nats_per_token": 0.4,
        "timeout_share": 0.02,
        "duplicates_share": 0.22,
    },
}


def changed(**values: float) -> dict[int, dict[str, float]]:
    return HEALTHY | {2: HEALTHY[2] | {name.replace("pass1", "pass@1"): value for name, value in values.items()}}


def test_a_healthy_run_is_quiet() -> None:
    assert alarms(HEALTHY, 0) == alarms(HEALTHY, 1) == alarms(HEALTHY, 2) == {}


def test_reward_that_rises_without_a_held_out_gain_is_an_alarm() -> None:
    assert list(alarms(changed(eval_pass1=0.3), 2)) == ["reward_without_gain"]


def test_rewards_that_another_verifier_gave_are_not_compared() -> None:
    assert alarms(changed(eval_pass1=0.3), 2, since=2) == {}


def test_groups_without_a_difference_are_an_alarm() -> None:
    assert list(alarms(changed(mixed_share=0.1), 2)) == ["no_signal"]


def test_rising_timeouts_and_duplicates_are_alarms() -> None:
    assert list(alarms(changed(timeout_share=0.2, duplicates_share=0.6), 2)) == ["timeouts", "duplicates"]


def test_a_few_more_copies_are_no_alarm() -> None:
    assert alarms(changed(duplicates_share=0.4), 2) == {}


def test_collapsing_length_and_entropy_are_alarms() -> None:
    assert list(alarms(changed(mean_tokens=30, nats_per_token=0.1), 2)) == ["length", "entropy"]


def hollow(**values: float) -> dict[str, str]:
    """The alarms of a cycle with these values, after a first one whose answers were whole programs."""
    first = HEALTHY[0] | {"substance": 6.0, "near_empty_share": 0.1, "one_answer_share": 0.05, "kept_length_ratio": 1.0}
    return alarms({0: first, 1: HEALTHY[1], 2: HEALTHY[2] | first | {"eval_pass@1": 0.45} | values}, 2)


def test_answers_that_say_as_much_as_at_first_are_no_alarm() -> None:
    assert hollow(substance=5.0, near_empty_share=0.14, kept_length_ratio=0.9) == {}


def test_answers_that_say_ever_less_are_an_alarm() -> None:
    assert hollow(substance=3.0) == {"substance": "100 tokens hold 3.0 statements and calls, 6.0 at first"}


def test_answers_that_grow_empty_are_an_alarm_however_slowly() -> None:
    assert hollow(near_empty_share=0.4) == {"near_empty": "40 % of the answers are next to empty, 10 % at first"}


def test_one_program_for_many_problems_is_an_alarm() -> None:
    assert list(hollow(one_answer_share=0.3)) == ["one_answer"]


def test_a_selection_that_prefers_brevity_is_an_alarm() -> None:
    assert list(hollow(kept_length_ratio=0.6)) == ["brevity"]


def test_alarms_and_what_cheats_tried_are_stored(store: Store) -> None:
    report = Report(store, store.create_run("raft", {}).id)
    for cycle, values in changed(mixed_share=0.1).items():
        report.metric("cycle", cycle, values)
    raise_alarms(report, RaftConfig.parse({"prompts": "x.jsonl"}), 2, [Verdict("exited_early")])
    said = [e.data["text"] for e in store.events(report.run_id, kind="log")]
    (alarm,) = [e.data for e in store.events(report.run_id, kind="metric") if e.data["name"] == "alarm"]
    assert set(alarm["values"]) == {"no_signal", "cheats"}
    assert any("1 samples broke the rules of the sandbox (1 x exited_early" in text for text in said)


def test_an_honest_failure_is_no_cheat() -> None:
    assert not cheats([Verdict("wrong_answer", 0.7), Verdict("passed", 1.0)])
    assert cheats([Verdict("passed", 1.0, forgeable=True)]).total() == 1


def test_headroom_says_what_raft_can_do() -> None:
    hard = [judged(i, status="wrong_answer", reward=0.7) for i in range(4)]
    assert "almost nothing to learn from" in headroom([TESTED], hard)[1]
    assert "almost all is solved already" in headroom([TESTED], [judged(i) for i in range(4)])[1]
    mixed = [judged(1), judged(2, status="wrong_answer", reward=0.7)]
    shares, sentence = headroom([TESTED, UNTESTED], mixed)
    assert shares == {"all_wrong": 0, "mixed": 1, "all_right": 0}
    assert sentence.endswith("what is solved sometimes is what RAFT learns from")
