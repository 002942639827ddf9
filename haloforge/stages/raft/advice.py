"""What to do about an alarm, computed from the settings of the cycle and what it measured."""

from collections.abc import Callable, Mapping

from haloforge.config import RaftConfig

Values = Mapping[str, float | None]
_STEP, _HIGHEST = 0.2, 2.0
"""By how much a temperature is raised at once, and the highest there is."""
_SEE = "read some passing samples, and let `halo-forge data validate` say which wrong programs the tests pass"


def advice(alarm: str, config: RaftConfig, now: Values) -> str:
    """What may help against an alarm of `health.alarms`, by its name; `now` has the metrics of its cycle."""
    return _ADVICE[alarm](config, now) if alarm in _ADVICE else ""


def _hotter(config: RaftConfig, now: Values) -> str:
    held = config.generation.temperature
    higher = round(min(_HIGHEST, held + _STEP), 2)
    if higher <= held:
        return f"lower training.learning_rate from {config.training.learning_rate:g}"
    return f"raise generation.temperature from {held:g} to {higher:g}"


def _slower_learning(config: RaftConfig, now: Values) -> str:
    if config.raft.tie_break == "shortest":
        return "set raft.tie_break diverse: it is shortest now, so that brief answers are kept first"
    rate = config.training.learning_rate
    return f"start from an earlier cycle with training.learning_rate {rate / 2:g} instead of {rate:g}"


def _other_problems(config: RaftConfig, now: Values) -> str:
    mixed, passed = now.get("mixed_share"), now.get("train_pass_rate")
    if mixed is None or passed is None:
        return ""
    samples = config.raft.samples_per_prompt
    if passed > 1 / 2:
        return "most are solved already: give harder problems, or set raft.keep_solved below 1"
    return f"most are too hard: raise raft.samples_per_prompt from {samples} to {2 * samples}, or add easier problems"


def _more_time(config: RaftConfig, now: Values) -> str:
    limit = config.verifier.time_limit_s
    return f"if they are slow and not endless, raise verifier.time_limit_s from {limit:g} to {2 * limit:g}"


def _tests(config: RaftConfig, now: Values) -> str:
    return _SEE


def _diverse(config: RaftConfig, now: Values) -> str:
    return _SEE if config.raft.tie_break == "diverse" else f"set raft.tie_break diverse ({config.raft.tie_break} now)"


_ADVICE: dict[str, Callable[[RaftConfig, Values], str]] = {
    "reward_without_gain": _tests,
    "no_signal": _other_problems,
    "timeouts": _more_time,
    "duplicates": _hotter,
    "length": _slower_learning,
    "entropy": _hotter,
    "substance": _tests,
    "near_empty": _tests,
    "brevity": _diverse,
}
"""Name of an alarm -> what helps. `one_answer` and `cheats` say it in their own sentence."""
