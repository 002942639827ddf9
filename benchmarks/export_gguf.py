"""How near a GGUF file is to the model it was written from: exported here, run by llama.cpp, judged by our verifier.

    python benchmarks/export_gguf.py                                   # the embedded model, every number format
    python benchmarks/export_gguf.py --types f16,q8_0 --tokens 24 --solve 0   # minutes less

Needs the package xllamacpp (llama.cpp itself); no network and no GPU. For each number format: size, CPU seconds to
write, of how many prompts the first greedy tokens are ours, loss over a fixed Python text, and how many problems of
`starter-easy` the model solves greedily through llama.cpp's own OpenAI server with the chat template in the file.
The first row is transformers in fp32. llama.cpp runs with plain attention and keys and values in fp32; with its
defaults (flash attention, keys and values in fp16) differences of that size come on top.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch

from haloforge.generate import Engine, SampleRequest, SamplingParams, messages, open_engine, open_local
from haloforge.models import EMBEDDED, LoadedModel, end_token_ids, load
from haloforge.models.gguf import GGUF_TYPES, export_gguf
from haloforge.problems import load_starter
from haloforge.records import Problem
from haloforge.verify import VerifySettings, open_verifier

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from llama_cpp import llama_cpp  # type: ignore[import-not-found]

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
    """One line of the table; `same` is None for transformers itself, `passed` where nothing was to be solved."""

    name: str
    megabytes: float
    seconds: float
    same: int | None
    loss: float
    passed: int | None


class Case(NamedTuple):
    """What every file is compared with: the model, the problems, and its own greedy tokens after each prompt."""

    model: str
    loaded: LoadedModel
    problems: list[Problem]
    prompts: list[list[int]]
    expected: list[list[int]]


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=EMBEDDED)
    options.add_argument("--types", default=",".join(kind for kind in GGUF_TYPES if not kind.startswith("tq")))
    options.add_argument("--prompts", type=int, default=20, help="how many prompts are continued")
    options.add_argument("--tokens", type=int, default=48, help="how many greedy tokens of each are compared")
    options.add_argument("--solve", type=int, default=20, help="how many problems are solved; 0 for none")
    args = options.parse_args()
    every = load_starter("starter-easy", split="test", language="python")
    problems = every[: args.solve]
    loaded = load(args.model, device="cpu", dtype="float32")
    prompts = prompts_of(loaded, every[: args.prompts])
    expected = [greedy(loaded, prompt, args.tokens) for prompt in prompts]
    first = transformers_row(loaded, args.model, problems)
    print(
        f"{len(prompts)} prompts, {args.tokens} greedy tokens each; {len(problems)} problems; loss in nats per token\n"
    )
    print("| file | MB | CPU s to write | same greedy tokens | loss | against fp32 | solved |\n" + "|---" * 7 + "|")
    print(line(first, first), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind in args.types.split(","):
            found = gguf_row(Case(args.model, loaded, problems, prompts, expected), kind, Path(folder) / kind)
            print(line(found, first), flush=True)


def prompts_of(loaded: LoadedModel, problems: Sequence[Problem]) -> list[list[int]]:
    """Token ids of the problems as chats, in the template of the model."""
    template = loaded.tokenizer.apply_chat_template
    return [list(template(messages(problem), add_generation_prompt=True, return_dict=False)) for problem in problems]


def greedy(loaded: LoadedModel, prompt: list[int], count: int) -> list[int]:
    """The likeliest tokens one after another, by transformers, without the end token."""
    ends = end_token_ids(loaded.model, loaded.tokenizer)
    with torch.inference_mode():
        found = loaded.model.generate(
            torch.tensor([prompt]), max_new_tokens=count, do_sample=False, eos_token_id=sorted(ends)
        )[0, len(prompt) :].tolist()
    return [token for token in found if token not in ends]


def transformers_row(loaded: LoadedModel, model: str, problems: list[Problem]) -> Row:
    """What the files are compared with."""
    ids = torch.tensor([loaded.tokenizer(TEXT).input_ids])
    with torch.inference_mode():
        loss = loaded.model(input_ids=ids, labels=ids).loss.item()
    size = sum(parameter.numel() * 4 for parameter in loaded.model.parameters()) / 1e6
    if not problems:
        return Row("transformers, fp32", size, 0, None, loss, None)
    with closing(open_local(model, progress=lambda line: None)) as engine:
        return Row("transformers, fp32", size, 0, None, loss, solved(engine, problems))


def gguf_row(case: Case, kind: str, folder: Path) -> Row:
    """Write one file and measure it."""
    started = time.process_time()
    file = export_gguf(case.model, folder, kind=kind)
    seconds, ids = time.process_time() - started, case.loaded.tokenizer(TEXT).input_ids
    with llama_cpp(file, 2048) as llama:
        pairs = zip(case.prompts, case.expected, strict=True)
        same = sum(llama.greedy(prompt, len(tokens)) == tokens for prompt, tokens in pairs)
        loss = llama.loss(ids)
        if not case.problems:
            return Row(kind, file.stat().st_size / 1e6, seconds, same, loss, None)
        with closing(open_engine("openai", "gguf", base_url=f"{llama.url}/v1", concurrency=1)) as engine:
            return Row(kind, file.stat().st_size / 1e6, seconds, same, loss, solved(engine, case.problems))


def solved(engine: Engine, problems: list[Problem]) -> int:
    """How many problems the greedy answer solves, by the tests of the problems."""
    request = SampleRequest(problems, 1, SamplingParams(max_new_tokens=192, temperature=0, top_p=1), seed=0)
    by_id = {problem.task_id: problem for problem in problems}
    with open_verifier(VerifySettings(workers=1)) as verifier:
        found = [verifier.verify(by_id[sample.task_id], sample.code) for sample in engine.generate(request)]
    return sum(verdict.status == "passed" for verdict in found)


def line(row: Row, first: Row) -> str:
    """The row in Markdown."""
    same, passed = ("" if count is None else str(count) for count in (row.same, row.passed))
    change = f"{row.loss / first.loss - 1:+.2%}"
    return f"| {row.name} | {row.megabytes:.0f} | {row.seconds:.0f} | {same} | {row.loss:.4f} | {change} | {passed} |"


if __name__ == "__main__":
    main()
