"""Health of a run: is there anything to learn, and does the run go wrong in a known way? Stored and logged."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from haloforge.config import RaftConfig
from haloforge.markup.numbers import percent, points
from haloforge.records import Problem, Verdict
from haloforge.stages.raft.advice import advice
from haloforge.stages.shared.scores import Tally, tally
from haloforge.store import Report, SampleSummary

Values = Mapping[str, float | None]

MIN_LEARNABLE_SHARE = 0.05
"""Of the problems: with fewer that are solved, or solved only sometimes, RAFT has too little to learn from."""
MIN_MIXED_SHARE = 0.2
"""Of the problems of a cycle: with fewer that some samples solve and others do not, its samples teach too little."""
MIN_RISE = 0.05
"""Of a share or a mean reward from one cycle to a later one: a smaller rise is noise."""
MIN_TIMEOUT_SHARE = 0.05
"""Of the samples: fewer that time out are no alarm."""
MIN_DUPLICATES_SHARE = 0.5
"""Of the passing samples: fewer that are copies of others are no alarm."""
MIN_LENGTH_RATIO = 0.6
"""Mean tokens of an answer against those of the first cycle."""
MIN_ENTROPY_RATIO = 0.4
"""Nats per sampled token against those of the first cycle."""
MIN_SUBSTANCE_RATIO = 0.7
"""Statements and calls per 100 tokens of the answers against those of the first cycle."""
MIN_EMPTY_SHARE = 0.2
"""Of the answers: fewer that are next to empty are no alarm."""
MAX_ONE_ANSWER_SHARE = 0.2
"""Of the solved problem families: more that one and the same program passes on are an alarm."""
MIN_KEPT_LENGTH_RATIO = 0.8
"""Tokens of kept samples against those of passing ones."""

_CHEATS = frozenset({"violation", "exited_early"})


def headroom(problems: Sequence[Problem], samples: Iterable[SampleSummary]) -> tuple[dict[str, float], str]:
    """Shares of the problems that the starting model solves never, sometimes and always; and advice, in a sentence."""
    tallies = [t for t in tally(problems, samples) if t.scored]
    shares = solve_shares(tallies)
    wrong, mixed, right = shares["all_wrong"], shares["mixed"], shares["all_right"]
    never, sometimes, always = (percent(share, 0) for share in (wrong, mixed, right))
    counts = f"of {len(tallies)} problems {never} are never solved, {sometimes} sometimes, {always} always"
    if mixed + right < MIN_LEARNABLE_SHARE:
        advice = "RAFT has almost nothing to learn from: fine-tune on solutions first (sft), or give easier problems"
    elif mixed < MIN_LEARNABLE_SHARE and right > wrong:
        advice = "almost all is solved already, so RAFT can gain little: give harder problems"
    elif mixed < MIN_LEARNABLE_SHARE:
        advice = "hardly any problem is solved only sometimes, so RAFT can gain little: sample more, or add easier ones"
    else:
        advice = "what is solved sometimes is what RAFT learns from"
    return shares, f"headroom: {counts}; {advice}"


def solve_shares(tallies: Sequence[Tally]) -> dict[str, float]:
    """Shares of the scored problems that no sample, some samples, and all samples solve."""
    total = max(1, len(tallies))
    wrong, right = sum(t.passed == 0 for t in tallies), sum(t.passed == t.scored for t in tallies)
    return {"all_wrong": wrong / total, "mixed": (len(tallies) - wrong - right) / total, "all_right": right / total}


def cheats(verdicts: Iterable[Verdict]) -> Counter[str]:
    """Which rules of the sandbox samples tried to break, and how often."""
    return Counter(f"{v.status}: {v.detail}" for v in verdicts if v.status in _CHEATS or v.forgeable)


def alarms(history: Mapping[int, Values], cycle: int, since: int = 1) -> dict[str, str]:
    """Name -> sentence for each way in which the cycle looks unhealthy; `history` has the metrics of all cycles so far.

    `since` is the first cycle whose rewards came from the same verifier as this one's.
    """
    now, before = history[cycle], history.get(cycle - 1, {})
    first = history.get(0) or history.get(1) or {}
    texts = {
        "reward_without_gain": _reward_without_gain(history, cycle, since),
        "no_signal": _no_signal(now),
        "timeouts": _risen("timeout_share", MIN_TIMEOUT_SHARE, "of the samples time out", now, before),
        "duplicates": _risen(
            "duplicates_share",
            MIN_DUPLICATES_SHARE,
            "of the passing samples are copies of others",
            now,
            before,
        ),
        "length": _collapsed(
            "mean_tokens", MIN_LENGTH_RATIO, "answers have {now:.0f} tokens, {first:.0f} at first", now, first
        ),
        "entropy": _collapsed(
            "nats_per_token",
            MIN_ENTROPY_RATIO,
            "samples vary less: {now:.2f} nats a token, {first:.2f} at first",
            now,
            first,
        ),
        **_hollow(now, first),
    }
    return {name: text for name, text in texts.items() if text}


def raise_alarms(report: Report, config: RaftConfig, cycle: int, verdicts: Iterable[Verdict], since: int = 1) -> None:
    """Store and log what is wrong with a cycle whose metrics were just reported, and what may help.

    `config` has the settings of the cycle.
    """
    events = (event.data for event in report.store.events(report.run_id, kind="metric"))
    history = {int(e["step"]): e["values"] for e in events if e["name"] == "cycle"}
    found = alarms(history, cycle, since)
    raised = {name: _and_advice(text, advice(name, config, history[cycle])) for name, text in found.items()}
    tried = cheats(verdicts)
    if tried:
        commonest = "; ".join(f"{count} x {attempt}" for attempt, count in tried.most_common(3))
        text = f"{tried.total()} samples broke the rules of the sandbox ({commonest})"
        raised["cheats"] = f"{text}: look at them before you trust the score"
    for text in raised.values():
        report.log(f"alarm in cycle {cycle}: {text}")
    if raised:
        report.metric("alarm", cycle, dict.fromkeys(raised, 1.0))


def _and_advice(text: str, what_helps: str) -> str:
    return f"{text}; {what_helps}" if what_helps else text


def _hollow(now: Values, first: Values) -> dict[str, str]:
    """Alarms of a model that learns to say ever less, because less is enough for the verifier."""
    return {
        "substance": _collapsed(
            "substance",
            MIN_SUBSTANCE_RATIO,
            "100 tokens hold {now:.1f} statements and calls, {first:.1f} at first",
            now,
            first,
        ),
        "near_empty": _near_empty(now, first),
        "one_answer": _one_answer(now.get("one_answer_share")),
        "brevity": _brevity(now.get("kept_length_ratio")),
    }


def _near_empty(now: Values, first: Values) -> str:
    """Compared with the beginning: a model may hollow out by a little in every cycle."""
    new, old = now.get("near_empty_share"), first.get("near_empty_share")
    if new is None or old is None or new < MIN_EMPTY_SHARE or new - old < MIN_RISE:
        return ""
    return f"{percent(new, 0)} of the answers are next to empty, {percent(old, 0)} at first"


def _one_answer(share: float | None) -> str:
    if share is None or share <= MAX_ONE_ANSWER_SHARE:
        return ""
    return (
        f"one and the same program passes on {percent(share, 0)} of the solved problems: see what the verifier accepts"
    )


def _brevity(ratio: float | None) -> str:
    if ratio is None or ratio >= MIN_KEPT_LENGTH_RATIO:
        return ""
    return f"kept answers have {percent(ratio, 0)} of the length of passing ones, so the model learns to be brief"


def _reward_without_gain(history: Mapping[int, Values], cycle: int, since: int) -> str:
    """The mean reward rises and the held-out score does not: the model learns to please the verifier."""
    reward = _change(history, "train_mean_reward", since, cycle)
    gain = _change(history, "eval_pass@1", 0, cycle)
    if reward is None or gain is None or reward < MIN_RISE or gain > 0:
        return ""
    return f"the training reward rose by {reward:.2f} since cycle {since}, held-out score by {points(gain)} in all"


def _no_signal(now: Values) -> str:
    mixed = now.get("mixed_share")
    if mixed is None or mixed >= MIN_MIXED_SHARE:
        return ""
    return f"only {percent(mixed, 0)} of the problems were solved by some samples and not by others"


def _risen(name: str, min_share: float, words: str, now: Values, before: Values) -> str:
    """A share that rose and is at least `min_share`; less is normal, as passing more often brings copies with it."""
    new, old = now.get(name), before.get(name)
    if new is None or old is None or new < min_share or new - old < MIN_RISE:
        return ""
    return f"{percent(new, 0)} {words}, {percent(old, 0)} in the cycle before"


def _collapsed(name: str, min_ratio: float, words: str, now: Values, first: Values) -> str:
    new, old = now.get(name), first.get(name)
    return words.format(now=new, first=old) if new is not None and old and new < min_ratio * old else ""


def _change(history: Mapping[int, Values], name: str, start: int, cycle: int) -> float | None:
    old, new = history.get(start, {}).get(name), history[cycle].get(name)
    return new - old if old is not None and new is not None and start != cycle else None
