"""What this machine can do: one line per thing, with what to install where something is missing."""

import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import psutil

from haloforge.cores import gpus, usable_cores
from haloforge.estimates.kept import version_of
from haloforge.models import EMBEDDED
from haloforge.store import home

if TYPE_CHECKING:
    from haloforge.verify import NodeFacts

State = Literal["ok", "optional", "missing"]

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "accelerate",
    "gradio",
    "pandas",
    "plotly",
    "sqlite-utils",
)
HUB = ("huggingface.co", 443)


@dataclass(frozen=True)
class Check:
    """One line: `ok`, `optional` (something does without) or `missing` (something will not work)."""

    name: str
    state: State
    text: str
    hint: str = ""


def examine() -> list[Check]:
    """Everything, in the order of the pipeline. Takes a few seconds: primitives are tried, not assumed."""
    return [*_python(), *_machine(), *_compilers(), _interpreter(), sandbox_check(), _embedded(), _hub(), _browser()]


def examine_cluster(cluster: str) -> list[Check]:
    """A line per node of a Ray cluster that `verifier.cluster` may name. Raises VerifierError if none can judge."""
    from haloforge.verify import cluster_nodes

    found, roll = cluster_nodes(cluster)
    return [_node(facts, roll.refused.get(facts.node, ""), roll.partly.get(facts.node, "")) for facts in found]


def _node(facts: "NodeFacts", refused: str, partly: str) -> Check:
    compilers = [version for _, version in sorted(facts.compilers.items())]
    text = f"sandbox {facts.isolation or 'unknown'}, {facts.cores} cores"
    if facts.version:
        text += f", halo-forge {facts.version}, Python {facts.python}, {'; '.join(compilers) or 'no compilers'}"
    monitor = "start it with RAY_memory_monitor_refresh_ms=0, or Ray may end our engine when memory runs short"
    hints = [f"refused: {refused}" if refused else partly, monitor if facts.memory_monitor else ""]
    state: State = "missing" if refused else "optional" if any(hints) else "ok"
    return Check(f"node {facts.node}", state, text, "; ".join(filter(None, hints)))


def text(checks: list[Check]) -> str:
    """The checks as lines for a terminal."""
    width = max(len(check.name) for check in checks)
    marks = {"ok": "ok", "optional": "--", "missing": "!!"}
    lines = [f"{marks[c.state]}  {c.name:<{width}}  {c.text}" + (f"; {c.hint}" if c.hint else "") for c in checks]
    return "\n".join(lines)


def found() -> str:
    """What `--version` says of this machine: Python, torch and its device, sandbox, embedded model; a line each."""
    checks = {check.name: check for check in (*_python(), _gpu(), sandbox_check(), _embedded())}
    torch, gpu, sandbox = checks["torch"], checks["gpu"], checks["sandbox"]
    device = gpu.text if gpu.state == "ok" else "CPU"
    lines = {
        "python": checks["python"].text,
        "torch": f"{torch.text} on {device}" if torch.state == "ok" else torch.text,
        "sandbox": sandbox.text.partition(":")[0] + ("" if sandbox.state == "ok" else f"; {sandbox.hint}"),
        EMBEDDED: "installed" if checks[EMBEDDED].state == "ok" else checks[EMBEDDED].hint,
    }
    width = max(map(len, lines))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in lines.items())


def _python() -> Iterator[Check]:
    version = platform.python_version()
    yield Check("python", "ok", f"{version} on {platform.system()} {platform.machine()}")
    for package in PACKAGES:
        if found := version_of(package):
            yield Check(package, "ok", found)
        else:
            yield Check(package, "missing", "not installed", "`make app` or `pip install .` installs it")


def _machine() -> Iterator[Check]:
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(_existing(str(home().absolute())))
    yield Check("cpu", "ok", f"{usable_cores()} usable cores")
    yield _gpu()
    yield _where()
    yield _energy()
    enough = memory.available > 3 * 2**30
    yield Check("memory", "ok" if enough else "optional", f"{memory.available / 2**30:.1f} GiB free",
                "" if enough else "close something: training the embedded model wants about 3 GiB")  # fmt: skip
    room = disk.free > 2 * 2**30
    yield Check("disk", "ok" if room else "missing", f"{disk.free / 2**30:.1f} GiB free for {home()}",
                "" if room else "free space, or set HALOFORGE_RUNS to another folder")  # fmt: skip


def _gpu() -> Check:
    try:
        import torch
    except ImportError as error:
        return Check("gpu", "optional", f"not known, as torch cannot be imported ({error})")
    if not torch.cuda.is_available():
        return Check("gpu", "optional", "none that torch can use", "small models run on the CPU")
    found = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return Check("gpu", "ok", ", ".join(f"{p.name} ({p.total_memory / 2**30:.0f} GiB)" for p in found))


def _where() -> Check:
    """Where work may happen: this machine needs nothing; what reaches past it is an extra."""
    count = len(gpus())
    here = f"this machine, on {'the CPU' if not count else '1 GPU' if count == 1 else f'{count} GPUs'}"
    vllm = shutil.which("vllm") or "not on the PATH (pipx install vllm)"
    return Check("where it runs", "ok", f"{here}; vllm {vllm}; ray {version_of('ray') or 'not installed'}")


def _energy() -> Check:
    from haloforge.stages.shared.energy import POWERCAP, cpu_counters, gpu_counters

    found = [*cpu_counters(), *(f"GPU {name}" for name in gpu_counters())]
    if found:
        return Check("energy", "ok", f"counted for {', '.join(found)}")
    hint = f"let your user read {POWERCAP}/intel-rapl:*/energy_uj" if POWERCAP.is_dir() else ""
    return Check("energy", "optional", "not readable: no counters of CPU or GPU that this user may read", hint)


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _compilers() -> Iterator[Check]:
    """The compilers that are there, each tried in its sandbox; what else could be installed is one line."""
    from haloforge.languages import COMPILERS, FAST_LINKERS, LANGUAGES
    from haloforge.verify import compiler_flaw, compiler_version, isolation

    missing = [] if any(shutil.which(program) for program, _ in FAST_LINKERS) else ["mold"]
    for name, compiler in COMPILERS.items():
        version = compiler_version(compiler)
        if not version:
            missing.append(compiler.package)
            continue
        flaw = compiler_flaw(compiler, isolation().name)
        yield Check(name, "missing" if flaw else "ok", version, f"it cannot be used: {flaw}" if flaw else "")
    if missing:
        packages = " ".join(dict.fromkeys(missing))
        languages = ", ".join(dict.fromkeys(LANGUAGES[c.language].display_name for c in COMPILERS.values()))
        hint = f"{languages} and faster linking use them: apt-get install {packages}"
        yield Check("optional tools", "optional", f"not installed: {packages}", hint)


def _interpreter() -> Check:
    from haloforge.verify import usual_packages

    found = ", ".join(usual_packages()) or "no packages"
    text = f"solutions in Python {platform.python_version()} import its library and {found}"
    return Check("verifier.python", "ok", text, "verifier.python names a virtual environment with more")


def sandbox_check() -> Check:
    """The level of isolation that this machine holds, why no stronger one, and what is lost at it."""
    from haloforge.verify import isolation, lost_at

    level = isolation()
    hint = "" if level.accepted else "model-written code is refused without --allow-unsafe: apt-get install bubblewrap"
    text = f"{level.name}: {level.reason}; lost at this level: {lost_at(level.name)}"
    return Check("sandbox", "ok" if level.accepted else "missing", text, hint)


def _embedded() -> Check:
    from haloforge.errors import ModelError
    from haloforge.models import gguf_file

    try:
        return Check(EMBEDDED, "ok", f"its weights are in {gguf_file()}")
    except ModelError as e:
        return Check(EMBEDDED, "missing", "its weights are not installed", str(e))


def _hub() -> Check:
    try:
        socket.create_connection(HUB, timeout=3).close()
    except OSError:
        return Check(
            "hub", "optional", f"{HUB[0]} cannot be reached", "local folders and the embedded model still work"
        )
    return Check("hub", "ok", f"{HUB[0]} answers")


def _browser() -> Check:
    path = shutil.which("chromium")
    if path is None:
        return Check("chromium", "optional", "not found", "only the browser tests need it: apt-get install chromium")
    shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return Check("chromium", "ok", shown.stdout.strip() or path)
