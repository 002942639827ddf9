"""The same RAFT run with several seeds: each is a run of its own, and one sentence sums them up.

The process of the parent run, which asked for the seeds, works on their runs one after the other.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.files import read_text, write_text
from haloforge.markup.numbers import points
from haloforge.records import Run
from haloforge.stages.raft.cycles import BEST_FILE
from haloforge.store import Report

SEEDS_FILE = "seeds.json"


class SeedReport(Report):
    """The report of one seed's run; it stops when a stop of this run or of the parent was asked for."""

    def __init__(self, parent: Report, run_id: str) -> None:
        super().__init__(parent.store, run_id)
        self._parent = parent

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        """Whether its own stop or the parent's was asked for."""
        return super().stop_asked(at_cycle_end) or self._parent.stop_asked(at_cycle_end)


def run_seeds(config: RaftConfig, report: Report, run_one: Callable[[RaftConfig, Report], None]) -> None:
    """Run every seed into OUTPUT/seed_N, and write their outcomes to OUTPUT/seeds.json.

    Called again it goes on with the first seed that is not done.
    """
    outcomes = []
    for number, seed_config in enumerate(configs_of(config), start=1):
        child = _child(report, seed_config)
        if child.status != "done":
            with _at_work(report, child) as seed_report:
                run_one(seed_config, seed_report)
        outcomes.append(_outcome(report, seed_config))
        report.progress("seeds", number, len(config.seeds))
    write_text(Path(config.output_dir, SEEDS_FILE), json.dumps(outcomes, indent=2, ensure_ascii=False) + "\n")
    report.log(summary(outcomes))


def configs_of(config: RaftConfig) -> list[RaftConfig]:
    """One config per seed, each with an output folder of its own; the config itself when it names no seeds."""
    if not config.seeds:
        return [config]
    folder = Path(config.output_dir)
    return [
        config.model_copy(update={"seed": seed, "seeds": (), "output_dir": str(folder / f"seed_{seed}")})
        for seed in dict.fromkeys(config.seeds)
    ]


def summary(outcomes: list[dict[str, Any]]) -> str:
    """The gains of all seeds and their mean, and how often each verdict was given, in one sentence."""
    gains = [best - base for outcome in outcomes for best, base in _scores(outcome)]
    verdicts = Counter(outcome["verdict"] or "not judged" for outcome in outcomes)
    counted = ", ".join(f"{verdict} {count}" for verdict, count in verdicts.most_common())
    if not gains:
        return f"{len(outcomes)} seeds: {counted}"
    return (
        f"{len(outcomes)} seeds: best cycle against the starting model {', '.join(points(gain) for gain in gains)} "
        f"(mean {points(sum(gains) / len(gains))}); {counted}"
    )


def _child(report: Report, config: RaftConfig) -> Run:
    """The run of one seed, created when it is first asked for."""
    name = f"seed {config.seed}"
    for run in report.store.children(report.run_id):
        if run.name == name:
            return run
    run = report.store.create_run(config.stage, config.to_json(), parent=report.run_id, name=name)
    write_text(report.store.folder(run.id) / "config.yaml", config.to_yaml())
    return run


@contextmanager
def _at_work(report: Report, child: Run) -> Iterator[SeedReport]:
    """Hold a seed's run as a worker of its own would: locked, so that it is seen to be alive, and its end recorded."""
    store = report.store
    with store.lock_path(child.id).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store.update_run(child.id, status="queued", stop="", finished=None)  # it may have been stopped or killed
        store.claim(child.id, os.getpid())
        try:
            yield SeedReport(report, child.id)
        except BaseException as error:
            store.finish(child.id, "stopped" if isinstance(error, Stopped) else "failed")
            raise
        store.finish(child.id, "done")


def _outcome(report: Report, config: RaftConfig) -> dict[str, Any]:
    """What the run of a seed claims; it is put into the parent's log too."""
    best: dict[str, Any] = json.loads(read_text(Path(config.output_dir, BEST_FILE)))
    report.log(f"seed {config.seed}: {best['sentence']}")
    for score, base_score in _scores(best):
        values = {"pass@1": score, "base_pass@1": base_score, "untested_share": float("compile_rate" in best)}
        report.metric("seed", config.seed, values)
    return {"seed": config.seed, **best}


def _scores(outcome: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """The scores of the best cycle and of the starting model; none where nothing was held out."""
    for key in ("pass@1", "compile_rate"):
        if key in outcome:
            yield outcome[key]["value"], outcome[f"base_{key}"]["value"]
