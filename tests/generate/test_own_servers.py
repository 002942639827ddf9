"""Servers that a run starts itself. What stands for `vllm` on the PATH here is our stub, as a program."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import torch
from places import ROOT
from tiny import save_tiny_adapter, save_tiny_model
from vllm_server import Stub, stubs

from haloforge.errors import BackendError, ConfigError, Stopped
from haloforge.generate import SampleRequest, SamplingParams, open_local, open_vllm, own_servers
from haloforge.generate.own_servers import OwnServers
from haloforge.models import outline_of
from haloforge.records import Problem

GREEDY = SampleRequest([Problem("p", "Write inc(n).")], 1, SamplingParams(max_new_tokens=8, temperature=0), seed=1)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return str(save_tiny_model(tmp_path_factory.mktemp("models") / "base"))


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def own(tmp_path: Path, said: list[str]) -> Iterator[OwnServers]:
    servers = OwnServers(tmp_path / "run", said.append)
    yield servers
    servers.close()


def put_vllm(folder: Path, patch: pytest.MonkeyPatch, script: str) -> None:
    """A program `vllm`, which the PATH finds first."""
    program = folder / "bin" / "vllm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    patch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def running() -> list[str]:
    """The commands of the processes below this one that serve."""
    lines = [" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True)]
    return [line for line in lines if " serve " in line]


def test_one_server_samples_with_and_without_an_adapter_and_ends_when_told(
    base: str, own: OwnServers, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_vllm(tmp_path, monkeypatch, f'exec {sys.executable} {ROOT / "tests" / "vllm_server.py"} "$@"')
    adapter, log = str(save_tiny_adapter(tmp_path / "adapter", base)), tmp_path / "run" / "vllm-0.log"
    for model in (adapter, adapter):
        ours = open_local(model)
        theirs = open_vllm(model, (), "run-cycle-1", own=own, progress=said.append)
        assert [s.token_ids for s in theirs.generate(GREEDY)] == [s.token_ids for s in ours.generate(GREEDY)]
        theirs.close()
    assert len([line for line in said if line.startswith("vLLM is ready after")]) == 1
    assert f"vLLM starts on the CPU; what it says is in {log}" in said
    assert "--max-lora-rank 8" in log.read_text() and "--logprobs-mode raw_logprobs" in log.read_text()
    url = own.serving(outline_of(adapter)).alive[0].url
    assert httpx.get(f"{url}/v1/models").status_code == 401  # only who has the key may ask
    assert running()
    own.close()
    assert not running()


def test_a_vllm_that_ends_while_it_starts_is_one_sentence_with_its_first_error(
    base: str, own: OwnServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = "echo '(x pid=1) ValueError: no room'; echo 'RuntimeError: engine failed'; exit 1"
    put_vllm(tmp_path, monkeypatch, errors)
    with pytest.raises(BackendError, match=r"ended while it started on the CPU: ValueError: no room \(.*vllm-0.log\)"):
        own.serving(outline_of(base))


def test_another_server_at_the_port_is_not_taken_for_ours(
    base: str, own: OwnServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "of another run")
    error = r"OSError: [Errno 98] Address already in use"
    put_vllm(tmp_path, monkeypatch, rf"sleep 1; printf '\033[0;36m(x pid=1)\033[0;0m {error}\033[0m\n'; exit 1")
    with stubs(Stub(base)) as (url,):
        monkeypatch.setattr(own_servers, "free_ports", lambda count: [int(url.rpartition(":")[2])])
        with pytest.raises(BackendError, match=re.escape(f"ended while it started on the CPU: {error} (")):
            own.serving(outline_of(base))


def test_a_port_that_another_program_took_first_is_changed_for_another(
    base: str, own: OwnServers, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_vllm(tmp_path, monkeypatch, f'exec {sys.executable} {ROOT / "tests" / "vllm_server.py"} "$@"')
    with stubs(Stub(base)) as (url,):
        ports = [[int(url.rpartition(":")[2])], own_servers.free_ports(1)]
        monkeypatch.setattr(own_servers, "free_ports", lambda count: ports.pop(0))
        (endpoint,) = own.serving(outline_of(base)).alive
        assert endpoint.url != url and not ports
    assert sum("took the port" in line for line in said) == 1


def test_a_stop_does_not_wait_until_vllm_is_ready(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_vllm(tmp_path, monkeypatch, "sleep 600; : serve ")
    servers = OwnServers(tmp_path / "run", lambda line: None, lambda: True)
    with pytest.raises(Stopped):
        servers.serving(outline_of(base))
    assert not running()


def test_without_vllm_one_sentence_says_what_to_install(
    base: str, own: OwnServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"no command vllm .* \(pipx install vllm\), or give generation.endpoints"):
        own.serving(outline_of(base))
