"""What a node says of itself once, and which nodes may judge for one run."""

import dataclasses
import os
import platform
from collections.abc import Mapping, Sequence
from typing import Any

import haloforge
from haloforge.config import VerifySettings
from haloforge.cores import usable_cores
from haloforge.languages import COMPILERS
from haloforge.verify.cache import ENGINE
from haloforge.verify.machine import ThisMachine
from haloforge.verify.sandbox.levels import LEVELS, UNSAFE
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.toolchains import compiler_version

MEMORY_MONITOR = "RAY_memory_monitor_refresh_ms"
"""Ray's setting of the watch that may end our process when a machine's memory runs out; 0 switches it off."""


@dataclasses.dataclass(frozen=True)
class NodeFacts:
    """One node. `compilers` are versions by name; `made_by` is, per language, what its programs are run by.

    `flaw` says why nothing can be judged there; the other fields are then empty.
    """

    node: str
    version: str = ""
    engine: str = ""
    python: str = ""
    isolation: str = ""
    cores: int = 0
    compilers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    made_by: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    memory_monitor: bool = False
    flaw: str = ""

    def to_json(self) -> dict[str, Any]:
        """Every field, as plain values."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> "NodeFacts":
        """Inverse of `to_json`. Raises TypeError for another set of fields, as another version of ours has."""
        return NodeFacts(**row)


def own_facts(node: str, settings: VerifySettings, machine: ThisMachine) -> NodeFacts:
    """Of the machine that this runs on. Asks every compiler for its version: seconds."""
    versions = {name: compiler_version(compiler) for name, compiler in COMPILERS.items()}
    there = {name: version for name, version in versions.items() if version}
    languages = ["python"] if settings.type in ("auto", "python") else []
    languages += [
        compiler.language
        for name, compiler in COMPILERS.items()
        if name in there and settings.type in ("auto", compiler.verifier)
    ]
    return NodeFacts(
        node=node,
        version=haloforge.__version__,
        engine=ENGINE,
        python=platform.python_version(),
        isolation=machine.isolation,
        cores=settings.workers or usable_cores(),
        compilers=there,
        made_by={language: machine.made_by(language) for language in dict.fromkeys(languages)},
        memory_monitor=os.environ.get(MEMORY_MONITOR) != "0",
    )


def level_here(settings: VerifySettings) -> tuple[str, str]:
    """The level of isolation that this machine holds, and why it may not judge with these settings (or nothing)."""
    level = isolation()
    refused = level.name == UNSAFE and not settings.allow_unsafe
    return level.name, f"it can build no sandbox ({level.reason})" if refused else ""


@dataclasses.dataclass(frozen=True)
class Roll:
    """Which nodes judge, by the facts of all that answered.

    `made_by` is the standard of each language: that of the first node that has it. `refused` and `partly` say in one
    sentence, by node, why it gets no sample, and what it is not used for.
    """

    isolation: str
    made_by: Mapping[str, Any]
    languages: Mapping[str, frozenset[str]]
    """By node that judges."""
    refused: Mapping[str, str]
    partly: Mapping[str, str]


def roll_of(found: Sequence[NodeFacts], standard: Roll | None = None) -> Roll:
    """Who judges. The wanted isolation is the strongest that a node holds; `standard` keeps what was decided before."""
    sound = [facts for facts in found if not facts.flaw]
    order = (*LEVELS, UNSAFE)
    level = standard.isolation if standard else min((facts.isolation for facts in sound), key=order.index, default="")
    refused = {facts.node: facts.flaw for facts in found if facts.flaw}
    made_by: dict[str, Any] = dict(standard.made_by) if standard else {}
    languages: dict[str, frozenset[str]] = {}
    partly: dict[str, str] = {}
    for facts in sound:
        if why := _differs(facts, level):
            refused[facts.node] = why
            continue
        for language, made in facts.made_by.items():
            made_by.setdefault(language, made)
        languages[facts.node] = frozenset(name for name, made in facts.made_by.items() if made == made_by[name])
    for facts in sound:
        lacks = [name for name in made_by if facts.node in languages and name not in languages[facts.node]]
        if lacks:
            partly[facts.node] = "; ".join(_lack(facts, name, made_by[name]) for name in lacks)
    return Roll(level, made_by, languages, refused, partly)


def _differs(facts: NodeFacts, level: str) -> str:
    ours = haloforge.__version__, ENGINE
    if (facts.version, facts.engine) != ours:
        return (
            f"it has halo-forge {facts.version} with engine {facts.engine}, this machine {ours[0]} with engine "
            f"{ours[1]}; install the same"
        )
    if facts.isolation != level:
        return f"its sandbox is {facts.isolation}, and the run's is {level}"
    return ""


def _lack(facts: NodeFacts, language: str, wanted: Any) -> str:
    has = facts.made_by.get(language)
    return f"no {language}: " + (f"it has {_short(has)}, the others {_short(wanted)}" if has else "not installed")


def _short(made: Any) -> str:
    """The version, and what else differs may: as one short text."""
    compiler, packages = made
    return " ".join(f"{compiler.splitlines()[0][:80]} {' '.join(packages)}".split())
