"""A model that is served elsewhere is judged as a checkpoint is, and the result says what nobody here knows of it."""

from pathlib import Path
from typing import Any

import pytest
from chat_server import Reply, serving
from worlds import RIGHT, benchmark_config, program, run_benchmark

from haloforge.config import BenchmarkConfig
from haloforge.errors import BackendError, ConfigError
from haloforge.generate import transport
from haloforge.stages import benchmark

FAILS = 500


def served(folder: Path, url: str, **changes: Any) -> BenchmarkConfig:
    data = benchmark_config(Path("some-model"), folder).to_json()
    return BenchmarkConfig.parse(data | {"backend": "openai", "base_url": url} | changes)


def right(number: int, row: dict[str, Any]) -> Reply:
    """The right program of the problem that is asked."""
    asked = row["messages"][-1]["content"]
    code = next(program(name, body) for name, body in RIGHT.items() if f"{name}(" in asked)
    message = {"content": f"```python\n{code}\n```"}
    return Reply(body={"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"completion_tokens": 9}})


def test_a_served_model_is_judged_and_what_is_not_known_of_it_is_said(tmp_path: Path) -> None:
    with serving(right) as server:
        result = run_benchmark(served(tmp_path, server.url), tmp_path / "runs")
    assert result["pass_at_k"]["1"]["value"] == 1.0
    assert result["model"]["name"] == "some-model" and result["model"]["base_url"] == server.url
    assert "what it was trained on" in result["model"]["not_known"]
    assert result["trained_on_test"]["unknown"]
    assert len({row["seed"] for row in server.requests}) == len(server.requests)


def test_an_answer_that_the_server_owes_is_asked_for_again_and_is_no_failure_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "wait_for", lambda seconds, should_stop: None)  # 31 s a request otherwise

    def broken(number: int, row: dict[str, Any]) -> Reply:
        return Reply(FAILS, {"error": "busy"}) if row["seed"] % 2 else right(number, row)

    with serving(broken) as server, pytest.raises(BackendError, match=r"gave no answer to \d+ of \d+ requests"):
        run_benchmark(served(tmp_path, server.url), tmp_path / "runs")
    assert len({row["seed"] for row in server.requests}) < len(server.requests)


def test_a_dry_run_says_what_it_cannot_know(tmp_path: Path) -> None:
    lines = benchmark.dry_run(served(tmp_path, "http://127.0.0.1:9/v1"), measures=False)
    assert lines[0] == "model     some-model at http://127.0.0.1:9/v1"
    assert any(line.startswith("not known the weights behind the name") for line in lines)


def test_a_protocol_of_plain_text_is_refused_for_a_chat_server(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mbpp-3shot asks without a chat template"):
        benchmark.dry_run(served(tmp_path, "http://127.0.0.1:9/v1", protocol="mbpp-3shot"), measures=False)


def test_an_address_without_a_server_backend_is_refused() -> None:
    with pytest.raises(ConfigError, match="base_url is for servers"):
        BenchmarkConfig.parse({"model": "m", "prompts": "p", "base_url": "http://localhost:1"})
