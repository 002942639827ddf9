"""The embedded model as GGUF, run by llama.cpp: the same greedy tokens in f16, nearly the same loss in q8_0."""

from pathlib import Path

import pytest
import torch
from llama_cpp import llama_cpp

from haloforge.cli import main
from haloforge.generate import messages
from haloforge.models import EMBEDDED, LoadedModel, load
from haloforge.models.gguf import export_gguf
from haloforge.problems import load_starter
from haloforge.store import Store

pytest.importorskip("xllamacpp", reason="xllamacpp is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("one_thread")]

TOKENS = 12


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return load(EMBEDDED, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model in f16, written once."""
    return export_gguf(EMBEDDED, tmp_path_factory.mktemp("half") / "f16", kind="f16")


def test_in_half_precision_the_greedy_tokens_after_twenty_prompts_are_ours(loaded: LoadedModel, half: Path) -> None:
    problems = load_starter("starter-easy", language="python")[:20]
    assert len(problems) == 20
    with llama_cpp(half) as llama:
        for problem in problems:
            chat = messages(problem)
            prompt = loaded.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            ids = loaded.tokenizer(prompt).input_ids
            assert llama.tokens(llama.prompt_of(chat)) == ids
            found = llama.greedy(ids, TOKENS)
            assert [*found, loaded.tokenizer.eos_token_id][:TOKENS] == likeliest(loaded, ids, found)[:TOKENS]


def likeliest(loaded: LoadedModel, prompt: list[int], answer: list[int]) -> list[int]:
    """Our likeliest token at every place of an answer and after it. Where they are its own, it is our greedy answer."""
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt + answer]), logits_to_keep=len(answer) + 1).logits
    return list(logits[0].argmax(-1).tolist())


def test_in_eight_bits_the_loss_is_the_same_within_one_per_cent(loaded: LoadedModel, tmp_path: Path) -> None:
    ours = theirs = 0.0
    with llama_cpp(export_gguf(EMBEDDED, tmp_path / "q8_0", kind="q8_0")) as llama, torch.inference_mode():
        for problem in load_starter("starter-easy", language="python")[:24:4]:  # one short text alone may be 1.7 % off
            ids = loaded.tokenizer(problem.solution).input_ids
            ours += loaded.model(input_ids=torch.tensor([ids]), labels=torch.tensor([ids])).loss.item() * (len(ids) - 1)
            theirs += llama.loss(ids) * (len(ids) - 1)
    assert abs(theirs / ours - 1) < 0.01


def test_our_benchmark_of_llama_cpp_s_own_server_finds_what_the_checkpoint_finds(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "runs"))
    data = ["--dataset", "starter-easy", "--split", "test", "--language", "python", "--limit", "4"]
    assert main(["data", "prepare", *data, "--output", "test.jsonl"]) == 0
    asked = ["--prompts", "test.jsonl", "--samples", "1", "--k", "1", "--max-new-tokens", "24", "--temperature", "0"]
    assert main(["benchmark", "run", "--model", EMBEDDED, *asked, "--output", "local.json"]) == 0
    with llama_cpp(half) as llama:
        server = ["--backend", "openai", "--base-url", f"{llama.url}/v1", "--concurrency", "1"]
        assert main(["benchmark", "run", "--model", "gguf", *server, *asked, "--output", "served.json"]) == 0
    assert judged("local") == judged("served") and len(judged("local")) == 4


def judged(name: str) -> dict[str, tuple[str, str]]:
    """Answer and verdict by problem."""
    with Store() as store:
        [run] = [run for run in store.runs() if run.config.get("output") == f"{name}.json"]
        rows = list(store.samples(run.id))
    return {row.sample.task_id: (row.sample.text, row.verdict.status if row.verdict else "") for row in rows}
