"""vLLM servers give what the local engine gives, and a run outlives the loss of one of them."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import save_tiny_adapter, save_tiny_model
from vllm_server import Stub, stubs

from haloforge.errors import BackendError, ModelError
from haloforge.generate import SampleRequest, SamplingParams, endpoints, open_local, open_vllm
from haloforge.models import merge
from haloforge.records import Problem, Sample

PROBLEMS = [Problem(f"p{n}", f"Write a function that adds {n}.") for n in range(6)]
GREEDY = SampleRequest(PROBLEMS, 1, SamplingParams(max_new_tokens=12, temperature=0), seed=1)
DRAWN = SampleRequest(PROBLEMS, 3, SamplingParams(max_new_tokens=12, temperature=0.9, top_p=0.95), seed=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "base"))


@pytest.fixture(scope="module")
def adapter(base: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_tiny_adapter(tmp_path_factory.mktemp("adapters") / "one", base))


def sampled(engine: Any, request: SampleRequest) -> dict[tuple[str, int], Sample]:
    try:
        return {(s.task_id, s.index): s for s in engine.generate(request)}
    finally:
        engine.close()


def served(model: str, urls: Sequence[str], request: SampleRequest, said: list[str] | None = None) -> Any:
    log = [] if said is None else said
    return sampled(open_vllm(model, urls, "run-cycle-1", progress=log.append), request)


def assert_alike(ours: dict[Any, Sample], theirs: dict[Any, Sample]) -> None:
    assert ours.keys() == theirs.keys()
    for key, one in ours.items():
        other = theirs[key]
        assert (one.prompt_ids, one.token_ids) == (other.prompt_ids, other.token_ids)
        assert (one.text, one.code, one.finish_reason) == (other.text, other.code, other.finish_reason)
        assert (one.seed, one.prompt_tokens, one.completion_tokens) == (
            other.seed,
            other.prompt_tokens,
            other.completion_tokens,
        )
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_greedy_samples_of_a_full_model_are_those_of_the_local_engine(base: str) -> None:
    with stubs(Stub(base)) as urls:
        assert_alike(sampled(open_local(base), GREEDY), served(base, urls, GREEDY))


def test_greedy_samples_of_an_adapter_are_those_of_the_local_engine(base: str, adapter: str) -> None:
    with stubs(Stub(base), Stub(base)) as urls:
        assert_alike(sampled(open_local(adapter), GREEDY), served(adapter, urls, GREEDY))


def test_a_stop_string_and_the_end_token_end_a_completion_as_here(taught: Path) -> None:
    params = SamplingParams(max_new_tokens=30, temperature=0, stop=("return",))
    asked = SampleRequest([Problem("a", "Write inc(n)."), Problem("b", "Write dbl(n).")], 1, params, seed=1)
    with stubs(Stub(str(taught))) as urls:
        for request in (asked, SampleRequest(asked.problems, 1, SamplingParams(30, 0), seed=1)):
            assert_alike(sampled(open_local(str(taught)), request), served(str(taught), urls, request))


def test_every_sample_has_a_seed_of_its_own_and_nothing_is_left_to_the_server(base: str) -> None:
    server = Stub(base)
    with stubs(server) as urls:
        found = served(base, urls, DRAWN)
    assert {row["seed"] for row in server.completions} == {s.seed for s in found.values()}
    assert len(found) == len({row["seed"] for row in server.completions}) == DRAWN.size
    says = {"temperature": 0.9, "top_p": 0.95, "top_k": 0, "repetition_penalty": 1.0, "min_p": 0.0}
    assert all(row | says == row for row in server.completions)


def test_an_endpoint_that_dies_in_the_middle_is_given_up_and_nothing_is_lost(base: str, adapter: str) -> None:
    dying, well, said = Stub(base, dies_after=3), Stub(base), []
    with stubs(dying, well) as urls:
        engine = open_vllm(adapter, urls, "run-cycle-1", progress=said.append)
        found = [(s.task_id, s.index, s.finish_reason) for s in engine.generate(DRAWN)]
        engine.close()
    wanted = [(problem.task_id, index) for problem in PROBLEMS for index in range(3)]
    assert sorted((task_id, index) for task_id, index, _ in found) == wanted
    assert all(reason != "error" for *_, reason in found)
    assert len([line for line in said if "is given up" in line]) == 1
    assert len(well.completions) >= DRAWN.size - 3


def test_when_all_endpoints_are_dead_the_run_can_be_resumed(base: str) -> None:
    dying, why = [Stub(base, dies_after=2), Stub(base, dies_after=1)], r"no vLLM endpoint is left .* resume the run"
    with stubs(*dying) as urls, pytest.raises(BackendError, match=why):
        served(base, urls, DRAWN)
    with pytest.raises(BackendError, match="no vLLM endpoint is left"):
        served(base, ["http://127.0.0.1:9"], DRAWN)


def test_an_endpoint_that_has_too_much_to_do_is_asked_again(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(Stub):
        def complete(self, row: dict[str, Any]) -> tuple[int, Any]:
            return (
                (429, {"error": "Too many requests"})
                if len(self.completions) in range(1, 12)
                else super().complete(row)
            )

    monkeypatch.setattr(endpoints, "_PAUSE_S", 0.01)
    said: list[str] = []
    with stubs(Busy(base)) as urls:
        found = served(base, urls, DRAWN, said)
    assert len(found) == DRAWN.size and all(s.finish_reason != "error" for s in found.values())
    assert not [line for line in said if "is given up" in line]


def test_an_endpoint_that_hangs_is_given_up_and_one_that_is_slow_is_not(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Stub):
        def complete(self, row: dict[str, Any]) -> tuple[int, Any]:
            time.sleep(0.2)
            return super().complete(row)

    class Hung(Stub):
        def complete(self, row: dict[str, Any]) -> tuple[int, Any]:
            if row["max_tokens"] > 1:
                self.is_broken = True
                over.wait(60)
            return super().complete(row)

    over, said = threading.Event(), []
    monkeypatch.setattr(endpoints, "_SILENT_S", 0.1)
    hung = Hung(base)
    with stubs(hung, Slow(base)) as urls:
        found = served(base, urls, GREEDY, said)
    over.set()
    assert len(found) == GREEDY.size
    assert [line for line in said if "is given up" in line] == [
        f"the vLLM endpoint {hung.url} is given up (HTTP 503, Service Unavailable); 1 left"
    ]


def test_a_stop_ends_the_requests_in_flight(base: str) -> None:
    class Slow(Stub):
        def complete(self, row: dict[str, Any]) -> tuple[int, Any]:
            if row["max_tokens"] == 1:
                return super().complete(row)
            over.wait(60)
            return 503, {}  # and compute nothing: this thread may be left when the tests end

    over, slow, waiting = threading.Event(), Slow(base), set[threading.Thread]()

    def should_stop() -> bool:
        waiting.update(thread for thread in threading.enumerate() if thread.name.startswith("generate-vllm"))
        return len(slow.completions) > 4

    with stubs(slow) as urls:
        engine = open_vllm(base, urls, "run-cycle-1", progress=lambda line: None)
        assert list(engine.generate(DRAWN, should_stop)) == []
        for thread in waiting:
            thread.join(30)
        assert waiting and not any(thread.is_alive() for thread in waiting)
        engine.close()
        over.set()


def test_the_load_is_shared(base: str) -> None:
    one, two = Stub(base), Stub(base)
    with stubs(one, two) as urls:
        served(base, urls, DRAWN)
    assert len(one.completions) + len(two.completions) == DRAWN.size
    assert min(len(one.completions), len(two.completions)) >= DRAWN.size // 3


def test_an_adapter_is_loaded_by_its_path_on_each_endpoint_and_unloaded_after(base: str, adapter: str) -> None:
    servers = [Stub(base), Stub(base)]
    with stubs(*servers) as urls:
        served(adapter, urls, GREEDY)
    for server in servers:
        assert server.loaded == [("run-cycle-1", adapter)]
        assert server.unloaded == ["run-cycle-1"]
        assert {row["model"] for row in server.completions} == {"run-cycle-1"}


def test_what_a_killed_run_left_loaded_is_used_again(base: str, adapter: str) -> None:
    server = Stub(base, adapters={"run-cycle-1": adapter})
    with stubs(server) as urls:
        served(adapter, urls, GREEDY)
    assert server.loaded == [] and server.unloaded == ["run-cycle-1"]


def test_another_adapter_under_the_name_is_never_replaced(base: str, adapter: str) -> None:
    server = Stub(base, adapters={"run-cycle-1": "/elsewhere"})
    with stubs(server) as urls, pytest.raises(BackendError, match="has an adapter run-cycle-1 already"):
        served(adapter, urls, GREEDY)
    assert server.adapters == {"run-cycle-1": "/elsewhere"}


def test_a_server_with_another_model_is_refused_before_anything_is_sampled(base: str, tmp_path: Path) -> None:
    server = Stub(base, says="Qwen/Qwen2.5-Coder-0.5B")
    with stubs(server) as urls, pytest.raises(BackendError, match=r"serves Qwen/Qwen2.5-Coder-0.5B, and .* is meant"):
        served(base, urls, GREEDY)
    assert server.completions == []


def test_a_server_that_cannot_see_the_adapter_says_so(base: str, adapter: str) -> None:
    class Blind(Stub):
        def load(self, row: dict[str, Any]) -> tuple[int, Any]:
            return super().load(row | {"lora_path": "/not/mounted"})

    with stubs(Blind(base)) as urls, pytest.raises(BackendError, match=r"must see that folder .*--max-lora-rank 8"):
        served(adapter, urls, GREEDY)


def test_an_adapter_that_no_server_takes_is_refused_with_the_reason(base: str, tmp_path: Path) -> None:
    large = str(save_tiny_adapter(tmp_path / "large", base, rank=16))
    why = r"rank 16 is greater than max_lora_rank 8.*--max-lora-rank 16 or more"
    with stubs(Stub(base, max_lora_rank=8)) as urls, pytest.raises(BackendError, match=why):
        served(large, urls, GREEDY)


def test_a_server_whose_engine_died_is_given_up_when_it_should_load_an_adapter(base: str, adapter: str) -> None:
    class Dying(Stub):
        def load(self, row: dict[str, Any]) -> tuple[int, Any]:
            self.is_broken = True
            return 500, {"error": {"message": "EngineCore encountered an issue."}}

    said: list[str] = []
    with stubs(Dying(base), Stub(base)) as urls:
        assert len(served(adapter, urls, GREEDY, said)) == GREEDY.size
    assert len([line for line in said if "is given up" in line]) == 1


def test_a_server_that_gives_no_token_ids_is_refused_with_the_reason(base: str) -> None:
    with stubs(Stub(base, is_chat_only=True)) as urls, pytest.raises(BackendError, match="token ids and log-probs"):
        served(base, urls, GREEDY)


def test_log_probs_after_the_temperature_are_refused(base: str) -> None:
    with stubs(Stub(base, is_processed=True)) as urls, pytest.raises(BackendError, match="raw_logprobs"):
        served(base, urls, GREEDY)


def test_an_adapter_on_an_adapter_must_be_merged_first(base: str, adapter: str, tmp_path: Path) -> None:
    merge(adapter, tmp_path / "merged")
    save_tiny_adapter(tmp_path / "two", tmp_path / "merged")
    config = tmp_path / "two" / "adapter_config.json"
    config.write_text(config.read_text().replace(str(tmp_path / "merged"), adapter))
    with pytest.raises(ModelError, match="merge it first"):
        open_vllm(str(tmp_path / "two"), ["http://127.0.0.1:9"], "run-cycle-1")


def test_a_prompt_without_room_for_an_answer_gives_empty_samples(base: str) -> None:
    request = SampleRequest([Problem("long", "word " * 2000)], 2, SamplingParams(max_new_tokens=5), seed=1)
    with stubs(Stub(base)) as urls:
        found = served(base, urls, request)
    assert [(s.token_ids, s.finish_reason) for s in found.values()] == [((), "length")] * 2


def test_a_stop_ends_it_with_what_is_finished(base: str) -> None:
    with stubs(Stub(base)) as urls:
        engine = open_vllm(base, urls, "run-cycle-1", progress=lambda line: None)
        assert len(list(engine.generate(DRAWN, lambda: True))) == 0
        engine.close()


def test_a_chat_is_answered_as_here(base: str) -> None:
    chat, params = [{"role": "user", "content": "Hello"}], SamplingParams(max_new_tokens=8, temperature=0)
    with stubs(Stub(base)) as urls:
        here, there = open_local(base), open_vllm(base, urls, "run-cycle-1", progress=lambda line: None)
        assert "".join(there.stream(chat, params, 1)) == "".join(here.stream(chat, params, 1))
        here.close()
        there.close()
