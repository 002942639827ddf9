"""The command tree: every command of halo-forge, its flags and the function that does it."""

import argparse
import inspect
from typing import Any, NoReturn

from haloforge import __version__
from haloforge.cli import commands, completion, data, models, pipeline, runs
from haloforge.cli.flags import Parser, add_command, add_settings
from haloforge.config import STAGES, AppConfig, ServeConfig, StageConfig, ValidateConfig, VerifyConfig

DESCRIPTION = "Train code-generation models with verification: data, SFT, RAFT, benchmark."


def build() -> argparse.ArgumentParser:
    """The whole parser; `args.do` is the function of the command that was typed."""
    top = Parser(prog="halo-forge", description=DESCRIPTION)
    top.add_argument("--version", action=_Version, nargs=0, help="the version, and what it found on this machine")
    groups = top.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    _data(_group(groups, "data", "prepare, generate, check and share problems"))
    _stage(_group(groups, "sft", "supervised fine-tuning"), "train", "sft")
    _stage(_group(groups, "raft", "reward-ranked fine-tuning"), "train", "raft")
    _benchmark(_group(groups, "benchmark", "pass@k of a checkpoint, and comparisons"))
    _verify(groups)
    _generate(groups)
    _runs(_group(groups, "runs", "list, show, stop, resume and delete runs"))
    pipeline.add_run(groups)
    _models(_group(groups, "models", "list, export and publish checkpoints"))
    _app(groups)
    _serve(groups)
    doctor = add_command(groups, "doctor", "what this machine can do, and what to install")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--cluster", metavar="HOST:PORT", help="instead, a row for each node of that Ray cluster")
    doctor.set_defaults(do=commands.doctor)
    completion.add_completion(groups, top)
    return top


class _Version(argparse.Action):
    """Looks at the machine only when it is asked for."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> NoReturn:
        from haloforge.doctor import found

        print(f"halo-forge {__version__}\n{found()}")
        raise SystemExit(0)


def _group(groups: "argparse._SubParsersAction[Parser]", name: str, text: str) -> "argparse._SubParsersAction[Parser]":
    parser = add_command(groups, name, text)
    return parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)


def _about(cls: type[StageConfig]) -> str:
    return inspect.getdoc(cls) or ""


def _stage(group: "argparse._SubParsersAction[Parser]", command: str, stage: str, about: str | None = None) -> Parser:
    cls = STAGES[stage]
    parser = add_command(group, command, about or _about(cls))
    parser.add_argument("--config", metavar="FILE", help="YAML file; flags that are typed beat it")
    parser.add_argument("--dry-run", action="store_true", help="check everything, say what would happen, do nothing")
    parser.add_argument("--resume", action="store_true", help="go on with the unfinished run that has the same output")
    parser.add_argument("--detach", action="store_true", help="return at once; the run goes on by itself")
    parser.add_argument("--name", default="", help="a name for the run, for people")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end, nothing else")
    add_settings(parser, cls)
    parser.set_defaults(do=commands.stage, stage=stage)
    return parser


def _data(group: "argparse._SubParsersAction[Parser]") -> None:
    prepare = _stage(group, "prepare", "data-prepare")
    prepare.add_argument("--list", action="store_true", help="show the datasets, with sizes and licences")
    prepare.set_defaults(do=commands.prepare)
    _stage(group, "generate", "data-generate")
    validate = add_command(group, "validate", _about(ValidateConfig))
    validate.add_argument("file", metavar="FILE", help="problem file, in our format or an original one")
    validate.add_argument("--json", action="store_true", help="print JSON")
    validate.add_argument("--run", dest="set:run_solutions", action="store_const", const=True,
                          default=argparse.SUPPRESS, help="as --run-solutions, which is the default")  # fmt: skip
    add_settings(validate, ValidateConfig)
    validate.set_defaults(do=commands.validate)
    export = add_command(group, "export", "write what a run sampled and verified as a data set")
    export.add_argument("run", metavar="RUN", help="id of a run that sampled, or its beginning")
    what = export.add_mutually_exclusive_group()
    for name, text in (
        ("kept", "the samples that RAFT kept, as prompt and completion (default)"),
        ("pairs", "passed against failed samples of the same problem, as prompt, chosen and rejected"),
        ("all", "every sample with its verdict"),
    ):
        what.add_argument(f"--{name}", dest="content", action="store_const", const=name, help=text)
    export.add_argument("--output", metavar="FILE", help="file to write, and a manifest (default: data/RUN-kept.jsonl)")
    export.add_argument("--overwrite", action="store_true", help="replace a file that holds something else")
    export.add_argument("--format", choices=["jsonl", "parquet"], default="jsonl", metavar="FORMAT",
                        help="jsonl or parquet (default: jsonl)")  # fmt: skip
    export.set_defaults(do=commands.export, content="kept")
    models.add_data_push(add_command(group, "push", "send problems or samples to the Hugging Face Hub as Parquet"))
    data.add_commands(group)


def _benchmark(group: "argparse._SubParsersAction[Parser]") -> None:
    _stage(group, "run", "benchmark")
    plan = _stage(group, "plan", "benchmark", "what such a benchmark would take, and which gain it could detect")
    plan.set_defaults(dry_run=True, **{"set:overwrite": True})  # it writes nothing, so no result is in its way
    compare = add_command(group, "compare", "compare results on the same problems, with a paired interval")
    compare.add_argument("results", metavar="RESULT", nargs="+",
                         help="result files, or cycle:RUN:NUMBER for a cycle of a RAFT run; the first is the one "
                              "compared with")  # fmt: skip
    compare.add_argument(
        "--report", metavar="FILE", help="also write the comparison as an HTML file that needs no server"
    )
    compare.add_argument("--json", action="store_true", help="print JSON")
    compare.set_defaults(do=commands.compare)


def _verify(groups: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(groups, "verify", _about(VerifyConfig))
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    add_settings(parser, VerifyConfig)
    parser.set_defaults(do=commands.verify)


def _generate(groups: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(groups, "generate", "one answer from a model, verified if you like")
    parser.add_argument("--model", metavar="NAME", required=True, help="checkpoint folder, smollm2-135m, or a Hub id")
    parser.add_argument("--prompt", metavar="TEXT", required=True, help="what to ask")
    parser.add_argument("--verify", action="store_true", help="verify the code that comes out")
    parser.add_argument("--test", metavar="ASSERT", action="append", default=[], help="a test for --verify; may repeat")
    parser.add_argument("--language", default="python", help="language of the code (default: python)")
    parser.add_argument("--max-new-tokens", metavar="N", type=int, default=512, help="longest answer (default: 512)")
    parser.add_argument("--temperature", metavar="X", type=float, default=0.7, help="0 is greedy (default: 0.7)")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="seed of the sampling (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(do=commands.generate)


def _runs(group: "argparse._SubParsersAction[Parser]") -> None:
    listing = add_command(group, "list", "all runs, newest first")
    listing.add_argument("--stage", choices=list(STAGES), metavar="STAGE", help="only runs of this stage")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(do=runs.listing)
    show = add_command(group, "show", "one run: status, settings, what it reported")
    show.add_argument("run", metavar="RUN", help="id, or its beginning")
    show.add_argument("--follow", action="store_true", help="go on printing until the run ends")
    show.add_argument("--json", action="store_true", help="print JSON")
    show.set_defaults(do=runs.show)
    stop = add_command(group, "stop", "stop a run; everything done so far is kept")
    stop.add_argument("run", metavar="RUN", help="id, or its beginning")
    how = stop.add_mutually_exclusive_group()
    how.add_argument("--after-cycle", dest="rung", action="store_const", const="cycle", help="when this cycle is done")
    how.add_argument("--kill", dest="rung", action="store_const", const="kill", help="at once, without saving")
    stop.set_defaults(do=runs.stop, rung="now")
    resume = add_command(group, "resume", "go on with a stopped, failed or interrupted run")
    resume.add_argument("run", metavar="RUN", help="id, or its beginning")
    resume.add_argument("--detach", action="store_true", help="return at once; the run goes on by itself")
    resume.set_defaults(do=runs.resume)
    delete = add_command(group, "delete", "forget a run; its checkpoints and results stay")
    delete.add_argument("run", metavar="RUN", nargs="+", help="id, or its beginning")
    delete.set_defaults(do=runs.delete)


def _models(group: "argparse._SubParsersAction[Parser]") -> None:
    listing = add_command(group, "list", "the embedded model, and the checkpoints of your runs")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(do=commands.models_list)
    merge = add_command(group, "merge", "fold an adapter into its base model, in float32")
    merge.add_argument("--model", metavar="DIR", required=True, help="adapter checkpoint")
    merge.add_argument("--output", metavar="DIR", required=True, help="folder for the whole model")
    merge.set_defaults(do=commands.models_merge)
    export = add_command(group, "export", "a folder or file that other tools load without halo-forge")
    models.add_export(export)
    _stage(group, "release", "release")
    models.add_card(add_command(group, "card", "a model card for the Hub, written from the records of the runs"))
    models.add_push(add_command(group, "push", "send a checkpoint, with its card, to the Hugging Face Hub"))


def _app(groups: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(groups, "app", _about(AppConfig))
    add_settings(parser, AppConfig)
    parser.set_defaults(do=commands.app)


def _serve(groups: "argparse._SubParsersAction[Parser]") -> None:
    parser = add_command(groups, "serve", _about(ServeConfig))
    add_settings(parser, ServeConfig)
    parser.set_defaults(do=commands.serve)
