"""What is wrong with the newest cycle, and what may help."""

from collections.abc import Mapping
from typing import Any

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError
from haloforge.records import Run
from haloforge.settings import settings
from haloforge.stages.raft.advice import advice
from haloforge.store import Store
from haloforge.ui.fields import in_labels
from haloforge.ui.markup import Html, note

_MOST_LINES = 400


def render(store: Store, run: Run) -> list[Html]:
    """The alarms of the newest cycle that has any; once a later cycle ended without one, they are said as past."""
    raised = store.metrics(run.id, "alarm")
    if not raised:
        return []
    cycle, names = int(raised[-1].data["step"]), list(raised[-1].data["values"])
    newest = max((int(e.data["step"]) for e in store.metrics(run.id, "cycle")), default=cycle)
    start = f"alarm in cycle {cycle}: "
    texts = [str(event.data["text"]) for event in store.last_events(run.id, "log", _MOST_LINES)]
    texts = [text.removeprefix(start) for text in texts if text.startswith(start)][-len(names) :]
    if newest > cycle:
        past = f"Cycle {cycle}, no longer in cycle {newest}"
        return [note(in_labels(f"{past}: {text}", settings(RaftConfig))) for text in texts]
    helps = _advice(store, run, cycle)
    return [
        note(in_labels(f"Cycle {cycle}: {text}{_more(text, helps.get(name, ''))}", settings(RaftConfig)), "error")
        for name, text in zip(names, texts, strict=False)
    ]


def _advice(store: Store, run: Run, cycle: int) -> dict[str, str]:
    """What helps against each alarm of the cycle; nothing for settings of another version."""
    try:
        config = RaftConfig.parse(run.config).of_cycle(cycle)
    except ConfigError:
        return {}
    measured = {e.data["step"]: e.data["values"] for e in store.metrics(run.id, "cycle")}
    now: Mapping[str, Any] = measured.get(cycle, {})
    raised = [name for e in store.metrics(run.id, "alarm") if e.data["step"] == cycle for name in e.data["values"]]
    return {name: advice(name, config, now) for name in raised}


def _more(text: str, what_helps: str) -> str:
    """Runs of an earlier version did not say it themselves."""
    return f"; {what_helps}" if what_helps and what_helps not in text else ""
