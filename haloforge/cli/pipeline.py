"""`run`: the whole pipeline of one file, from its data to the comparison of what it made."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

from haloforge import jobs, stages
from haloforge.cli import watch
from haloforge.cli.flags import Parser, add_command
from haloforge.config import StageConfig
from haloforge.errors import ConfigError
from haloforge.pipeline import Pipeline, Step, load_pipeline, next_run, recipes, run_of
from haloforge.settings import shortened
from haloforge.store import Report, Store


def add_run(groups: "argparse._SubParsersAction[Parser]") -> None:
    """The command `run` and its flags."""
    about = "run a whole pipeline: data, benchmark, SFT, RAFT, benchmark, comparison; again after a stop, it goes on"
    parser = add_command(groups, "run", about)
    parser.add_argument("pipeline", metavar="FILE", help=f"YAML file, or one of {', '.join(recipes())}")
    parser.add_argument("--set", dest="changes", metavar="NAME=VALUE", action="append", default=[],
                        help="another value for one setting, such as raft.num_cycles=3; may repeat")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="check every stage, say what would happen, do nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    parser.set_defaults(do=run)


def run(args: argparse.Namespace) -> int:
    """`run`."""
    pipeline = load_pipeline(_file(args.pipeline), _changes(args.changes))
    steps = pipeline.steps()
    _refuse_missing_model(pipeline)
    out = sys.stderr if args.json else sys.stdout
    if args.dry_run:
        _dry_run(pipeline, steps, out)
        return 0
    with Store() as store:
        code = _run(store, pipeline, steps, out)
        runs = {step.name: run_of(pipeline, step) for step in steps}
    comparison = _comparison(steps, out) if code == 0 else None
    if args.json:
        print(json.dumps({"exit_code": code, "runs": runs, "comparison": comparison}, indent=2))
    return code


def _refuse_missing_model(pipeline: Pipeline) -> None:
    """Raises ModelError, before any data is prepared for it."""
    from haloforge.models import EMBEDDED, gguf_file, resolve

    if pipeline.model == EMBEDDED:
        gguf_file()
    else:
        resolve(pipeline.model)


def _run(store: Store, pipeline: Pipeline, steps: Sequence[Step], out: TextIO) -> int:
    """Every step that is not done yet; the exit code of the first that ends otherwise than done."""
    after = None
    for step in steps:
        print(f"\n== {step.name}", file=out, flush=True)
        jobs.reconcile(store)
        found = next_run(store, pipeline, step, after)
        if found is None:
            print(f"done before, by run {run_of(pipeline, step)}", file=out)
        elif code := watch.execute(store, found, out=out):
            return code
        after = run_of(pipeline, step)
    return 0


def _comparison(steps: Sequence[Step], out: TextIO) -> object:
    from haloforge.stages import benchmark

    results = [path for step in steps if step.name.startswith("benchmark ") and (path := step.config.output_path)]
    if len(results) < 2:
        return None
    comparison = benchmark.compare(results)
    print(f"\n== what it gained\n{comparison.text()}", file=out)
    return comparison.to_json()


def _dry_run(pipeline: Pipeline, steps: Sequence[Step], out: TextIO) -> None:
    """What every step would do. Data that is not there yet is prepared into a folder that goes away again.

    A step that begins with a model that is not trained yet is planned with the pipeline's own model.
    """
    with TemporaryDirectory(prefix="halo-forge-dry-run-") as temporary, Store(Path(temporary) / "runs") as store:
        moved: dict[str, str] = {}
        for step in steps:
            config = _stand_in(step.config, moved, pipeline)
            lines = stages.plan(config)
            print(f"\n== {step.name}\n" + "\n".join(_real(line, moved) for line in lines), file=out, flush=True)
            if step.config.stage == "data-prepare":
                _prepare(store, step.config, Path(temporary), moved)


def _prepare(store: Store, config: StageConfig, folder: Path, moved: dict[str, str]) -> None:
    path = config.output_path
    assert path is not None, "data is prepared into a file"
    if path.exists():
        return
    there = config.changed({"output": str(folder / path.name)})
    stages.load(there.stage).run(there, Report(store, store.create_run(there.stage, there.to_json()).id))
    moved[str(path)] = str(there.output_path)


def _stand_in(config: StageConfig, moved: dict[str, str], pipeline: Pipeline) -> StageConfig:
    """The same plan on what is there: prepared data in another place, the first model for one not trained yet."""
    current, changes = config.to_json(), {}
    if config.stage == "sft" and current["data"]["train_file"] in moved:
        changes["data.train_file"] = moved[current["data"]["train_file"]]
    if config.stage in ("raft", "benchmark") and current["prompts"] in moved:
        changes["prompts"] = moved[current["prompts"]]
    model = {"raft": "sft_checkpoint", "benchmark": "model", "release": "model"}.get(config.stage)
    if model and Path(current[model]).is_relative_to(pipeline.folder) and not Path(current[model]).exists():
        changes[model] = pipeline.model
    return config.changed(changes)


def _real(line: str, moved: dict[str, str]) -> str:
    for real, temporary in moved.items():
        line = line.replace(temporary, real)
    return line


def _file(name: str) -> Path:
    """A YAML file, or a pipeline of the package. Raises ConfigError."""
    path = Path(name)
    if path.is_file():
        return path
    if name in recipes():
        return recipes()[name]
    raise ConfigError(f"there is no pipeline {name}; give a YAML file, or one of {', '.join(recipes())}")


def _changes(typed: Sequence[str]) -> dict[str, str]:
    changes = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set takes NAME=VALUE, such as raft.num_cycles=3, not {shortened(text)}")
        changes[name] = value
    return changes
