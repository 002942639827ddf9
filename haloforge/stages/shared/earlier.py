"""What an earlier run of the same model on this machine tells a new one: how long its completions were, how fast."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import NormalDist

from haloforge.errors import ModelError
from haloforge.models import resolve
from haloforge.records import Run
from haloforge.store import Report, Store, home

_MOST_SAMPLES = 2000
"""So many completions tell how long they are."""
_ASSUMED_LENGTHS = 64
_USUAL_TOKENS, _SIGMA = 200, 0.8


@dataclass(frozen=True, slots=True)
class Earlier:
    """Completions of a run: their tokens, None for one that was cut; and which share of its training samples it kept
    (None where it kept none, or chose none)."""

    run: str
    lengths: tuple[int | None, ...]
    kept_share: float | None
    tokens_per_s: float | None

    def completion_tokens(self, limit: int) -> list[int]:
        """The same completions under another limit; those that were cut are cut again."""
        return [limit if length is None else min(length, limit) for length in self.lengths]


def assumed_tokens(limit: int) -> list[int]:
    """Where no earlier run tells: lengths as of answers to small problems, lognormal, 200 tokens on average, cut."""
    mean_log = math.log(_USUAL_TOKENS) - _SIGMA**2 / 2
    shares = ((place + 0.5) / _ASSUMED_LENGTHS for place in range(_ASSUMED_LENGTHS))
    return [min(limit, max(1, round(math.exp(NormalDist(mean_log, _SIGMA).inv_cdf(share))))) for share in shares]


def earlier_run(model: str, asking: Report | None) -> Earlier | None:
    """Of the newest run that sampled from this very model, else of one with the same base model. None: there is none.

    `asking` is the run that asks, which is no earlier one.
    """
    if asking:
        found = _newest(asking.store, model, asking.run_id)
        return _told_by(asking.store, found) if found else None
    if not (home() / "haloforge.db").is_file():
        return None
    with Store() as store:
        found = _newest(store, model, "")
        return _told_by(store, found) if found else None


def _newest(store: Store, model: str, but: str) -> Run | None:
    asked, related = resolve(model), None
    for run in store.runs_with_samples():
        name = "" if run.id == but else _model_of(run)
        try:
            found = resolve(name) if name else None
        except ModelError:  # a checkpoint that was moved away
            continue
        if found and found.path == asked.path:
            return run
        if found and related is None and found.base_model == asked.base_model:
            related = run
    return related


def _model_of(run: Run) -> str:
    """Empty where a server was asked: its speed is not this machine's."""
    if run.config.get("backend", "local") != "local":
        return ""
    name = run.config.get("sft_checkpoint") or run.config.get("model")
    return name if isinstance(name, str) else ""


def _told_by(store: Store, run: Run) -> Earlier:
    samples = list(islice(store.summaries(run.id), _MOST_SAMPLES))
    sampled, kept = (store.count_samples(run.id, purpose="train", kept=kept) for kept in (None, True))
    return Earlier(
        run=run.id,
        lengths=tuple(None if s.finish_reason == "length" else s.completion_tokens for s in samples),
        kept_share=kept / sampled if sampled and kept else None,
        tokens_per_s=_speed(store, run),
    )


def _speed(store: Store, run: Run) -> float | None:
    batches = list(_batches(store, run))
    seconds, tokens = (sum(batch[name] for batch in batches) for name in ("seconds", "tokens"))
    return tokens / seconds if seconds and tokens else None


def _batches(store: Store, run: Run) -> Iterator[dict[str, float]]:
    metrics = (event.data for event in store.events(run.id, kind="metric"))
    return (metric["values"] for metric in metrics if metric["name"].startswith("batch_"))
