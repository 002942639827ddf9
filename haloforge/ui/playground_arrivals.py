"""What an address sends to the Playground: a problem of a file, or a stored sample with its run's way of judging."""

from dataclasses import dataclass
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import ForgeError
from haloforge.nesting import value_at
from haloforge.records import Problem, Run
from haloforge.store import Store, StoredSample
from haloforge.ui import inventory
from haloforge.ui.playground_request import find_problem
from haloforge.ui.view import View, number


@dataclass(frozen=True)
class Arrival:
    """The file and the problem; of a sample also its code, and the run that judged it."""

    file: str
    problem: Problem
    code: str | None = None
    run: Run | None = None

    def judging(self) -> dict[str, Any]:
        """The controls of the reward, as the run set them; those that it leaves open stay as they are."""
        if self.run is None:
            return {}
        stored = self.run.config
        usual = VerifySettings()
        section = {name: value_at(stored, f"verifier.{name}") for name in ("reward", "partial", "time_limit_s")}
        values = {name: vars(usual)[name] if value is None else value for name, value in section.items()}
        threshold = value_at(stored, "raft.reward_threshold")
        return values | ({} if threshold is None else {"threshold": threshold})


def arrival(store: Store, view: View) -> Arrival | None:
    """What the address names, if it is there: `sample`, or a problem by `from=problem`, `file` and `task`."""
    if view.get("from") == "problem":
        file = view.get("file", "")
        try:
            return Arrival(file, find_problem(store.root, file, view.get("task", "")))
        except ForgeError:
            return None
    judged = store.sample(number(view, "sample", -1))
    if judged is None:
        return None
    return _of_sample(store, judged)


def missing(store: Store, view: View) -> str:
    """What the address names and is not there, in a sentence; empty where nothing is missing."""
    if view.get("from") not in ("problem", "sample") or arrival(store, view) is not None:
        return ""
    what = f"problem {view.get('task', '')}" if view["from"] == "problem" else f"sample {view.get('sample', '')}"
    return f"The {what} is not there any more, so nothing was filled in."


def _of_sample(store: Store, judged: StoredSample) -> Arrival | None:
    problem = store.problem(judged.run, judged.sample.task_id)
    if problem is None:
        return None
    return Arrival(inventory.problems_of_run(judged.run), problem, judged.sample.code, store.find_run(judged.run))
