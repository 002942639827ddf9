"""Is there anything to learn here, and does the run go wrong in a known way? Said in sentences, and stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from haloforge.records import Problem, Verdict
from haloforge.stages.shared.scores import Tally, tally
from haloforge.store import Report, SampleSummary

Values = Mapping[str, float | None]

LITTLE = 0.05
MOST = 0.8
NOTICEABLE = 0.05
HALF = 0.5
SHORTER = 0.6
NARROWER = 0.4

_CHEATS = frozenset({"violation", "exited_early"})


def headroom(problems: Sequence[Problem], samples: Iterable[SampleSummary]) -> tuple[dict[str, float], str]:
    """Shares of problems that the starting model solves never, sometimes and always, and what follows from them."""
    tallies = [t for t in tally(problems, samples) if t.scored]
    shares = signal(tallies)
    wrong, mixed, right = shares["all_wrong"], shares["mixed"], shares["all_right"]
    facts = f"of {len(tallies)} problems {wrong:.0%} are never solved, {mixed:.0%} sometimes, {right:.0%} always"
    if mixed + right < LITTLE:
        advice = "RAFT has almost nothing to learn from: fine-tune on solutions first (sft), or give easier problems"
    elif mixed < LITTLE and right > wrong:
        advice = "almost all is solved already, so RAFT can gain little: give harder problems"
    elif mixed < LITTLE:
        advice = "hardly any problem is solved only sometimes, so RAFT can gain little: sample more, or add easier ones"
    else:
        advice = "what is solved sometimes is what RAFT learns from"
    return shares, f"headroom: {facts}; {advice}"


def signal(tallies: Sequence[Tally]) -> dict[str, float]:
    """Shares of the scored problems that no sample, some samples, and all samples solve."""
    total = max(1, len(tallies))
    wrong, right = sum(t.passed == 0 for t in tallies), sum(t.passed == t.scored for t in tallies)
    return {"all_wrong": wrong / total, "mixed": (len(tallies) - wrong - right) / total, "all_right": right / total}


def cheats(verdicts: Iterable[Verdict]) -> Counter[str]:
    """What samples tried that breaks the rules of the sandbox, and how often."""
    return Counter(f"{v.status}: {v.detail}" for v in verdicts if v.status in _CHEATS or v.forgeable)


def alarms(history: Mapping[int, Values], cycle: int, since: int = 1) -> dict[str, str]:
    """Name -> sentence for each way in which the cycle looks unhealthy, from the metrics of all cycles so far.

    `since` is the first cycle whose rewards were given as this one's were.
    """
    now, before = history[cycle], history.get(cycle - 1, {})
    first = history.get(0) or history.get(1) or {}
    found = {
        "reward_without_gain": _reward_without_gain(history, cycle, since),
        "no_signal": _no_signal(now),
        "timeouts": _risen("timeout_share", NOTICEABLE, "of the samples time out", now, before),
        "duplicates": _risen("duplicates_share", HALF, "of the passing samples are copies of others", now, before),
        "length": _collapsed("mean_tokens", SHORTER, "answers have {now:.0f} tokens, {first:.0f} at first", now, first),
        "entropy": _collapsed(
            "nats_per_token", NARROWER, "samples vary less: {now:.2f} nats a token, {first:.2f} at first", now, first
        ),
    }
    return {name: text for name, text in found.items() if text}


def raise_alarms(report: Report, cycle: int, verdicts: Iterable[Verdict], since: int = 1) -> None:
    """Store and say what is wrong with a cycle whose metrics were just reported."""
    events = (event.data for event in report.store.events(report.run_id, kind="metric"))
    history = {int(e["step"]): e["values"] for e in events if e["name"] == "cycle"}
    found = alarms(history, cycle, since)
    tried = cheats(verdicts)
    if tried:
        commonest = "; ".join(f"{count} x {what}" for what, count in tried.most_common(3))
        found["cheats"] = f"{tried.total()} samples broke the rules of the sandbox ({commonest})"
    for text in found.values():
        report.log(f"alarm in cycle {cycle}: {text}")
    if found:
        report.metric("alarm", cycle, dict.fromkeys(found, 1.0))


def _reward_without_gain(history: Mapping[int, Values], cycle: int, since: int) -> str:
    """The verifier is pleased more and more often, the held-out problems are not."""
    reward = _change(history, "train_mean_reward", since, cycle)
    gain = _change(history, "eval_pass@1", 0, cycle)
    if reward is None or gain is None or reward < NOTICEABLE or gain > 0:
        return ""
    return f"the training reward rose by {reward:.2f} since cycle {since}, held-out pass@1 by {gain:+.3f} in all"


def _no_signal(now: Values) -> str:
    mixed = now.get("mixed_share")
    if mixed is None or mixed >= 1 - MOST:
        return ""
    return f"only {mixed:.0%} of the problems were solved by some samples and not by others"


def _risen(name: str, least: float, words: str, now: Values, before: Values) -> str:
    """A share that grew and is at least `least` now: copies, for one, come with passing more often."""
    new, old = now.get(name), before.get(name)
    if new is None or old is None or new < least or new - old < NOTICEABLE:
        return ""
    return f"{new:.0%} {words}, {old:.0%} in the cycle before"


def _collapsed(name: str, share: float, words: str, now: Values, first: Values) -> str:
    new, old = now.get(name), first.get(name)
    return words.format(now=new, first=old) if new is not None and old and new < share * old else ""


def _change(history: Mapping[int, Values], name: str, start: int, cycle: int) -> float | None:
    old, new = history.get(start, {}).get(name), history[cycle].get(name)
    return new - old if old is not None and new is not None and start != cycle else None
