"""How near a GGUF file is to the model it was written from: exported here, run by llama.cpp.

    python benchmarks/export_gguf.py                              # the embedded model, every number format
    python benchmarks/export_gguf.py --types f16,q8_0 --tokens 24   # minutes less

Needs the packages xllamacpp (llama.cpp itself) and cyllama (its quantiser); no network and no GPU. For each number
format: size, CPU seconds to write, of how many prompts the first greedy tokens are ours, and the loss over a fixed
Python text. The first row is transformers in fp32. In the column "rounded" ours are those of transformers in fp32 with
the weights rounded as the file has them, for formats that are nothing but rounded numbers. For these, stderr tells
every answer that is not ours: where it differs, and by how little each side prefers its own token.
llama.cpp runs with plain attention and keys and values in fp32; with its defaults (flash attention, keys and values in
fp16) differences of that size come on top. `served_gguf.py` tells what the files solve.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import torch

from haloforge.generate import messages
from haloforge.models import EMBEDDED, LoadedModel, end_token_ids, load
from haloforge.models.gguf import GGUF_TYPES, export_gguf
from haloforge.problems import load_starter
from haloforge.records import Problem

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from llama_cpp import LlamaCpp, llama_cpp  # type: ignore[import-not-found]

ROUNDED = {"f16": torch.float16, "bf16": torch.bfloat16}
"""The formats that hold each number by itself, with fewer bits; the others hold blocks, or all bits."""

TEXT = '''import heapq
from collections import defaultdict


def shortest_path(graph, start, goal):
    """Dijkstra's algorithm on a dict of dicts; returns the cost, or None where there is no path."""
    costs = defaultdict(lambda: float("inf"))
    costs[start] = 0
    queue = [(0, start)]
    while queue:
        cost, node = heapq.heappop(queue)
        if node == goal:
            return cost
        for other, weight in graph[node].items():
            if cost + weight < costs[other]:
                costs[other] = cost + weight
                heapq.heappush(queue, (cost + weight, other))
    return None
'''


class Row(NamedTuple):
    """One line of the table; `same` counts prompts, `rounded` is None for formats that are not in ROUNDED."""

    name: str
    megabytes: float
    seconds: float
    same: int
    rounded: int | None
    loss: float


class Case(NamedTuple):
    """What every file is compared with: the model, the prompts, and its own greedy tokens after each."""

    model: str
    loaded: LoadedModel
    prompts: list[list[int]]
    expected: list[list[int]]
    tokens: int


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=EMBEDDED)
    options.add_argument("--types", default=",".join(kind for kind in GGUF_TYPES if not kind.startswith("tq")))
    options.add_argument("--prompts", type=int, default=20, help="how many prompts are continued")
    options.add_argument("--tokens", type=int, default=48, help="how many greedy tokens of each are compared")
    options.add_argument("--threads", type=int, default=1, help="of PyTorch: more wait for each other where others run")
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    loaded = load(args.model, device="cpu", dtype="float32")
    prompts = prompts_of(loaded, load_starter("starter-easy", split="test", language="python")[: args.prompts])
    case = Case(args.model, loaded, prompts, greedy(loaded, prompts, args.tokens), args.tokens)
    ids = torch.tensor([loaded.tokenizer(TEXT).input_ids])
    with torch.inference_mode():
        loss = loaded.model(input_ids=ids, labels=ids).loss.item()
    size = sum(parameter.numel() * 4 for parameter in loaded.model.parameters()) / 1e6
    print(
        f"{len(prompts)} prompts, {args.tokens} greedy tokens each; loss in nats per token of {ids.shape[1]} tokens\n"
    )
    print("| file | MB | CPU s to write | same greedy tokens | rounded | loss | against fp32 |\n" + "|---" * 7 + "|")
    print(f"| transformers, fp32 | {size:.0f} | | | | {loss:.4f} | |", flush=True)
    for kind in args.types.split(","):
        with tempfile.TemporaryDirectory() as folder:
            print(line(gguf_row(case, kind, Path(folder) / kind), loss), flush=True)


def prompts_of(loaded: LoadedModel, problems: Sequence[Problem]) -> list[list[int]]:
    """Token ids of the problems as chats, in the template of the model."""
    template = loaded.tokenizer.apply_chat_template
    return [list(template(messages(problem), add_generation_prompt=True, return_dict=False)) for problem in problems]


def greedy(loaded: LoadedModel, prompts: list[list[int]], count: int) -> list[list[int]]:
    """The likeliest tokens one after another, by transformers, without the end token."""
    longest, pad = max(map(len, prompts)), min(ends_of(loaded))
    ids = torch.tensor([[pad] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    ending = {"eos_token_id": sorted(ends_of(loaded)), "pad_token_id": pad}
    with torch.inference_mode():
        rows = loaded.model.generate(ids, attention_mask=mask, max_new_tokens=count, do_sample=False, **ending)
    return [list(takewhile(lambda token: token not in ends_of(loaded), row)) for row in rows[:, longest:].tolist()]


def gguf_row(case: Case, kind: str, folder: Path) -> Row:
    """Write one file and measure it."""
    started = cpu_seconds()
    file = export_gguf(case.model, folder, kind=kind)
    seconds, rounded = cpu_seconds() - started, None
    with llama_cpp(file, 2048) as llama:
        answers = [llama.greedy(prompt, case.tokens) for prompt in case.prompts]
        loss = llama.loss(case.loaded.tokenizer(TEXT).input_ids)
        if kind in ROUNDED:
            model = rounded_model(case.loaded, ROUNDED[kind])
            rounded = sum(is_greedy(model, case, *pair) for pair in zip(case.prompts, answers, strict=True))
            for text in differences(case, model, answers, llama):
                print(f"{kind}, {text}", file=sys.stderr, flush=True)
    same = sum(ours == theirs for ours, theirs in zip(case.expected, answers, strict=True))
    return Row(kind, file.stat().st_size / 1e6, seconds, same, rounded, loss)


def cpu_seconds() -> float:
    """Of this process and of those it has waited for: K-quants are made in another one."""
    return sum(os.times()[:4])


def rounded_model(loaded: LoadedModel, dtype: torch.dtype) -> LoadedModel:
    """The model in fp32 with the numbers that a file of `dtype` holds: all but norms and biases are rounded."""
    model = deepcopy(loaded.model)
    for parameter in (each for each in model.parameters() if each.dim() > 1):
        parameter.data = parameter.data.to(dtype).float()
    return replace(loaded, model=model)


def is_greedy(loaded: LoadedModel, case: Case, prompt: list[int], answer: list[int]) -> bool:
    """Whether an answer is this model's own greedy one: then it holds the likeliest token at every place."""
    best = logits_after(loaded, prompt, answer).argmax(-1).tolist()
    return bool(best[: len(answer)] == answer) and (len(answer) == case.tokens or best[-1] in ends_of(loaded))


def ends_of(loaded: LoadedModel) -> set[int]:
    """The tokens that end an answer."""
    return set(end_token_ids(loaded.model, loaded.tokenizer))


def logits_after(loaded: LoadedModel, prompt: list[int], answer: list[int]) -> torch.Tensor:
    """Shape (tokens of the answer + 1, vocabulary): after the prompt, and after each token of the answer."""
    with torch.inference_mode():
        found = loaded.model(torch.tensor([prompt + answer]), logits_to_keep=len(answer) + 1)
    return torch.as_tensor(found.logits[0])


def differences(case: Case, rounded: LoadedModel, answers: list[list[int]], llama: LlamaCpp) -> Iterator[str]:
    """One line for each answer that is not ours: the place, both tokens, and how far apart each side sees them."""
    end = min(ends_of(case.loaded))
    for number, (prompt, expected, answer) in enumerate(zip(case.prompts, case.expected, answers, strict=True), 1):
        ours, theirs = [*expected, end], [*answer, end]
        if ours == theirs:
            continue
        place = next(index for index, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b)
        before, (a, b) = prompt + ours[:place], (ours[place], theirs[place])
        logits = [logits_after(loaded, before, [])[0] for loaded in (case.loaded, rounded)]
        gaps = [float(each[a] - each[b]) for each in logits]
        found = llama.log_probabilities(before, 1_000_000)
        words = [repr(case.loaded.tokenizer.decode([token])) for token in (a, b)]
        yield (
            f"prompt {number}, token {place + 1}: {words[0]} less {words[1]} is {gaps[0]:+.4f} nats in transformers, "
            f"{gaps[1]:+.4f} with rounded weights, {found[a] - found[b]:+.4f} in llama.cpp"
        )


def line(row: Row, loss: float) -> str:
    """The row in Markdown."""
    rounded = "" if row.rounded is None else str(row.rounded)
    figures = f"{row.megabytes:.0f} | {row.seconds:.0f} | {row.same} | {rounded} | {row.loss:.4f}"
    return f"| {row.name} | {figures} | {row.loss / loss - 1:+.2%} |"


if __name__ == "__main__":
    main()
