"""In how many processes a training runs: what `training.launch` says. Light to import: no torch."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import which

import yaml

from haloforge import yaml_text
from haloforge.cores import gpus
from haloforge.errors import ConfigError, first_line

_TORCHRUN_COUNTS = ("--nproc-per-node", "--nproc_per_node", "--nproc")
_ACCELERATE_COUNTS = ("--num-processes", "--num_processes")
_BY_GPUS = ("gpu", "auto")
"""Counts of torchrun that mean the GPUs of this machine."""
_PLACES = ("--standalone", "--rdzv", "--master", "--nnodes", "--main_process", "--main-process", "--num_machines")
"""Options that say where the processes meet; without one each launch looks for a free port of its own."""


def processes(launch: str | None) -> int:
    """How many processes a launch prefix starts; 1 where there is none.

    Raises ConfigError where the prefix does not say a number, or counts GPUs and there are none.
    """
    if launch is None:
        return 1
    words = _words(launch)
    if counted := _option(words, (*_TORCHRUN_COUNTS, *_ACCELERATE_COUNTS)):
        per_node = _number_of_gpus(launch) if counted in _BY_GPUS else _number(counted, launch)
        nodes = _option(words, ("--nnodes",)) or "1"
        return per_node * _number(nodes, launch)
    if file := _option(words, ("--config_file", "--config-file")):
        return _number(str(_config_file(file).get("num_processes")), launch)
    raise ConfigError(
        f"training.launch: how many processes {launch!r} starts cannot be told; say it, as in "
        "'torchrun --nproc-per-node 2' or 'accelerate launch --num_processes 2'"
    )


def command(launch: str, module: str, argument: str) -> list[str]:
    """The command that starts `python -m MODULE ARGUMENT` in every process, by this Python's own launchers."""
    words = _words(launch)
    has_place = any(word.startswith(_PLACES) for word in words)
    if words[0] == "torchrun":
        own = [] if has_place else ["--standalone"]
        return [sys.executable, "-P", "-m", "torch.distributed.run", *own, *words[1:], "-m", module, argument]
    if words[:2] == ["accelerate", "launch"]:
        own = [] if has_place else ["--main_process_port", "0"]
        return [sys.executable, "-P", "-m", "accelerate.commands.launch", *own, *words[2:], "-m", module, argument]
    return [*words, sys.executable, "-P", "-m", module, argument]


def refuse_unstartable(launch: str | None) -> None:
    """Raises ConfigError for a launch prefix without a number of processes, or whose program is not there."""
    if launch is None:
        return
    processes(launch)
    program = command(launch, "", "")[0]
    if which(program) is None:
        raise ConfigError(f"training.launch: there is no program {program!r} here; use torchrun or accelerate launch")


def one_of_several_gpus(launch: str | None) -> str | None:
    """One line that says how to use all GPUs of this machine, where a run is about to use one; else None."""
    count = len(gpus())
    if launch is not None or count < 2:
        return None
    return (
        f"this machine has {count} GPUs and the training uses one; "
        f"training.launch 'torchrun --nproc-per-node {count}' uses all"
    )


def _words(launch: str) -> list[str]:
    try:
        words = shlex.split(launch)
    except ValueError as error:
        raise ConfigError(f"training.launch: {launch!r} is no command line ({error})") from error
    if not words:
        raise ConfigError("training.launch is empty; leave it out to train in one process")
    return words


def _option(words: Sequence[str], names: Sequence[str]) -> str | None:
    """The value of the first option with one of these names, as `--name value` or `--name=value`."""
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else next(iter(words[place + 1 :]), "")
    return None


def _number(text: str, launch: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise ConfigError(f"training.launch: {text!r} is no number of processes, in {launch!r}; give one above 0")


def _number_of_gpus(launch: str) -> int:
    if count := len(gpus()):
        return count
    raise ConfigError(
        f"training.launch: {launch!r} starts a process for each GPU, and PyTorch sees no GPU here; "
        "say a number, as in 'torchrun --nproc-per-node 2'"
    )


def _config_file(file: str) -> dict[str, object]:
    try:
        content = yaml_text.load(Path(file).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = first_line(error)
        raise ConfigError(f"training.launch: the accelerate config {file} cannot be read: {why}") from error
    return content if isinstance(content, dict) else {}
