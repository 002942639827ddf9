"""vLLM servers that a run starts on this machine itself: one per GPU, or one on the CPU. They end with the run."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from haloforge.children import end_group, own_environment, python_module
from haloforge.cores import gpus
from haloforge.errors import BackendError, ConfigError, Stopped
from haloforge.files import file_errors
from haloforge.generate.budget import CPU_SHARE, memory_limit
from haloforge.generate.endpoints import KEY_VARIABLE, Endpoints
from haloforge.generate.engine import never
from haloforge.generate.served_model import served_rank
from haloforge.models import Outline, fetched_folder, usual_dtype

_SETTINGS = {
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}
_OPTIONS = "--logprobs-mode raw_logprobs --generation-config vllm --max-model-len auto --disable-uvicorn-access-log"
ON_CPU = "--enforce-eager --no-enable-chunked-prefill"
"""Compiling the model takes longer than it saves there. And the engine of vLLM 0.32 dies there of a prompt that it
reads in parts, if its request has a seed."""
_GPU_SHARE = "0.85"
"""Of a GPU's memory; this process keeps a context there, and vLLM refuses to start where its share is not free."""
_SAY_AFTER_S = 60.0
_LIMIT_S = 3600.0
"""For a start; the largest models are read from disk for many minutes."""
_S_BETWEEN_LOOKS = 0.5
_S_TO_END = 20.0
"""Longer than the guard gives vLLM."""
_STARTS = 3
"""How often vLLM is started at most, when another program takes its port each time."""
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ERROR = re.compile(r"\b(\w+(?:Error|Exception): \S.*)")
_TAKEN = re.compile(r"\b(\w*Error: [^\n]*ddress already in use[^\n]*)")


class _PortTaken(BackendError):
    """Another program was faster at the port of a server that was starting."""


def vllm_command() -> str:
    """The path of `vllm`. Raises ConfigError where there is none."""
    if found := shutil.which("vllm"):
        return found
    raise ConfigError(
        "generation.backend vllm without generation.endpoints starts vLLM on this machine, and no command vllm is on "
        "the PATH: install it in an environment of its own, as it needs older packages than halo-forge "
        "(pipx install vllm), or give generation.endpoints"
    )


@dataclass(frozen=True, slots=True)
class _Server:
    """One server: where it answers, its process, and from where on its log is about this start."""

    name: str
    url: str
    process: "subprocess.Popen[bytes]"
    log: Path
    start: int

    def why(self) -> str:
        """Of its log, that the port is taken, or else the first error: later ones follow from it."""
        with self.log.open("rb") as file:
            file.seek(self.start)
            text = _COLOUR.sub("", file.read().decode(errors="replace"))
        found = _TAKEN.search(text) or _ERROR.search(text)
        lines = text.strip().splitlines() or ["it said nothing"]
        return found[1] if found else lines[-1]


class OwnServers:
    """Servers of one model at a time, started when it is asked for; their output goes to `folder`/vllm-N.log.

    They answer on the loopback alone, and only to who has a key that is drawn here. `cache_gib` is the memory for keys
    and values of each.
    """

    def __init__(
        self,
        folder: Path,
        log: Callable[[str], None],
        should_stop: Callable[[], bool] = never,
        cache_gib: float | None = None,
    ) -> None:
        self._folder, self._log, self._should_stop, self._cache_gib = folder, log, should_stop, cache_gib
        self._key = secrets.token_hex(16)
        self._model: tuple[Path, int] | None = None
        self._servers: list[_Server] = []

    def serving(self, outline: Outline) -> Endpoints:
        """Servers of the model below, which can load its adapter; those that run already where they do.

        Raises ConfigError without vLLM, BackendError when it cannot start, Stopped.
        """
        model = (outline.folder, served_rank(outline.rank))
        if self._model != model or any(server.process.poll() is not None for server in self._servers):
            self.close()
            self._start(outline)
            self._model = model
        urls = [server.url for server in self._servers]
        logs = ", ".join(str(server.log) for server in self._servers)
        return Endpoints(urls, self._log, self._key, f"read {logs}, and resume the run, which starts vLLM again")

    def close(self) -> None:
        """End the servers, which gives back their memory."""
        for server in self._servers:
            server.process.terminate()
        for server in self._servers:
            end_group(server.process, _S_TO_END)
        self._servers, self._model = [], None

    def _start(self, outline: Outline) -> None:
        command, found = vllm_command(), gpus()
        words = [
            command,
            "serve",
            str(fetched_folder(outline.root, self._log)),
            "--dtype",
            usual_dtype(),
            *_OPTIONS.split(),
        ]
        words += [*self._memory(bool(found)), *_adapters(outline.rank), *([] if found else ON_CPU.split())]
        began = time.monotonic()
        for starts_left in reversed(range(_STARTS)):
            try:
                self._start_each(words, found, began)
                break
            except _PortTaken:
                if not starts_left:
                    raise
                self._log("another program took the port of vLLM, which is started again at another port")
        self._log(f"vLLM is ready after {time.monotonic() - began:.0f} s")

    def _start_each(self, words: Sequence[str], found: Sequence[str], began: float) -> None:
        """One server per GPU, or one on the CPU, all ready; or none is left."""
        try:
            for number, (gpu, port) in enumerate(zip(found or [""], free_ports(len(found) or 1), strict=True)):
                self._servers.append(self._started(words, port, gpu, number))
            self._wait_until_ready(began)
        except BaseException:
            self.close()
            raise

    def _started(self, words: Sequence[str], port: int, gpu: str, number: int) -> _Server:
        """One server, which ends when this process does, even when that is killed."""
        log = self._folder / f"vllm-{number}.log"
        environment = own_environment() | _SETTINGS | {KEY_VARIABLE: self._key}
        environment |= {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
        command = [
            *python_module("haloforge.guard"),
            str(os.getpid()),
            *words,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        name = f"GPU {gpu}" if gpu else "the CPU"
        with file_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                start = output.tell()
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                    start_new_session=True,
                )
        self._log(f"vLLM starts on {name}; what it says is in {log}")
        return _Server(name, f"http://127.0.0.1:{port}", process, log, start)

    def _wait_until_ready(self, began: float) -> None:
        waiting, said_at = list(self._servers), began
        while waiting := [server for server in waiting if not self._is_ready(server)]:
            for server in self._servers:
                if server.process.poll() is not None:
                    why = server.why()
                    kind = _PortTaken if _TAKEN.search(why) else BackendError
                    raise kind(f"vLLM ended while it started on {server.name}: {why} ({server.log})")
            if self._should_stop():
                raise Stopped
            now = time.monotonic()
            if now - began > _LIMIT_S:
                raise BackendError(f"vLLM on {waiting[0].name} is not ready after an hour: read {waiting[0].log}")
            if now - said_at > _SAY_AFTER_S:
                self._log(f"vLLM has been starting for {now - began:.0f} s")
                said_at = now
            time.sleep(_S_BETWEEN_LOOKS)

    def _is_ready(self, server: _Server) -> bool:
        """Only ours takes the key and nothing else: another server may have been faster at the port."""
        address = f"{server.url}/v1/models"
        try:
            with httpx.Client(timeout=5, trust_env=False) as client:  # no proxy for the loopback
                if client.get(address).status_code != httpx.codes.UNAUTHORIZED:
                    return False
                return client.get(address, headers={"Authorization": f"Bearer {self._key}"}).is_success
        except httpx.RequestError:
            return False

    def _memory(self, has_gpus: bool) -> list[str]:
        """What keys and values may take. vLLM's own choice would be nearly all memory, and this process needs some."""
        if self._cache_gib is not None:
            return ["--kv-cache-memory-bytes", str(int(self._cache_gib * 2**30))]
        if has_gpus:
            return ["--gpu-memory-utilization", _GPU_SHARE]
        return ["--kv-cache-memory-bytes", str(int(CPU_SHARE * memory_limit()))]


def _adapters(rank: int) -> list[str]:
    return ["--enable-lora", "--max-lora-rank", str(served_rank(rank))] if rank else []


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now; all are held until the last is found, so that no two are the same."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [int(free.getsockname()[1]) for free in sockets]
