"""The embedded model as GGUF, run by llama.cpp: the same greedy tokens in f16, nearly the same loss in q8_0."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from llama_cpp import LlamaCpp, llama_cpp

from haloforge.cli import main
from haloforge.generate import messages
from haloforge.models import EMBEDDED, LoadedModel, load
from haloforge.models.gguf import export_gguf
from haloforge.problems import load_starter
from haloforge.store import Store

pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TOKENS = 12


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(EMBEDDED, device="cpu", dtype="float32")


@contextmanager
def running(kind: str, folder: Path) -> Iterator[LlamaCpp]:
    with llama_cpp(export_gguf(EMBEDDED, folder / kind, kind=kind)) as llama:
        yield llama


def test_in_half_precision_the_greedy_tokens_after_twenty_prompts_are_ours(loaded: LoadedModel, tmp_path: Path) -> None:
    tokenizer, model = loaded.tokenizer, loaded.model
    problems = load_starter("starter-easy", language="python")[:20]
    assert len(problems) == 20
    with running("f16", tmp_path) as llama, torch.inference_mode():
        for problem in problems:
            chat = messages(problem)
            prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            ids = tokenizer(prompt).input_ids
            assert llama.tokens(llama.prompt_of(chat)) == ids
            found = model.generate(torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False)[0, len(ids) :].tolist()
            assert llama.greedy(ids, TOKENS) == [token for token in found if token != tokenizer.eos_token_id]


def test_in_eight_bits_the_loss_is_the_same_within_one_per_cent(loaded: LoadedModel, tmp_path: Path) -> None:
    ours = theirs = 0.0
    with running("q8_0", tmp_path) as llama, torch.inference_mode():
        for problem in load_starter("starter-easy", language="python")[:24:4]:  # one short text alone may be 1.7 % off
            ids = loaded.tokenizer(problem.solution).input_ids
            loss = loaded.model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss
            ours += loss.item() * (len(ids) - 1)
            count = loaded.model.config.vocab_size
            theirs -= sum(llama.log_probabilities(ids[:place], count)[ids[place]] for place in range(1, len(ids)))
    assert abs(theirs / ours - 1) < 0.01


def test_our_benchmark_of_llama_cpp_s_own_server_finds_what_the_checkpoint_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))
    data = ["--dataset", "starter-easy", "--split", "test", "--language", "python", "--limit", "4"]
    assert main(["data", "prepare", *data, "--output", "test.jsonl"]) == 0
    asked = ["--prompts", "test.jsonl", "--samples", "1", "--k", "1", "--max-new-tokens", "24", "--temperature", "0"]
    assert main(["benchmark", "run", "--model", EMBEDDED, *asked, "--output", "local.json"]) == 0
    with running("f16", tmp_path) as llama:
        server = ["--backend", "openai", "--base-url", f"{llama.url}/v1", "--concurrency", "1"]
        assert main(["benchmark", "run", "--model", "gguf", *server, *asked, "--output", "served.json"]) == 0
    assert judged("local") == judged("served") and len(judged("local")) == 4


def judged(name: str) -> dict[str, tuple[str, str]]:
    """Answer and verdict by problem."""
    with Store() as store:
        [run] = [run for run in store.runs() if run.config.get("output") == f"{name}.json"]
        rows = list(store.samples(run.id))
    return {row.sample.task_id: (row.sample.text, row.verdict.status if row.verdict else "") for row in rows}
