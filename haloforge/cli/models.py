"""`models` commands that make something for others: export, card."""

import argparse
import sys
from pathlib import Path

from haloforge.errors import ConfigError


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
                        help="number format of gguf: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0 "
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
    parser.add_argument(
        "--out", metavar="FILE", help="file to write, and its chart beside it (default: print the card)"
    )
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


def _say(line: str) -> None:
    print(line, file=sys.stderr)
