"""What is not computed twice: outcomes of earlier runs, in a file; values that depend on a problem only, in memory.

The file is SQLite, beside the runs, and not the store: it can be deleted at any time, and only time is lost. Several
processes write it at once. Its schema never changes; a new shape of outcome changes the keys instead.
"""

import hashlib
import json
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from haloforge.errors import VerifierError
from haloforge.records import Problem
from haloforge.verify.outcome import Outcome

ENGINE = "11"
"""Part of every key: raise it when the same inputs may give another outcome."""
BUSY_S = 30
"""How long a process waits for another that writes."""

_log = logging.getLogger(__name__)


def key_of(*parts: Any) -> str:
    """Digest of everything that decides an outcome."""
    return hashlib.sha256(json.dumps([ENGINE, *parts], sort_keys=True).encode()).hexdigest()


class OutcomeCache:
    """Outcomes by key. Safe between threads and processes."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file; raises VerifierError when it is no cache of ours."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=BUSY_S)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (key TEXT PRIMARY KEY, outcome TEXT) WITHOUT ROWID"
            )
        except (sqlite3.Error, OSError) as error:
            raise VerifierError(
                f"the verdict cache {path} cannot be used ({error}); delete it or choose another"
            ) from error

    def get(self, key: str) -> Outcome | None:
        """The outcome of an earlier run, or None; also for a row that is damaged."""
        with self._lock:
            row = self._connection.execute("SELECT outcome FROM outcomes WHERE key = ?", (key,)).fetchone()
        try:
            return Outcome.from_json(json.loads(row[0])) if row else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # it is judged again, and replaced
            _log.warning("a damaged verdict in the cache is not used: %s", error)
            return None

    def put(self, key: str, outcome: Outcome) -> None:
        """Keep an outcome, if it would be the same next time. On a full disk it is not kept, and a warning says so."""
        if outcome.status == "unscored" or outcome.slept:
            return
        try:
            with self._lock:
                row = (key, json.dumps(outcome.to_json()))
                self._connection.execute("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", row)
        except sqlite3.OperationalError as error:
            _log.warning("a verdict could not be cached: %s", error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


T = TypeVar("T")


class PerProblem(Generic[T]):
    """A value per problem, computed once for all its samples. Safe between threads.

    Found by the identity of the problem object, since comparing whole problems would cost more.
    """

    def __init__(self, compute: Callable[[Problem], T], max_problems: int | None = None) -> None:
        """`max_problems`: how many problems are kept, the newest ones; None keeps all."""
        self._compute = compute
        self._max_problems = max_problems
        self._known: dict[int, tuple[Problem, T]] = {}
        self._lock = threading.Lock()

    def of(self, problem: Problem) -> T:
        """The value for this problem. The problem is kept too, so that no other object gets its identity."""
        with self._lock:
            entry = self._known.get(id(problem))
            if entry is None:
                while self._max_problems is not None and len(self._known) >= self._max_problems:
                    del self._known[next(iter(self._known))]
                entry = self._known[id(problem)] = problem, self._compute(problem)
            return entry[1]
