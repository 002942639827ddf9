"""Blind votes between models: what was asked, who answered, whose answer was found best."""

import json
import time
from dataclasses import dataclass

from haloforge.store.connection import Connection

_COLUMNS = "task_id, prompt, models, best, statuses, seed, time"


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote. `models` in the order in which they were shown; `best` is one of them, or empty for no difference.

    `statuses` holds the verdict on each model's first answer; `time` is in seconds since the epoch, 0 for now.
    """

    task_id: str
    prompt: str
    models: tuple[str, ...]
    best: str
    statuses: tuple[str, ...]
    seed: int = 0
    time: float = 0.0


def save_vote(db: Connection, vote: Vote) -> None:
    """Record a vote."""
    models, statuses = json.dumps(vote.models), json.dumps(vote.statuses)
    when = vote.time or time.time()
    sql = f"insert into votes ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)"
    db.write([(sql, (vote.task_id, vote.prompt, models, vote.best, statuses, vote.seed, when))])


def votes(db: Connection) -> list[Vote]:
    """Every vote, the oldest first."""
    rows = db.rows(f"select {_COLUMNS} from votes order by id")
    return [
        Vote(**row | {"models": tuple(json.loads(row["models"])), "statuses": tuple(json.loads(row["statuses"]))})
        for row in rows
    ]
