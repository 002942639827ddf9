"""The local engine, on real tiny models."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import save_tiny_adapter, save_tiny_model, tiny_model, tiny_tokenizer

from haloforge.errors import DataError
from haloforge.generate import SampleRequest, SamplingParams, open_engine, sample_seed
from haloforge.generate.local import LocalEngine
from haloforge.generate.prompts import EVALPLUS, PromptProtocol, messages, render, render_messages
from haloforge.models import FALLBACK_CHAT_TEMPLATE, LoadedModel, load
from haloforge.records import Checkpoint, Problem, Sample

TEXTS = ["Add.", "Write a function that adds two numbers and returns the sum.", "x", "Sort a list, please.", "Why?"]
PROBLEMS = [Problem(task_id=f"t/{number}", prompt=text) for number, text in enumerate(TEXTS)]
GREEDY = SamplingParams(max_new_tokens=24, temperature=0)
WARM = SamplingParams(max_new_tokens=24, temperature=1.0, top_p=0.9)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # two are many times slower than one where others compute beside us


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


ENDS = (2, *range(40, 58))
"""A random model seldom says its end token, so some ordinary tokens end its answers too."""


def loaded_from(model: Any) -> LoadedModel:
    model.generation_config.eos_token_id = list(ENDS)
    checkpoint = Checkpoint(path="tiny", base_model="tiny", is_adapter=False)
    return LoadedModel(model.eval(), tiny_tokenizer(), checkpoint, torch.device("cpu"))


def sampled(
    engine: LocalEngine, n: int, params: SamplingParams, problems: Sequence[Problem] = PROBLEMS
) -> list[Sample]:
    return sorted(engine.generate(SampleRequest(problems, n, params, 11)), key=lambda s: (s.task_id, s.index))


def continued(model: Any, prompt: Sequence[int], length: int, ends: Sequence[int]) -> tuple[int, ...]:
    """What `model.generate` says greedily."""
    ids = torch.tensor([list(prompt)])
    out = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=length,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=list(ends),
    )
    return tuple(out[0, len(prompt) :].tolist())


def noisy(model: Any) -> Any:
    """Make the random model say varied things, and its end token now and then."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.15)
    return model


def other_models() -> list[Any]:
    from transformers import (
        MistralConfig,
        MistralForCausalLM,
        Qwen2Config,
        Qwen2ForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    size = {
        "vocab_size": len(tiny_tokenizer()),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    torch.manual_seed(0)
    return [
        Qwen2ForCausalLM(Qwen2Config(**size)),
        Qwen3ForCausalLM(Qwen3Config(**size, head_dim=8)),
        MistralForCausalLM(MistralConfig(**size, sliding_window=None)),
        MistralForCausalLM(MistralConfig(**size, sliding_window=16)),
    ]


@pytest.mark.parametrize("slots", [1, 2, 3, 64])
def test_greedy_equals_transformers_with_any_number_of_slots(slots: int) -> None:
    model = noisy(tiny_model(tiny_tokenizer()))
    engine = LocalEngine(loaded_from(model), slots=slots)
    samples = sampled(engine, 2, GREEDY)
    assert len(samples) == 2 * len(PROBLEMS)
    for sample in samples:
        assert sample.token_ids == continued(model, sample.prompt_ids, 24, ENDS)


@pytest.mark.parametrize("model", other_models(), ids=["qwen2", "qwen3", "mistral", "sliding window"])
def test_greedy_equals_transformers_for_other_architectures(model: Any) -> None:
    for sample in sampled(LocalEngine(loaded_from(noisy(model)), slots=2), 1, GREEDY):
        assert sample.token_ids == continued(model, sample.prompt_ids, 24, ENDS)


@pytest.mark.parametrize("slots", [1, 3, 64])
def test_a_sample_does_not_depend_on_what_is_sampled_beside_it(slots: int) -> None:
    loaded = loaded_from(noisy(tiny_model(tiny_tokenizer())))
    everything = {(s.task_id, s.index): s.token_ids for s in sampled(LocalEngine(loaded), 3, WARM)}
    some = sampled(LocalEngine(loaded, slots=slots), 2, WARM, PROBLEMS[1:4])
    assert [s.token_ids for s in some] == [everything[s.task_id, s.index] for s in some]
    assert len(set(everything.values())) > len(PROBLEMS)


@pytest.mark.parametrize("model", other_models()[2:], ids=["slots", "batches"])
def test_the_same_seed_gives_the_same_samples_and_another_does_not(model: Any) -> None:
    engine = LocalEngine(loaded_from(noisy(model)), slots=4)
    first = [s.token_ids for s in sampled(engine, 2, WARM)]
    assert [s.token_ids for s in sampled(engine, 2, WARM)] == first
    other = sorted(engine.generate(SampleRequest(PROBLEMS, 2, WARM, 12)), key=lambda s: (s.task_id, s.index))
    assert [s.token_ids for s in other] != first


@pytest.mark.parametrize("model", [tiny_model(tiny_tokenizer()), other_models()[3]], ids=["slots", "batches"])
def test_logprobs_are_those_of_a_forward_pass_at_temperature_one(model: Any) -> None:
    for sample in sampled(LocalEngine(loaded_from(noisy(model)), slots=3), 2, WARM):
        ids = torch.tensor([sample.prompt_ids + sample.token_ids])
        with torch.inference_mode():
            logits = model(ids).logits[0, len(sample.prompt_ids) - 1 : -1]
        expected = logits.log_softmax(-1).gather(-1, torch.tensor(sample.token_ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(sample.logprobs), expected, atol=1e-4, rtol=1e-4)


def test_the_end_token_is_kept_in_the_ids_and_not_in_the_text() -> None:
    samples = sampled(LocalEngine(loaded_from(noisy(tiny_model(tiny_tokenizer())))), 30, WARM, PROBLEMS[:2])
    ended = [s for s in samples if s.finish_reason == "stop"]
    cut = [s for s in samples if s.finish_reason == "length"]
    assert ended and cut
    assert all(s.token_ids[-1] in ENDS and not {*ENDS} & {*s.token_ids[:-1]} for s in ended)
    assert all(not {*ENDS} & {*s.token_ids} and len(s.token_ids) == 24 for s in cut)
    decode = tiny_tokenizer().decode
    assert all(s.text == decode(s.token_ids[:-1], skip_special_tokens=True) for s in ended)
    assert all(len(s.logprobs) == len(s.token_ids) == s.completion_tokens for s in samples)


@pytest.mark.parametrize("model", [tiny_model(tiny_tokenizer()), other_models()[3]], ids=["slots", "batches"])
def test_a_stop_string_ends_and_cuts_the_text(model: Any) -> None:
    engine = LocalEngine(loaded_from(noisy(model)), slots=4)
    whole = sampled(engine, 4, WARM)
    letter = next(c for c in "etaoinshr0123456789(" if sum(c in s.text for s in whole) >= 3)
    stopped = sampled(engine, 4, SamplingParams(max_new_tokens=24, temperature=1.0, top_p=0.9, stop=(letter,)))
    for before, after in zip(whole, stopped, strict=True):
        assert after.text == before.text.split(letter)[0]
        assert before.token_ids[: len(after.token_ids)] == after.token_ids
        if letter in before.text:
            assert after.finish_reason == "stop"


def test_what_a_models_authors_set_for_generate_changes_no_logit_where_there_are_no_slots() -> None:
    plain = sampled(LocalEngine(loaded_from(noisy(other_models()[3]))), 2, WARM)
    model = noisy(other_models()[3])
    theirs = model.generation_config
    theirs.repetition_penalty, theirs.no_repeat_ngram_size, theirs.min_new_tokens = 3.0, 1, 20
    theirs.bad_words_ids, theirs.suppress_tokens = [[plain[0].token_ids[0]]], [plain[1].token_ids[0]]
    samples = sampled(LocalEngine(loaded_from(model)), 2, WARM)
    assert [(s.token_ids, s.logprobs) for s in samples] == [(s.token_ids, s.logprobs) for s in plain]
    assert model.generation_config is theirs


def test_every_problem_has_stop_strings_of_its_own() -> None:
    loaded = loaded_from(noisy(tiny_model(tiny_tokenizer())))
    loaded.tokenizer.chat_template = FALLBACK_CHAT_TEMPLATE
    plain = PromptProtocol("plain", messages, base_prompt=lambda problem: str(problem.prompt))
    whole = sampled(LocalEngine(loaded, plain), 6, WARM)
    letter = next(c for c in "etaoinshr0123456789(" if sum(c in s.text for s in whole if s.task_id == "t/1") >= 2)
    stopping = replace(plain, base_stop=lambda problem: (letter,) if problem.task_id == "t/1" else ())
    for before, after in zip(whole, sampled(LocalEngine(loaded, stopping), 6, WARM), strict=True):
        assert after.text == (before.text.split(letter)[0] if before.task_id == "t/1" else before.text)


def test_samples_that_are_there_already_are_not_made_again() -> None:
    engine = LocalEngine(loaded_from(noisy(tiny_model(tiny_tokenizer()))))
    whole = {(s.task_id, s.index): s.token_ids for s in sampled(engine, 2, WARM)}
    rest = list(engine.generate(SampleRequest(PROBLEMS, 2, WARM, 11, {("t/0", 0), ("t/3", 1)})))
    assert len(rest) == 8
    assert all(whole[s.task_id, s.index] == s.token_ids for s in rest)


def test_samples_come_as_they_finish_and_a_stop_is_heard() -> None:
    seen: list[Sample] = []
    engine = LocalEngine(loaded_from(noisy(tiny_model(tiny_tokenizer()))), slots=2)
    for sample in engine.generate(SampleRequest(PROBLEMS, 4, WARM, 0), lambda: len(seen) >= 3):
        seen.append(sample)
    assert 3 <= len(seen) < 20


def test_a_prompt_without_room_for_an_answer_gives_empty_samples() -> None:
    long = Problem(task_id="long", prompt="word " * 2000)
    samples = sampled(LocalEngine(loaded_from(tiny_model(tiny_tokenizer()))), 2, WARM, [long, PROBLEMS[0]])
    assert [(s.task_id, s.text, s.finish_reason) for s in samples[:2]] == [("long", "", "length")] * 2
    assert all(s.token_ids for s in samples[2:])


def test_an_answer_never_outgrows_the_models_context() -> None:
    prompt = Problem(task_id="p", prompt="a" * 960)
    loaded = loaded_from(tiny_model(tiny_tokenizer()))
    loaded.model.generation_config.eos_token_id = None
    sample = sampled(LocalEngine(loaded), 1, SamplingParams(500, 0.0), [prompt])[0]
    assert len(sample.prompt_ids) + len(sample.token_ids) == 1024


def test_a_disposable_model_says_the_same(folder: Path) -> None:
    adapter = str(save_tiny_adapter(folder.parent / "disposable", folder))
    expected = sampled(LocalEngine(load(adapter, device="cpu")), 2, GREEDY)
    engine = LocalEngine(load(adapter, device="cpu"), disposable=True)
    assert [s.token_ids for s in sampled(engine, 2, GREEDY)] == [s.token_ids for s in expected]
    engine.close()


def test_an_adapter_is_merged_while_sampling_and_given_back_bit_for_bit(folder: Path) -> None:
    adapter = save_tiny_adapter(folder.parent / "adapter", folder)
    loaded = load(str(adapter), trainable=True, device="cpu")
    ids = torch.tensor([[5, 9, 33, 70, 12]])
    before = {name: weight.clone() for name, weight in loaded.model.state_dict().items()}
    with torch.inference_mode():
        expected = loaded.model.eval()(ids).logits
    loaded.model.train()
    engine = LocalEngine(loaded)
    with torch.inference_mode():
        torch.testing.assert_close(engine.model(ids).logits, expected, atol=1e-5, rtol=1e-5)
    assert len(list(engine.generate(SampleRequest(PROBLEMS, 1, GREEDY, 0)))) == len(PROBLEMS)
    engine.close()
    after = loaded.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert loaded.model.training
    assert any(parameter.requires_grad for parameter in loaded.model.parameters())


def test_a_model_can_be_trained_after_its_engine_is_closed(folder: Path) -> None:
    adapter = save_tiny_adapter(folder.parent / "trainable", folder)
    loaded = load(str(adapter), trainable=True, device="cpu")
    engine = LocalEngine(loaded)
    list(engine.generate(SampleRequest(PROBLEMS, 1, GREEDY, 0)))
    engine.close()
    ids = torch.tensor([[5, 9, 33, 70, 12]])
    loaded.model(input_ids=ids, labels=ids).loss.backward()
    assert any(p.grad is not None for p in loaded.model.parameters())


@pytest.mark.parametrize("model", [tiny_model(tiny_tokenizer()), other_models()[3]], ids=["slots", "batches"])
def test_a_stream_joins_to_the_greedy_answer(model: Any) -> None:
    engine = LocalEngine(loaded_from(noisy(model)))
    chat = [{"role": "user", "content": "Add."}]
    pieces = list(engine.stream(chat, GREEDY, 0))
    ids = list(continued(model, render_messages(engine.tokenizer, chat), 24, ENDS))
    assert "".join(pieces) == engine.tokenizer.decode([i for i in ids if i not in ENDS], skip_special_tokens=True)
    assert not any(piece.endswith("\N{REPLACEMENT CHARACTER}") for piece in pieces[:-1])


def test_a_prompt_without_room_for_an_answer_is_one_sentence() -> None:
    engine = LocalEngine(loaded_from(tiny_model(tiny_tokenizer())))
    with pytest.raises(DataError, match=r"^the prompt is too long: \d+ tokens, and this model reads at most 1024$"):
        list(engine.stream([{"role": "user", "content": "word " * 2000}], GREEDY, 0))


def test_a_stream_holds_back_what_may_become_a_stop_string() -> None:
    engine = LocalEngine(loaded_from(noisy(tiny_model(tiny_tokenizer()))))
    chat = [{"role": "user", "content": "Add."}]
    whole = "".join(engine.stream(chat, GREEDY, 0))
    stop = whole[3:6]
    params = SamplingParams(max_new_tokens=24, temperature=0, stop=(stop,))
    assert "".join(engine.stream(chat, params, 0)) == whole[: whole.index(stop)]


def test_a_protocols_prefill_begins_the_answer(folder: Path) -> None:
    tokenizer = load(str(folder), device="cpu").tokenizer
    text = tokenizer.decode(render(tokenizer, PROBLEMS[0], EVALPLUS))
    assert text.endswith("<|im_start|>assistant\n" + EVALPLUS.prefill)


def test_an_engine_opens_by_name(folder: Path) -> None:
    engine = open_engine("local", str(folder))
    assert len(list(engine.generate(SampleRequest(PROBLEMS[:1], 1, GREEDY, 0)))) == 1
    engine.close()


def test_seeds_differ_by_problem_index_and_seed_and_fit_any_database() -> None:
    seeds = {sample_seed(s, t, i) for s in (0, 1) for t in ("a", "b", "a\0") for i in range(50)}
    assert len(seeds) == 300
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.slow
def test_greedy_equals_transformers_on_the_embedded_model() -> None:
    loaded = load("smollm2-135m", device="cpu")
    engine = LocalEngine(loaded, slots=2)
    params = SamplingParams(max_new_tokens=20, temperature=0)
    for sample in engine.generate(SampleRequest(PROBLEMS[:3], 1, params, 0)):
        assert sample.token_ids == continued(loaded.model, sample.prompt_ids, 20, (2,))
