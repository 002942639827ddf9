"""`models` commands that make something for others: export, card, push; and `data push`."""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from haloforge.errors import ConfigError

if TYPE_CHECKING:
    from haloforge.stages.publishing.staging import PlannedFile


def add_export(parser: argparse.ArgumentParser) -> None:
    """The flags of `models export`."""
    parser.add_argument("--model", metavar="NAME", required=True, help="any checkpoint")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder to write")
    parser.add_argument("--format", choices=["merged", "gguf", "adapter"], default="merged", metavar="FORMAT",
                        help="merged: safetensors; gguf: one file for llama.cpp and Ollama; adapter: for PEFT, "
                        "without its base (default: merged)")  # fmt: skip
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], metavar="DTYPE",
                        help="number format of merged: float32, bfloat16 or float16 (default: float32)")  # fmt: skip
    parser.add_argument("--type", metavar="TYPE", type=str.lower,
                        help="number format of gguf: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, mxfp4; with "
                        "halo-forge[kquants] q6_k, q5_k_m, q4_k_m, q3_k_m, q2_k; for ternary models tq2_0, tq1_0 "
                        "(default: f16)")  # fmt: skip
    parser.set_defaults(do=export)


def export(args: argparse.Namespace) -> int:
    """`models export`."""
    for flag, wanted, given in (("--dtype", "merged", args.dtype), ("--type", "gguf", args.type)):
        if given and args.format != wanted:
            raise ConfigError(f"{flag} belongs to --format {wanted}, and --format is {args.format}; leave it out")
    print(f"exported model: {_export(args)}")
    return 0


def _export(args: argparse.Namespace) -> str:
    if args.format == "gguf":
        from haloforge.models.gguf import export_gguf

        return str(export_gguf(args.model, args.output, kind=args.type or "f16", progress=_say))
    if args.format == "adapter":
        from haloforge.models import export_adapter

        return export_adapter(args.model, args.output, progress=_say).path
    from haloforge.models import export as export_merged

    return export_merged(args.model, args.output, dtype=args.dtype or "float32", progress=_say).path


def add_card(parser: argparse.ArgumentParser) -> None:
    """The flags of `models card`."""
    parser.add_argument("--model", metavar="NAME", required=True, help="any checkpoint")
    parser.add_argument("--name", metavar="NAME", help="name in the card (default: that of the run's output folder)")
    parser.add_argument("--out", metavar="FILE", help="file to write, its chart beside it (default: print it)")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.set_defaults(do=card)


def card(args: argparse.Namespace) -> int:
    """`models card`."""
    from haloforge.stages.publishing.card import card_of
    from haloforge.stages.publishing.files import card_name, write_card
    from haloforge.store import Store

    with Store() as store:
        written = card_of(store, args.model, args.name or card_name(args.model))
    if args.out is None:
        print(written.text)
        return 0
    write_card(written, Path(args.out), overwrite=args.overwrite)
    print(f"model card: {args.out}")
    return 0


def add_push(parser: argparse.ArgumentParser) -> None:
    """The flags of `models push`."""
    parser.add_argument("--model", metavar="NAME", required=True, help="any checkpoint")
    _add_repo(parser)
    parser.add_argument("--format", choices=["merged", "adapter"], metavar="FORMAT",
                        help="merged or adapter (default: adapter where its base is on the Hub)")  # fmt: skip
    parser.add_argument("--gguf", metavar="TYPE", nargs="?", const="f16", default="", type=str.lower,
                        help="a GGUF file too, in f16 or another type of models export")  # fmt: skip
    parser.set_defaults(do=push)


def add_data_push(parser: argparse.ArgumentParser) -> None:
    """The flags of `data push`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", metavar="FILE", help="problem file to send")
    what.add_argument("--run", metavar="RUN", help="run whose samples are sent")
    parser.add_argument("--content", choices=["kept", "pairs", "all"], default="kept", metavar="CONTENT",
                        help="which samples: kept, pairs or all, as in data export (default: kept)")  # fmt: skip
    _add_repo(parser)
    parser.set_defaults(do=data_push)


def _add_repo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", metavar="NAME", required=True, help="repository on the Hub: OWNER/NAME")
    parser.add_argument("--public", action="store_true", help="for everyone to see (default: private)")
    parser.add_argument("--dry-run", action="store_true", help="list files and sizes; send nothing")


def push(args: argparse.Namespace) -> int:
    """`models push`."""
    from haloforge.stages.publishing.staging import model_upload, planned_model, stage_model
    from haloforge.stages.publishing.upload import refuse_without_token, send
    from haloforge.store import Store

    upload = model_upload(args.model, args.repo, args.format, args.gguf)
    with Store() as store:
        if args.dry_run:
            _print_files(planned_model(store, upload), args)
            return 0
        refuse_without_token()
        folder = stage_model(store, upload, _uploads(), _say)
    print(f"sent: {send(folder, args.repo, public=args.public)}")
    return 0


def data_push(args: argparse.Namespace) -> int:
    """`data push`."""
    from haloforge.stages.publishing.dataset import DatasetUpload, stage_dataset
    from haloforge.stages.publishing.staging import planned_folder, refuse_repo
    from haloforge.stages.publishing.upload import refuse_without_token, send
    from haloforge.store import Store

    refuse_repo(args.repo)
    if not args.dry_run:
        refuse_without_token()
    with Store() as store, TemporaryDirectory(prefix="halo-forge-") as place:
        folder = stage_dataset(store, DatasetUpload(args.repo, args.data, args.run, args.content), Path(place))
        if args.dry_run:
            _print_files(planned_folder(folder), args)
        else:
            print(f"sent: {send(folder, args.repo, kind='dataset', public=args.public)}")
    return 0


def _uploads() -> Path:
    from haloforge.store import home

    return home() / "uploads"


def _print_files(files: "list[PlannedFile]", args: argparse.Namespace) -> None:
    for file in files:
        print(f"{file.name:<40} {'about ' if file.is_about else ''}{file.size:,} bytes")
    print(f"would be sent to {args.repo}, {'public' if args.public else 'private'}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)
