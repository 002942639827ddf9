"""One pool of completions in a fixed number of slots: what it computes does not depend on the slots, only how fast."""

import importlib.util
import random
from array import array
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from places import ROOT, WHOLE
from tiny import tiny_model, tiny_tokenizer
from torch.overrides import TorchFunctionMode

from haloforge.errors import MachineError
from haloforge.generate import SampleRequest, SamplingParams
from haloforge.generate.budget import cache_bytes, memory_limit, token_bytes
from haloforge.generate.decoding import Decoder, Ending, Prompt, Row, pick
from haloforge.generate.local import LocalEngine
from haloforge.generate.slots import affordable, run_slots
from haloforge.models import LoadedModel
from haloforge.records import Checkpoint, Problem, Sample

PROBLEMS = [Problem(f"t/{number}", "The task is as follows: " + "word " * number + "end") for number in range(8)]
WARM = SamplingParams(max_new_tokens=24, temperature=1.0, top_p=0.9)
ENDS = [2, *range(40, 58)]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """benchmarks/pool.py"""
    spec = importlib.util.spec_from_file_location("pool", ROOT / "benchmarks" / "pool.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def noisy_model(dtype: torch.dtype = torch.float32) -> Any:
    """A model that says varied things, and an end token now and then."""
    model = tiny_model(tiny_tokenizer())
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    model.generation_config.eos_token_id = ENDS
    return model.to(dtype)


def engine_for(model: Any, slots: int | None = None) -> LocalEngine:
    checkpoint = Checkpoint(path="tiny", base_model="tiny", is_adapter=False)
    return LocalEngine(LoadedModel(model, tiny_tokenizer(), checkpoint, torch.device("cpu")), slots=slots)


def sampled(
    engine: LocalEngine, n: int = 3, cache_gib: float | None = None, problems: Sequence[Problem] = PROBLEMS
) -> list[Sample]:
    request = SampleRequest(problems, n, WARM, 11, cache_gib=cache_gib)
    return sorted(engine.generate(request), key=lambda s: (s.task_id, s.index))


def most_rows(model: Any, seen: list[int]) -> None:
    """Note the rows of every step in `seen`."""
    model.register_forward_pre_hook(
        lambda module, args, kwargs: (
            seen.append(len(kwargs["input_ids"])) if kwargs["input_ids"].shape[1] == 1 else None
        ),
        with_kwargs=True,
    )


def test_passes_are_within_1_3_of_the_ideal_where_batches_that_drain_need_several_times_as_many(
    benchmark: ModuleType,
) -> None:
    lengths = benchmark.drawn(prompts=100, samples=8, seed=1, scale=0.1)
    ideal = lengths.ideal(32)
    assert benchmark.passes(lengths, slots=32, batch=100) <= 1.3 * ideal
    assert benchmark.passes(lengths, slots=32, batch=4) > 3 * ideal


@pytest.mark.slow
def test_400_prompts_of_8_samples_need_1_3_times_the_ideal_at_most_in_the_slots_of_a_cpu(
    benchmark: ModuleType,
) -> None:
    lengths = benchmark.drawn(prompts=400, samples=8, seed=0, scale=1.0 if WHOLE else 0.25)
    assert benchmark.passes(lengths, slots=64, batch=400) <= 1.3 * lengths.ideal(64)


@pytest.mark.parametrize("slots", [1, 3, 64])
def test_tokens_do_not_depend_on_the_number_of_slots(slots: int) -> None:
    """In float64, where noise is some 1e-16, all of them are the same."""
    few, many = (sampled(engine_for(noisy_model(torch.float64), count)) for count in (slots, 7))
    assert [s.token_ids for s in few] == [s.token_ids for s in many]
    assert len({s.token_ids for s in few}) > len(PROBLEMS)


@pytest.mark.parametrize("slots", [1, 3, 64])
def test_in_float32_log_probs_differ_by_noise_alone_as_long_as_the_tokens_are_the_same(slots: int) -> None:
    few, many = (sampled(engine_for(noisy_model(), count)) for count in (slots, 7))
    for one, other in zip(few, many, strict=True):
        pairs = list(zip(one.token_ids, other.token_ids, strict=False))
        same = next((place for place, (a, b) in enumerate(pairs) if a != b), len(pairs))
        assert one.logprobs[:same] == pytest.approx(other.logprobs[:same], abs=1e-4)


def test_a_stated_memory_decides_how_many_slots_there_are_and_nothing_else() -> None:
    rows: list[int] = []
    model = noisy_model(torch.float64)
    most_rows(model, rows)
    engine = engine_for(model)
    plenty = sampled(engine)
    assert max(rows) > 15
    rows.clear()
    width = max(len(s.prompt_ids) for s in plenty) + WARM.max_new_tokens
    little = sampled(engine, cache_gib=4.6 * width * token_bytes(model) / 2**30)
    assert max(rows) == 4
    assert [s.token_ids for s in little] == [s.token_ids for s in plenty]


def test_when_the_widest_prompt_is_done_the_others_share_its_memory() -> None:
    problems = [*PROBLEMS, Problem("t/long", "word " * 200)]
    rows: list[int] = []
    model = noisy_model(torch.float64)
    most_rows(model, rows)
    engine = engine_for(model)
    plenty = sampled(engine, problems=problems)
    rows.clear()
    width = max(len(s.prompt_ids) for s in plenty) + WARM.max_new_tokens
    little = sampled(engine, cache_gib=2.4 * width * token_bytes(model) / 2**30, problems=problems)
    assert rows[0] == 2 and max(rows) > 6
    assert [s.token_ids for s in little] == [s.token_ids for s in plenty]


def test_the_default_memory_does_not_depend_on_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    model = noisy_model()
    before, machine = cache_bytes(model, None), psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine._replace(available=2**20, free=2**20))
    assert cache_bytes(model, None) == before
    assert cache_bytes(model, 1.5) == 3 * 2**29


def test_a_containers_memory_counts_where_it_is_less_than_the_machines(tmp_path: Any) -> None:
    total = psutil.virtual_memory().total
    assert memory_limit(tmp_path) == total
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert memory_limit(tmp_path) == total
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_limit(tmp_path) == total
    (tmp_path / "memory.max").write_text(f"{2**29}\n")
    assert memory_limit(tmp_path) == 2**29


def test_the_memory_of_a_token_is_that_of_its_keys_and_values() -> None:
    from transformers import DynamicCache

    for model in (noisy_model(), noisy_model(torch.float64)):
        cache = DynamicCache(config=model.config)
        with torch.inference_mode():
            model(input_ids=torch.tensor([[5] * 10]), past_key_values=cache, use_cache=True)
        assert sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers) == 10 * token_bytes(model)
    assert affordable(noisy_model(), 100, 1) == 1


def test_too_little_memory_is_one_sentence_that_names_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise MemoryError

    engine = engine_for(noisy_model())
    monkeypatch.setattr(np, "zeros", refuse)
    with pytest.raises(MachineError, match=r"no room for .* 24 completions at once; give generation.cache_memory"):
        sampled(engine)


class AttentionShapes(TorchFunctionMode):
    """Notes the heads of the queries and keys of every attention with one token per row."""

    def __init__(self) -> None:
        super().__init__()
        self.heads: set[tuple[int, int]] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention and args[0].shape[2] <= 2:
            self.heads.add((args[0].shape[1], args[1].shape[1]))
        return func(*args, **(kwargs or {}))


def test_keys_are_never_expanded_to_the_number_of_query_heads() -> None:
    engine = engine_for(noisy_model())
    with AttentionShapes() as shapes:
        sampled(engine)
    assert shapes.heads == {(2, 2)}  # four query heads share two heads of keys


def test_a_row_is_made_when_its_turn_comes() -> None:
    made: list[int] = []

    def new_row(prompt: Prompt, index: int) -> Row:
        made.append(index)
        return Row(index, prompt.ids, prompt.limit, random.Random(index))

    prompts = [Prompt(array("i", [5] * 30), 9, range(100), new_row) for _ in range(100)]
    decoder = Decoder(
        lambda logits, uniforms: pick(logits, uniforms, temperature=1, top_p=1),
        Ending(frozenset(), lambda tokens: ""),
        lambda: len(made) > 60,
    )
    with torch.inference_mode():
        finished = [row for rows in run_slots(noisy_model(), prompts, decoder, 20, 2**30) for row in rows]
    assert len(made) == 80
    assert len(finished) == 60


def test_every_prompt_is_run_once_however_many_samples_it_has() -> None:
    seen: list[tuple[int, ...]] = []
    model = noisy_model()
    model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    sampled(engine_for(model, slots=16), n=9)
    run = [rows for rows, tokens in seen[1:] if tokens > 1]  # the first pass is the common beginning of all
    assert sum(run) == len(PROBLEMS)
    assert max(run) == 2  # as many ahead as fill an eighth of the slots
