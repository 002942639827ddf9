"""Lines of a dry run that stages share: model, problems, time of sampling. They need no weights and no network."""

from collections.abc import Sequence
from typing import NamedTuple

from haloforge.config import VerifySettings
from haloforge.errors import ModelError
from haloforge.models import resolve
from haloforge.records import Problem, Run
from haloforge.stages.shared.scores import score_name, untested_share
from haloforge.statistics import planned_gain
from haloforge.store import Store, home


class Pace(NamedTuple):
    """How fast this machine sampled from a model in an earlier run, and how long the answers were."""

    tokens_per_s: float
    tokens_per_sample: float
    run: str


def model_line(name: str) -> str:
    """The folder or Hub id that the name stands for. Raises ModelError."""
    model = resolve(name)
    return f"model     {model.path}" + (f", an adapter on {model.base_model}" if model.is_adapter else "")


def problems_text(problems: Sequence[Problem]) -> str:
    """How many problems, in how many families and which languages."""
    languages = ", ".join(sorted({p.language for p in problems}))
    return f"{len(problems)} problems in {len({p.family for p in problems})} families ({languages})"


def detects_line(problems: Sequence[Problem], samples: int, verifier: VerifySettings) -> str:
    """The smallest gain that a paired comparison on these problems can show; variants of a problem count as one."""
    families = len({p.family for p in problems})
    low, high = (planned_gain(families, samples, change) for change in (0.5, 1.0))
    score = score_name(untested_share(problems, verifier))
    return f"detects   a gain of about {low:.2f} to {high:.2f} in {score}, four times out of five"


def time_line(model: str, samples: int, max_new_tokens: int) -> str:
    """An estimate from the newest earlier run with the same base model on this machine, or why there is none."""
    pace = _pace(resolve(model).base_model)
    if pace is None:
        return f"time      not known yet: at most {samples * max_new_tokens:,} tokens, and no earlier run to go by"
    minutes = samples * pace.tokens_per_sample / pace.tokens_per_s / 60
    return (
        f"time      about {max(1, round(minutes))} minutes of sampling, by the {pace.tokens_per_s:.0f} tokens per "
        f"second and {pace.tokens_per_sample:.0f} tokens per sample of run {pace.run}"
    )


def _pace(base_model: str) -> Pace | None:
    if not (home() / "haloforge.db").is_file():
        return None
    with Store() as store:
        for run in store.runs_with_samples():
            if _base_of(run) == base_model and (pace := _pace_of(store, run)):
                return pace
    return None


def _base_of(run: Run) -> str:
    name = run.config.get("sft_checkpoint") or run.config.get("model")
    if run.config.get("backend", "local") != "local":  # a server's speed is not this machine's
        return ""
    try:
        return resolve(name).base_model if isinstance(name, str) else ""
    except ModelError:  # a checkpoint that was moved away says nothing about this machine's speed
        return ""


def _pace_of(store: Store, run: Run) -> Pace | None:
    metrics = [event.data for event in store.events(run.id, kind="metric")]
    batches = [metric["values"] for metric in metrics if metric["name"].startswith("batch_")]
    seconds, tokens, samples = (sum(b[name] for b in batches) for name in ("seconds", "tokens", "samples"))
    return Pace(tokens / seconds, tokens / samples, run.id) if seconds and tokens else None
