"""What a checkpoint was trained on, run by run back to its base, and whether problems of a benchmark are among it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.answers import extract_code
from haloforge.errors import DataError, ModelError, RunError
from haloforge.files import sha256_of
from haloforge.models import read_metadata, resolve
from haloforge.problems import BenchmarkIndex, TrainingRow, bundled_index, load_training_rows
from haloforge.records import Checkpoint, Problem, Run
from haloforge.stages.shared.phases import recorded
from haloforge.store import Store


@dataclass(frozen=True, slots=True)
class Provenance:
    """Benchmark tasks that were trained on, each with the rules of decontamination that say so.

    `checked` and `unknown` (runs whose data could not be read) hold one line per training run; both are empty for a
    model that was not trained here.
    """

    trained_on: dict[str, list[str]]
    checked: list[str]
    unknown: list[str]

    @property
    def doubt(self) -> str:
        """TRAINED ON TEST with the first of the tasks; empty where there are none."""
        if not self.trained_on:
            return ""
        first = ", ".join(list(self.trained_on)[:10])
        more = f" and {len(self.trained_on) - 10} more" if len(self.trained_on) > 10 else ""
        return (
            f"TRAINED ON TEST: the model's training data holds {len(self.trained_on)} of the problems ({first}{more})"
        )


def provenance(store: Store, model: str, benchmark: Sequence[Problem]) -> Provenance:
    """Compare everything that the model was trained on, as far as it is recorded, with a benchmark's problems."""
    runs = training_runs(resolve(model))
    index = BenchmarkIndex.from_problems(benchmark if runs else ())
    rules: defaultdict[str, Counter[str]] = defaultdict(Counter)
    checked, unknown = [], []
    for run_id in runs:
        try:
            run = store.run(run_id)
            learned = list(_learned(store, run))
        except (RunError, DataError) as error:
            unknown.append(f"run {run_id}: {error}")
            continue
        for problem in learned:
            for hit in index.check(problem):
                if hit.drop:
                    rules[hit.task_id][hit.rule] += 1
        if changed := _changed_files(store, run):
            unknown.append(f"run {run_id}: {', '.join(changed)} changed since it was learned from; read as it is now")
        checked.append(f"run {run_id}: {len(learned)} training problems")
    order = [problem.task_id for problem in benchmark if problem.task_id in rules]
    return Provenance({task_id: list(rules[task_id]) for task_id in order}, checked, unknown)


def training_runs(checkpoint: Checkpoint) -> list[str]:
    """Ids of the runs that made a checkpoint, the newest first; the cycles of one run count once."""
    runs: dict[str, None] = {}
    seen: set[str] = set()
    while checkpoint.path not in seen:
        seen.add(checkpoint.path)
        if checkpoint.run:
            runs.setdefault(checkpoint.run)
        parent = checkpoint.parent or read_metadata(checkpoint.path).parent
        try:
            checkpoint = resolve(parent) if parent else checkpoint
        except ModelError:  # the parent was moved or deleted; its own parents are out of reach then
            break
    return list(runs)


def contamination_warning(problems: Sequence[Problem]) -> str:
    """Which of the problems to train on are known from public benchmarks, in one sentence; empty for none."""
    index = bundled_index()
    tasks = {hit.task_id: None for problem in problems for hit in index.check(problem) if hit.drop}
    if not tasks:
        return ""
    first = ", ".join(list(tasks)[:5]) + (", ..." if len(tasks) > 5 else "")
    return (
        f"{len(tasks)} benchmark tasks are among the problems to train on ({first}): scores on them will mean nothing"
    )


def _learned(store: Store, run: Run) -> Iterator[Problem]:
    """The problems that a run was allowed to learn from. Raises DataError when a file of them is gone."""
    yield from store.problems(run.id, held_out=False)
    for section, key in (("data", "train_file"), ("training", "replay_file")):
        named = run.config.get(section, {}).get(key) or ()
        for file in [named] if isinstance(named, str) else [entry["file"] for entry in named]:
            yield from map(as_problem, load_training_rows(Path(run.cwd, file)).rows)


def _changed_files(store: Store, run: Run) -> list[str]:
    """The training files whose bytes are not those that the run recorded."""
    record = recorded(store, run.id, 0, "plan")
    files = record.findings.get("files", ()) if record else ()
    return [entry["file"] for entry in files if sha256_of(Path(run.cwd, entry["file"])) != entry["sha256"]]


def as_problem(row: TrainingRow) -> Problem:
    """A training row in the shape that decontamination compares."""
    if row.problem is not None:
        return row.problem
    if row.messages is None:
        return Problem(row.name, row.text or row.name)
    questions = "\n".join(message["content"] for message in row.messages if message["role"] == "user")
    problem = Problem(row.name, questions or row.name)
    return replace(problem, solution=extract_code(row.messages[-1]["content"], problem))
