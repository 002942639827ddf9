"""What every command does, in a few lines each; the work is in the stages and below."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from haloforge import config as configs
from haloforge import jobs, stages
from haloforge.cli import watch
from haloforge.cli.flags import typed
from haloforge.cli.terminal import harmless
from haloforge.errors import ConfigError, RunError
from haloforge.records import Problem, Run, Tests
from haloforge.store import Store, home


def stage(args: argparse.Namespace) -> int:
    """Any stage: check the settings, then plan, resume, detach or follow."""
    cls = configs.STAGES[args.stage]
    config = cls.load(Path(args.config) if args.config else None, typed(args))
    if args.dry_run:
        lines = stages.load(args.stage).dry_run(config)
        print(json.dumps({"config": config.to_json(), "plan": lines}, indent=2) if args.json else "\n".join(lines))
        return 0
    with Store() as store:
        run = _unfinished(store, config) if args.resume else None
        if run is None:
            stages.load(args.stage).dry_run(config)  # what is wrong with the inputs is said before a run exists
            run = jobs.submit(store, config, name=args.name)
        else:
            run = jobs.resume(store, run.id)
        code = watch.execute(store, run, detach=args.detach, out=sys.stderr if args.json else sys.stdout)
        if args.json:
            print(json.dumps(_outcome(store, store.run(run.id)), indent=2))
        return code


def _unfinished(store: Store, config: configs.StageConfig) -> Run | None:
    """The newest run of this stage with the same output, if it is unfinished; None when there is none to go on with.

    Raises RunError when it is at work, or has other settings.
    """
    jobs.reconcile(store)
    wanted = config.to_json()
    output = next(key for key in ("output_dir", "output") if key in wanted)
    place = Path(wanted[output]).absolute()
    run = next((r for r in store.runs(stage=config.stage) if Path(r.cwd, str(r.config.get(output))) == place), None)
    if run is None or run.status == "done":
        return None
    if not run.is_finished:
        raise RunError(f"run {run.id} for {wanted[output]} is {run.status}; `halo-forge runs show {run.id} --follow`")
    old = configs.values(type(config).parse(run.config))
    changed = [f"{k} {old[k]!r} -> {v!r}" for k, v in configs.values(config).items() if old[k] != v]
    if changed:
        raise RunError(
            f"run {run.id} for {wanted[output]} has other settings ({'; '.join(changed)}): "
            f"go on with the old ones by `halo-forge runs resume {run.id}`, or start anew without --resume"
        )
    return run


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

    found = examine(Path(args.file), configs.ValidateConfig.load(None, typed(args)))
    print(json.dumps(found.to_json(), indent=2) if args.json else harmless(found.text()))
    return 0 if found.ok else 1


def compare(args: argparse.Namespace) -> int:
    """`benchmark compare`."""
    from haloforge.stages import benchmark

    if len(args.results) < 2:
        raise ConfigError("a comparison needs two result files or more; give A.json B.json")
    found = benchmark.compare([Path(path) for path in args.results])
    print(json.dumps(found.to_json(), indent=2) if args.json else harmless(found.text()))
    return 0


def verify(args: argparse.Namespace) -> int:
    """`verify`."""
    from haloforge.problems import load_problems
    from haloforge.stages.shared.judging import verify_settings
    from haloforge.stages.verify import run

    config = configs.VerifyConfig.load(None, typed(args))
    problems, output = load_problems(Path(config.problems)), Path(config.output)
    found = run(problems, Path(config.samples), output, verify_settings(config.verifier), cache=home() / "verdicts.db")
    if args.json:
        print(json.dumps(asdict(found) | {"scored": found.scored, "output": str(output)}, indent=2))
    else:
        counts = ", ".join(f"{n} {status}" for status, n in sorted(found.statuses.items(), key=lambda item: -item[1]))
        print(f"{found.passed} of {found.scored} samples passed ({counts}; isolation: {found.isolation})")
        print(f"verdicts: {output}")
    return 0


def generate(args: argparse.Namespace) -> int:
    """`generate`: one answer, streamed, and verified with --verify."""
    from haloforge.answers import extract_code
    from haloforge.generate.engines import SamplingParams, open_engine
    from haloforge.generate.prompts import messages
    from haloforge.verify import VerifySettings, open_verifier

    asked = {"generation.max_new_tokens": args.max_new_tokens, "generation.temperature": args.temperature}
    wanted = {"prompts": args.prompt, "model": args.model, "seed": args.seed}
    sampling = configs.GenerateConfig.load(None, wanted | asked).generation  # refuses what no sampling can be
    tests = Tests("asserts", code=tuple(args.test)) if args.test else Tests()
    problem = Problem("prompt", args.prompt, language=args.language, tests=tests)
    params = SamplingParams(max_new_tokens=sampling.max_new_tokens, temperature=sampling.temperature)
    out = sys.stderr if args.json else sys.stdout
    if args.verify:
        with open_verifier(VerifySettings(run=True)) as verifier:  # before a word is generated
            verifier.check([problem])
    pieces = []
    engine = open_engine("local", args.model)
    for piece in engine.stream(messages(problem), params, args.seed):
        pieces.append(piece)
        print(harmless(piece), end="", flush=True, file=out)
    print(file=out)
    text = "".join(pieces)
    code, verdict = extract_code(text, problem), None
    if args.verify:
        with open_verifier(VerifySettings(run=True)) as verifier:
            verdict = verifier.verify(problem, code)
        print(f"-- {verdict.status}, reward {verdict.reward:g} {harmless(verdict.detail)}".rstrip(), file=out)
    if args.json:
        print(json.dumps({"text": text, "code": code, "verdict": verdict and verdict.to_json()}, indent=2))
    return 0 if verdict is None or verdict.passed else 1


def models_list(args: argparse.Namespace) -> int:
    """`models list`."""
    from haloforge.models.checkpoints import find_checkpoints
    from haloforge.models.embedded import EMBEDDED

    with Store() as store:
        folders = {Path(run.cwd, str(run.config["output_dir"])) for run in store.runs() if "output_dir" in run.config}
    found = find_checkpoints(sorted(folders))
    if args.json:
        print(json.dumps([asdict(checkpoint) for checkpoint in found], indent=2))
        return 0
    print(f"{EMBEDDED:<40} embedded, works without network")
    for c in found:
        kind = f"adapter on {c.base_model}" if c.is_adapter else "whole model"
        print(f"{c.path:<40} {kind}" + (f", cycle {c.cycle} of {c.run}" if c.cycle is not None else ""))
    return 0


def models_merge(args: argparse.Namespace) -> int:
    """`models merge`."""
    from haloforge.models.merging import merge

    print(f"merged model: {merge(args.model, args.output, progress=_say).path}")
    return 0


def models_export(args: argparse.Namespace) -> int:
    """`models export`."""
    from haloforge.models.merging import export

    print(f"exported model: {export(args.model, args.output, dtype=args.dtype, progress=_say).path}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def app(args: argparse.Namespace) -> int:
    """`app`: this process becomes the server, so that command line and GUI never share one."""
    config = configs.AppConfig.load(None, typed(args))
    words = [*jobs.python_module("haloforge.ui"), json.dumps(config.to_json())]
    os.execve(sys.executable, words, jobs.own_environment())


def doctor(args: argparse.Namespace) -> int:
    """`doctor`."""
    from haloforge import doctor as checks

    found = checks.examine()
    print(json.dumps([asdict(check) for check in found], indent=2) if args.json else checks.text(found))
    return 0 if all(check.state != "missing" for check in found) else 1
