"""Forward passes of one pool against batches that drain, for the same completions in the same slots.

    python benchmarks/pool.py [--prompts 400] [--samples 8] [--slots 64,256] [--batches 4,64,400] [--seed 0]

The scheduler is the real one, on a model that is small enough for its passes to be counted and not waited for; a
completion ends at a length drawn beforehand (lognormal, about 200 tokens on average, at most 1,024), which the
scheduler does not know. A pass counts whatever it holds: one step of all slots, or some prompts that are run ahead of
their turn. The ideal is all tokens over all slots, or the longest completion where that is more. No scheduler reaches
it without knowing the lengths beforehand: at the end the longest completions run alone. The column "blind" is the
passes of one that never leaves a slot empty while a completion waits, and whose prompts cost nothing.
"""

import argparse
import heapq
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from haloforge.generate.decoding import Decoder, Ending, Prompt, Row, pick
from haloforge.generate.slots import run_slots

PROMPT_TOKENS = (40, 200)
MEAN, SIGMA, MOST = 200, 0.8, 1024
"""Of the lengths: mean before the cut, standard deviation of the logarithm, and the cut, in tokens."""


@dataclass(frozen=True)
class Lengths:
    """Length of each completion, by prompt; `ids` are the prompts' tokens."""

    ids: Sequence[Sequence[int]]
    completions: Sequence[Sequence[int]]

    def ideal(self, slots: int) -> float:
        """The fewest passes in which so many slots could sample all of it."""
        lengths = [length for of_prompt in self.completions for length in of_prompt]
        return max(sum(lengths) / slots, max(lengths))

    def blind(self, slots: int) -> int:
        """The passes until all completions are done, each begun in the slot that is free first, in the pool's order."""
        free_at = [0] * slots
        for prompt in sorted(range(len(self.ids)), key=lambda place: -len(self.ids[place])):
            for length in self.completions[prompt]:
                heapq.heapreplace(free_at, free_at[0] + length)
        return max(free_at)


def drawn(prompts: int, samples: int, seed: int, scale: float = 1) -> Lengths:
    """Random prompts and lengths; `scale` shortens all completions alike, which changes no ratio."""
    generator = random.Random(seed)
    mu, most = math.log(MEAN * scale) - SIGMA**2 / 2, round(MOST * scale)
    ids = [[generator.randrange(1, 32) for _ in range(generator.randint(*PROMPT_TOKENS))] for _ in range(prompts)]
    lengths = [
        [min(most, max(1, round(generator.lognormvariate(mu, SIGMA)))) for _ in range(samples)] for _ in range(prompts)
    ]
    return Lengths(ids, lengths)


def smallest_model() -> Any:
    """One layer of random weights: its numbers mean nothing, only its passes count."""
    from transformers import LlamaConfig, LlamaForCausalLM

    size = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = LlamaConfig(vocab_size=32, max_position_embeddings=2048, num_key_value_heads=1, **size)
    return LlamaForCausalLM(config).eval()


def passes(lengths: Lengths, slots: int, batch: int) -> int:
    """Forward passes in which `slots` slots complete everything, `batch` prompts at a time, each batch drained."""
    model, counted = smallest_model(), [0]
    model.register_forward_hook(lambda *args: counted.__setitem__(0, counted[0] + 1))
    decoder = Decoder(_greedy, Ending(frozenset(), lambda tokens: ""), lambda: False)
    longest_first = sorted(_prompts(lengths), key=lambda prompt: -len(prompt.ids))
    order = longest_first if batch >= len(lengths.ids) else list(_prompts(lengths))
    finished = 0
    with torch.inference_mode():
        for start in range(0, len(order), batch):
            for rows in run_slots(model, order[start : start + batch], decoder, slots, 2**32):
                finished += len(rows)
    if finished != sum(map(len, lengths.completions)):
        raise AssertionError(f"only {finished} completions came back")
    return counted[0]


def _greedy(logits: torch.Tensor, uniforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return pick(logits, uniforms, temperature=0, top_p=1)


def _prompts(lengths: Lengths) -> Iterator[Prompt]:
    for ids, completions in zip(lengths.ids, lengths.completions, strict=True):

        def new_row(prompt: Prompt, index: int, completions: Sequence[int] = completions) -> Row:
            return Row(index, prompt.ids, completions[index], random.Random(0))

        yield Prompt(ids, max(completions), range(len(completions)), new_row)


def main() -> None:
    """Print one line per number of slots and size of batch; the last batch of a line holds every prompt: the pool."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, number in (("prompts", 400), ("samples", 8), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--slots", default="64,256")
    parser.add_argument("--batches", default="4,64")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lengths = drawn(options.prompts, options.samples, options.seed)
    tokens = sum(map(sum, lengths.completions))
    print(f"{options.prompts} prompts x {options.samples} completions, {tokens:,} tokens, seed {options.seed}")
    print(f"{'slots':>5} {'prompts at a time':>18} {'passes':>8} {'blind':>7} {'ideal':>7} {'times the ideal':>15}")
    for slots in map(int, options.slots.split(",")):
        for batch in (*map(int, options.batches.split(",")), options.prompts):
            counted, blind, ideal = passes(lengths, slots, batch), lengths.blind(slots), lengths.ideal(slots)
            name = f"{batch} (the pool)" if batch == options.prompts else str(batch)
            print(f"{slots:5} {name:>18} {counted:8,} {blind:7,} {ideal:7,.0f} {counted / ideal:15.2f}", flush=True)


if __name__ == "__main__":
    main()
