"""What a node says of itself, and which nodes may judge for one run."""

import dataclasses
import os
import platform
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import haloforge
from haloforge.config import VerifySettings
from haloforge.cores import usable_cores
from haloforge.errors import VerifierError
from haloforge.languages import COMPILERS, LANGUAGES, Compiler
from haloforge.verify.cache import ENGINE
from haloforge.verify.machine import ThisMachine
from haloforge.verify.sandbox.levels import LEVELS, UNSAFE
from haloforge.verify.sandbox.probe import isolation
from haloforge.verify.toolchains import compiler_path, compiler_version

MEMORY_MONITOR = "RAY_memory_monitor_refresh_ms"
"""Ray's setting of the watch that may end our process when a machine's memory runs out; 0 switches it off."""


@dataclasses.dataclass(frozen=True)
class NodeFacts:
    """One node. `languages` are those that it has a compiler or an interpreter for.

    Of the languages that it was asked for, `compilers` are versions by name, and `made_by` is what each is run by.
    `flaw` says why nothing can be judged there; the other fields are then empty.
    """

    node: str
    version: str = ""
    engine: str = ""
    python: str = ""
    isolation: str = ""
    cores: int = 0
    languages: tuple[str, ...] = ()
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


def own_facts(node: str, settings: VerifySettings, machine: ThisMachine, asked: Collection[str]) -> NodeFacts:
    """Of the machine that this runs on. Compilers of the asked languages say their versions, in up to 0.3 s of CPU."""
    there = {name: compiler for name, compiler in COMPILERS.items() if compiler_path(compiler)}
    languages = ["python"] if settings.type in ("auto", "python") else []
    languages += [
        compiler.language for compiler in there.values() if compiler.verifier == _verifier(settings, compiler)
    ]
    return NodeFacts(
        node=node,
        version=haloforge.__version__,
        engine=ENGINE,
        python=platform.python_version(),
        isolation=machine.isolation,
        cores=settings.workers or usable_cores(),
        languages=tuple(languages),
        compilers={name: compiler_version(compiler) for name, compiler in there.items() if compiler.language in asked},
        made_by=_made_by(machine, [language for language in languages if language in asked]),
        memory_monitor=os.environ.get(MEMORY_MONITOR) != "0",
    )


def _verifier(settings: VerifySettings, compiler: Compiler) -> str:
    """The verifier that these settings take for the compiler's language."""
    return LANGUAGES[compiler.language].verifier if settings.type == "auto" else settings.type


def _made_by(machine: ThisMachine, languages: Sequence[str]) -> dict[str, Any]:
    """Without those whose libraries are not here, as `ThisMachine.check` says."""
    found: dict[str, Any] = {}
    for language in languages:
        with suppress(VerifierError):
            found[language] = machine.made_by(language)
    return found


def level_here(settings: VerifySettings) -> tuple[str, str]:
    """The level of isolation that this machine holds, and why it may not judge with these settings (or nothing)."""
    level = isolation()
    refused = level.name == UNSAFE and not settings.allow_unsafe
    return level.name, f"it can build no sandbox ({level.reason})" if refused else ""


@dataclasses.dataclass(frozen=True)
class Roll:
    """Which nodes judge, by the facts of all that answered.

    `made_by` is the standard of each language that nodes were asked for: that of the first node that has it. `refused`
    and `partly` say in one sentence, by node, why it gets no sample, and which of these languages it is not used for.
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
    strongest = min((facts.isolation for facts in sound), key=order.index, default="")
    level = (standard.isolation if standard else "") or strongest
    refused = {facts.node: facts.flaw for facts in found if facts.flaw}
    refused |= {facts.node: why for facts in sound if (why := _differs(facts, level))}
    taken = [facts for facts in sound if facts.node not in refused]
    made_by: dict[str, Any] = dict(standard.made_by) if standard else {}
    for facts in taken:
        made_by = {**facts.made_by, **made_by}
    lacks = {facts.node: _lacks(facts, made_by) for facts in taken}
    return Roll(
        level,
        made_by,
        {facts.node: frozenset(facts.languages).difference(lacks[facts.node]) for facts in taken},
        refused,
        {node: "; ".join(why.values()) for node, why in lacks.items() if why},
    )


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


def _lacks(facts: NodeFacts, standard: Mapping[str, Any]) -> dict[str, str]:
    """Why, by language."""
    return {
        language: f"no {language}: {_difference(facts, language, made)}"
        for language, made in standard.items()
        if facts.made_by.get(language) != made
    }


def _difference(facts: NodeFacts, language: str, wanted: Any) -> str:
    has = facts.made_by.get(language)
    if has:
        return f"it has {_short(has)}, the others {_short(wanted)}"
    return "it did not say its version" if language in facts.languages else "not installed"


def _short(made: Any) -> str:
    """The version, and what else differs may: as one short text."""
    compiler, packages = made
    return " ".join(f"{compiler.splitlines()[0][:80]} {' '.join(packages)}".split())
