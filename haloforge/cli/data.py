"""The commands for data files of one's own: show, split, mix, import."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from haloforge.cli.flags import Parser, add_command
from haloforge.cli.terminal import harmless
from haloforge.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SEED = 42


def add_commands(group: "argparse._SubParsersAction[Parser]") -> None:
    """The commands beside `data prepare`, `generate`, `validate` and `export`."""
    shown = _command(group, "show", "what is in a file: lengths, and a row as a model reads it")
    shown.add_argument("file", metavar="FILE", help="problems or training rows")
    shown.add_argument("--row", metavar="ROW", help="task id or line of the row to show (default: the first)")
    shown.add_argument("--model", metavar="NAME", help="use the chat template of this model, and count its tokens")
    shown.set_defaults(do=show)
    halves = _command(group, "split", "a file in two: to train on, and held out; families stay on one side")
    halves.add_argument("file", metavar="FILE", help="problems or training rows")
    halves.add_argument("--train", metavar="FILE", required=True, help="JSONL file to write")
    halves.add_argument("--held-out", metavar="FILE", required=True, help="JSONL file to write")
    halves.add_argument("--share", metavar="X", type=float, default=0.2, help="share to hold out (default: 0.2)")
    _writing(halves)
    halves.set_defaults(do=split)
    mixture = _command(group, "mix", "one file out of several, each with its share")
    mixture.add_argument("files", metavar="FILE[=WEIGHT]", nargs="+", help="files, with weights as in a.jsonl=2")
    mixture.add_argument("--output", metavar="FILE", required=True, help="JSONL file to write")
    mixture.add_argument("--rows", metavar="N", type=int, help="rows to write (default: as many as the weights allow)")
    _writing(mixture)
    mixture.set_defaults(do=mix)
    brought = _command(group, "import", "check a .jsonl, .json, .csv or .parquet file and make it a data file")
    brought.add_argument("file", metavar="FILE", help="file from elsewhere")
    brought.add_argument("--output", metavar="FILE", required=True, help="JSONL file to write, and a manifest")
    brought.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    brought.set_defaults(do=bring)


def _command(group: "argparse._SubParsersAction[Parser]", name: str, text: str) -> Parser:
    parser = add_command(group, name, text)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _writing(parser: Parser) -> None:
    parser.add_argument("--seed", metavar="N", type=int, default=SEED, help=f"seed of the draw (default: {SEED})")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")


def show(args: argparse.Namespace) -> int:
    """`data show`."""
    from haloforge.stages.data.contents import as_read, contents, row_named
    from haloforge.stages.data.own_files import read_own

    path, tokenizer = Path(args.file), _tokenizer(args.model)
    rows = read_own(path)
    row = row_named(rows, args.row) if args.row else rows[0]
    found, text = contents(path, tokenizer), as_read(row, tokenizer)
    if args.json:
        print(json.dumps(found.to_json() | {"line": row.line, "text": text}, indent=2))
    else:
        print(harmless(f"{path}: {found.rows:,} rows\n{found.text()}\n-- line {row.line}\n{text}"))
    return 0


def split(args: argparse.Namespace) -> int:
    """`data split`."""
    from haloforge.stages.data import splitting

    halves = splitting.split(Path(args.file), Path(args.train), Path(args.held_out),
                             share=args.share, seed=args.seed, overwrite=args.overwrite)  # fmt: skip
    print(json.dumps(asdict(halves), indent=2, default=str) if args.json else harmless(halves.text()))
    return 0


def mix(args: argparse.Namespace) -> int:
    """`data mix`."""
    from haloforge.stages.data import mixing

    if args.rows is not None and args.rows < 1:
        raise ConfigError(f"rows should be at least 1 (not {args.rows})")
    parts = [mixing.parse_part(text) for text in args.files]
    mixture = mixing.mix(parts, Path(args.output), rows=args.rows, seed=args.seed, overwrite=args.overwrite)
    print(json.dumps(asdict(mixture), indent=2, default=str) if args.json else harmless(mixture.text()))
    return 0


def bring(args: argparse.Namespace) -> int:
    """`data import`."""
    from haloforge.stages.data.bringing import bring as bring_file

    written = bring_file(Path(args.file), Path(args.output), overwrite=args.overwrite)
    result = json.dumps({"rows": written.rows, "output": str(written.path)}, indent=2)
    print(result if args.json else harmless(f"{written.rows:,} rows: {written.path}"))
    return 0


def _tokenizer(model: str | None) -> "PreTrainedTokenizerBase | None":
    if model is None:
        return None
    from haloforge.models import load_tokenizer

    return load_tokenizer(model)
