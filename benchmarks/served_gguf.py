"""What GGUF files solve: our benchmark of llama.cpp's own server, against the same benchmark of the checkpoint here.

    python benchmarks/served_gguf.py                     # the embedded model in f16, q8_0 and q4_k_m, 20 problems
    python benchmarks/served_gguf.py --types f16 --problems 4 --tokens 24   # a minute

Needs the packages xllamacpp (llama.cpp itself) and cyllama (its quantiser); no network and no GPU. The first problems
of the test split of `starter-easy` in Python are answered greedily: by `halo-forge benchmark run --model M`, and for
each file by `halo-forge benchmark run --backend openai --base-url http://127.0.0.1:PORT/v1 --model gguf`, with the chat
template in the file. Both are judged by our verifier. Printed are how many problems pass, how many answers have the
same text, and, for each problem whose verdict differs, both verdicts and the first piece of the answers that differs.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from haloforge.cli import main as halo_forge
from haloforge.models import EMBEDDED
from haloforge.models.gguf import export_gguf

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from llama_cpp import llama_cpp  # type: ignore[import-not-found]

Answers = dict[str, dict[str, Any]]
"""Rows of the samples file by problem."""


def main() -> None:
    """Run the benchmarks and print what each finds."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=EMBEDDED)
    options.add_argument("--types", default="f16,q8_0,q4_k_m")
    options.add_argument("--problems", type=int, default=20)
    options.add_argument("--tokens", type=int, default=128, help="an answer is cut after so many")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["HALOFORGE_RUNS"] = f"{folder}/runs"
        problems = ["--split", "test", "--language", "python", "--limit", str(args.problems)]
        command(["data", "prepare", "--dataset", "starter-easy", *problems, "--output", "problems.jsonl"])
        ours = answers(["--model", args.model], args.tokens, "local")
        print("| | passed | same text | same verdict |\n|---|---|---|---|")
        print(f"| here, transformers | {passed(ours)} of {len(ours)} | | |", flush=True)
        remarks: list[str] = []
        for kind in args.types.split(","):
            theirs = served(args.model, kind, args.tokens)
            texts = sum(theirs[name]["raw"] == row["raw"] for name, row in ours.items())
            verdicts = sum(theirs[name]["status"] == row["status"] for name, row in ours.items())
            print(f"| {kind}, llama.cpp | {passed(theirs)} of {len(theirs)} | {texts} | {verdicts} |", flush=True)
            remarks.extend(f"{kind}, {text}" for text in differences(ours, theirs))
        print("\n".join(["", *remarks]))
        os.chdir("/")


def served(model: str, kind: str, tokens: int) -> Answers:
    """The answers of a file in llama.cpp's server."""
    with llama_cpp(export_gguf(model, kind, kind=kind)) as llama:
        server = ["--backend", "openai", "--base-url", f"{llama.url}/v1", "--concurrency", "1"]
        return answers(["--model", "gguf", *server], tokens, f"served-{kind}")


def answers(model: list[str], tokens: int, name: str) -> Answers:
    """One greedy answer per problem, judged."""
    decoding = ["--samples", "1", "--k", "1", "--temperature", "0", "--max-new-tokens", str(tokens)]
    command(["benchmark", "run", *model, "--prompts", "problems.jsonl", *decoding, "--output", f"{name}.json"])
    rows = map(json.loads, Path(f"{name}.samples.jsonl").read_text().splitlines())
    return {row["task_id"]: row for row in rows}


def command(arguments: list[str]) -> None:
    """One of halo-forge's commands; what it prints goes to stderr."""
    with redirect_stdout(sys.stderr):
        code = halo_forge(arguments)
    if code:
        sys.exit(code)


def passed(found: Answers) -> int:
    """How many problems pass."""
    return sum(row["passed"] for row in found.values())


def differences(ours: Answers, theirs: Answers) -> Iterator[str]:
    """One line for each problem whose verdict differs."""
    for name, row in ours.items():
        other = theirs[name]
        if row["status"] != other["status"]:
            place = len(os.path.commonprefix([row["raw"], other["raw"]]))
            pieces = [repr(text["raw"][max(0, place - 20) : place + 30]) for text in (row, other)]
            yield f"{name}: here {row['status']}, {pieces[0]}; llama.cpp {other['status']}, {pieces[1]}"


if __name__ == "__main__":
    main()
