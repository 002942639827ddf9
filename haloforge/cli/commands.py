"""What each command does, in a few lines: read the flags, call a function below, print what it returns."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haloforge import config as configs
from haloforge import jobs, stages
from haloforge.children import own_environment, python_module
from haloforge.cli import watch
from haloforge.cli.flags import typed
from haloforge.cli.terminal import harmless
from haloforge.errors import ConfigError
from haloforge.records import Checkpoint, Problem, Run, Tests, Verdict
from haloforge.stages.shared.run_outputs import model_folders, unfinished_run
from haloforge.store import Store, home

if TYPE_CHECKING:
    from haloforge.stages.answer import Question
    from haloforge.stages.benchmark.compare import Comparison


def stage(args: argparse.Namespace) -> int:
    """Any stage: check the settings, then show the plan, or start or resume a run and follow it."""
    config = configs.STAGES[args.stage].load(Path(args.config) if args.config else None, typed(args))
    if args.dry_run:
        lines = stages.plan(config)
        print(json.dumps({"config": config.to_json(), "plan": lines}, indent=2) if args.json else "\n".join(lines))
        return 0
    with Store() as store:
        run = _resumed(store, config) if args.resume else None
        if run is None:
            stages.plan(config, measures=False)  # wrong inputs are refused before a run exists
            run = jobs.submit(store, config, name=args.name)
        code = watch.execute(store, run, detach=args.detach, out=sys.stderr if args.json else sys.stdout)
        if args.json:
            print(json.dumps(_outcome(store, store.run(run.id)), indent=2))
        return code


def _resumed(store: Store, config: configs.StageConfig) -> Run | None:
    jobs.reconcile(store)
    run = unfinished_run(store, config)
    return run and jobs.resume(store, run.id, config)


def _outcome(store: Store, run: Run) -> dict[str, Any]:
    artifacts = {e.data["name"]: e.data["path"] for e in store.events(run.id, kind="artifact")}
    metrics = {e.data["name"]: e.data["values"] for e in store.events(run.id, kind="metric")}
    error = store.last_event(run.id, "error")
    reason = error.data["message"] if error and run.status != "done" else None
    return {"run": run.id, "status": run.status, "error": reason, "artifacts": artifacts, "metrics": metrics}


def prepare(args: argparse.Namespace) -> int:
    """`data prepare`."""
    if not args.list:
        return stage(args)
    from haloforge.problems import SOURCES

    if args.json:
        print(json.dumps([asdict(source) for source in SOURCES.values()], indent=2))
        return 0
    for name, source in SOURCES.items():
        print(f"{name:<16} {source.license:<14} {','.join(source.languages):<12} {source.note}")
    return 0


def validate(args: argparse.Namespace) -> int:
    """`data validate`."""
    from haloforge.stages.data.validate import validate as examine

    report = examine(Path(args.file), configs.ValidateConfig.load(None, typed(args)))
    print(json.dumps(report.to_json(), indent=2) if args.json else harmless(report.text()))
    return 0 if report.ok else 1


def export(args: argparse.Namespace) -> int:
    """`data export`."""
    from haloforge.stages.data import export as exporting

    with Store() as store:
        run = store.run(args.run)
        output = Path(args.output) if args.output else exporting.default_output(run, args.content, args.format)
        if not args.overwrite:
            exporting.refuse_taken_export(run, args.content, output)
        count = exporting.export(store, run, args.content, output, args.format)
    print(f"{count} rows: {output}")
    return 0


def compare(args: argparse.Namespace) -> int:
    """`benchmark compare`: result files or cycles of RAFT runs, as text, as JSON, and as a report on disk."""
    from haloforge.stages import benchmark
    from haloforge.stages.benchmark.held_out import cycle_of

    if len(args.results) < 2:
        raise ConfigError("a comparison needs two result files or more; give A.json B.json")
    needs_records = args.report or any(map(cycle_of, args.results))
    if needs_records:
        comparison = _compare_with_records(args.results, args.report and Path(args.report))
    else:
        comparison = benchmark.compare([Path(path) for path in args.results])
    print(json.dumps(comparison.to_json(), indent=2) if args.json else harmless(comparison.text()))
    if args.report and not args.json:
        print(f"report: {args.report}")
    return 0


def _compare_with_records(keys: Sequence[str], report: Path | None) -> "Comparison":
    """Compare with the run records at hand, and write the report where one is asked for."""
    from haloforge.reports.document import write_document
    from haloforge.reports.sources import compared, read_source
    from haloforge.stages.benchmark.compare import compare_results

    with Store() as store:
        sources = [read_source(store, key) for key in keys]
        comparison = compare_results(keys, [source.result for source in sources])
        if report:
            write_document(report, compared(sources), [source.evidence(store) for source in sources])
    return comparison


def verify(args: argparse.Namespace) -> int:
    """`verify`."""
    from haloforge.problems import load_problems
    from haloforge.stages.verify import run

    config = configs.VerifyConfig.load(None, typed(args))
    problems, output = load_problems(Path(config.problems)), Path(config.output)
    settings, cache = config.verifier, home() / "verdicts.db"
    summary = run(problems, Path(config.samples), output, settings, ignore_unknown=config.ignore_unknown, cache=cache)
    if args.json:
        print(json.dumps(asdict(summary) | {"scored": summary.scored, "output": str(output)}, indent=2))
    else:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(summary.statuses.items(), key=lambda item: -item[1]))
        print(f"{summary.passed} of {summary.scored} samples passed ({counts}; isolation: {summary.isolation})")
        if summary.joined:
            named = ", ".join(summary.joined)
            print(f"{len(summary.joined)} problems were judged in one process with their tests: {named}")
        if summary.unknown:
            print(f"left out: {summary.unknown:,} samples whose task id no problem has")
        print(f"verdicts: {output}")
    return 0


def generate(args: argparse.Namespace) -> int:
    """`generate`: one answer, streamed, and verified with --verify."""
    from haloforge.generate import open_engine
    from haloforge.stages.answer import Completed, Piece, Verified, answer, verifier_of

    question = _question(args)
    out = sys.stderr if args.json else sys.stdout
    text = ""
    code: str | None = None
    verdict: Verdict | None = None
    with verifier_of(question.problem) if args.verify else nullcontext() as verify:  # before a word is generated
        for event in answer(closing(open_engine("local", args.model)), question, verify):
            match event:
                case Piece(piece):
                    print(harmless(piece), end="", flush=True, file=out)
                case Completed(text, code):
                    print(file=out)
                case Verified(verdict):
                    detail = harmless(verdict.detail)
                    print(f"-- {verdict.status}, reward {verdict.reward:g} {detail}".rstrip(), file=out)
    if args.json:
        print(json.dumps({"text": text, "code": code, "verdict": verdict and verdict.to_json()}, indent=2))
    return 0 if verdict is None or verdict.passed else 1


def _question(args: argparse.Namespace) -> "Question":
    """What is asked, from the flags. Raises ConfigError for an impossible sampling setting."""
    from haloforge.generate import SamplingParams
    from haloforge.stages.answer import Question

    required = {"prompts": args.prompt, "model": args.model}
    flags = {"generation.max_new_tokens": args.max_new_tokens, "generation.temperature": args.temperature}
    sampling = configs.GenerateConfig.load(None, required | flags | {"seed": args.seed}).generation
    tests = Tests("asserts", code=tuple(args.test)) if args.test else Tests()
    problem = Problem("prompt", args.prompt, language=args.language, tests=tests)
    params = SamplingParams(max_new_tokens=sampling.max_new_tokens, temperature=sampling.temperature)
    return Question(problem, params, args.seed)


def models_list(args: argparse.Namespace) -> int:
    """`models list`."""
    from haloforge.models import EMBEDDED, find_checkpoints

    with Store() as store:
        checkpoints = find_checkpoints(sorted(model_folders(store)))
    if args.json:
        print(json.dumps([asdict(checkpoint) for checkpoint in checkpoints], indent=2))
        return 0
    print(f"{EMBEDDED:<40} embedded, works without network")
    for checkpoint in checkpoints:
        print(f"{checkpoint.path:<40} {_kind(checkpoint)}")
    return 0


def _kind(checkpoint: Checkpoint) -> str:
    kind = f"adapter on {checkpoint.base_model}" if checkpoint.is_adapter else "whole model"
    return kind if checkpoint.cycle is None else f"{kind}, cycle {checkpoint.cycle} of {checkpoint.run}"


def models_merge(args: argparse.Namespace) -> int:
    """`models merge`."""
    from haloforge.models import merge

    print(f"merged model: {merge(args.model, args.output, progress=_say).path}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def app(args: argparse.Namespace) -> int:
    """`app`: this process becomes the server, so that command line and GUI never share one."""
    config = configs.AppConfig.load(None, typed(args))
    command = [*python_module("haloforge.ui"), json.dumps(config.to_json())]
    os.execve(sys.executable, command, own_environment())


def serve(args: argparse.Namespace) -> int:
    """`serve`: this process becomes the server."""
    config = configs.ServeConfig.load(None, typed(args))
    os.execve(sys.executable, [*python_module("haloforge.serving"), json.dumps(config.to_json())], own_environment())


def doctor(args: argparse.Namespace) -> int:
    """`doctor`."""
    from haloforge import doctor as checks

    results = checks.examine_cluster(args.cluster) if args.cluster else checks.examine()
    print(json.dumps([asdict(check) for check in results], indent=2) if args.json else checks.text(results))
    return 0 if all(check.state != "missing" for check in results) else 1
