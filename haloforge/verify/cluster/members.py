"""The nodes of one run: each says what it is, and is taken, taken for some languages, or refused by name.

What runs a language is asked when a problem of it comes: compilers are slow to say their versions, and a run uses few.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import language_of
from haloforge.records import Problem
from haloforge.verify.cluster.dispatch import Node
from haloforge.verify.cluster.facts import MEMORY_MONITOR, NodeFacts, Roll, roll_of
from haloforge.verify.cluster.session import Engine, Place, Session, reason_of
from haloforge.verify.toolchains import compiler_of

STARTS_S = 120.0
"""Seconds that a node has to start our engine, and to say what it is: its sandbox and compilers are tried."""

CLOSES_S = 10.0
"""Seconds that nodes have to end their sandboxes before their processes are killed, with which they end too."""

_log = logging.getLogger(__name__)


class Members:
    """Engines by the name of their node. Used by one thread at a time."""

    def __init__(self, session: Session, settings: VerifySettings) -> None:
        """Starts an engine on every node. Raises VerifierError where none of them can judge."""
        self._session = session
        self._settings = settings.model_copy(update={"cluster": None})
        self._refused: set[str] = set()
        self._in_use: set[str] = set()
        self._struck: dict[str, set[str]] = {}
        self._problems: dict[str, Problem] = {}
        self.engines: dict[str, Engine] = {}
        self.facts: dict[str, NodeFacts] = {}
        self.roll = roll_of([])
        self.enter(session.places())
        if not self.roll.languages:
            self.close()
            why = "; ".join(f"{name}: {flaw}" for name, flaw in self.roll.refused.items())
            raise VerifierError(
                f"no node of the cluster at {session.address} can judge: {why or 'none has a processor to give'}"
            )

    def newcomers(self) -> list[Place]:
        """Nodes of the cluster without an engine, but for those that were refused."""
        return [p for p in self._session.places() if p.name not in self.engines and p.id not in self._refused]

    def enter(self, places: Iterable[Place]) -> list[Node]:
        """Start an engine on each; those that may judge. Waits until each has said what it is."""
        started = {place.name: self._session.start(place, self._settings) for place in places}
        in_use = sorted(self._in_use)
        answers = _answers({name: engine.facts(in_use) for name, engine in started.items()}, STARTS_S)
        self._decide({name: _facts(name, answers[name]) for name in started})
        taken = [name for name in started if name in self.roll.languages]
        self.engines.update((name, started.pop(name)) for name in taken)
        for engine in started.values():
            self._refused.add(engine.place.id)
            engine.kill()
        if self._problems:
            self._ask(taken)
        return [node for node in self.nodes() if node.name in taken]

    def learn(self, languages: Iterable[str]) -> None:
        """Have every node say what it runs these languages by, if not done yet; one that differs loses the language."""
        new = set(languages) - self._in_use
        if not new:
            return
        self._in_use |= new
        in_use = sorted(self._in_use)
        answers = _answers({name: engine.facts(in_use) for name, engine in list(self.engines.items())}, STARTS_S)
        said = {name: _facts(name, answer) for name, answer in answers.items()}
        self._decide({name: facts for name, facts in said.items() if not facts.flaw})

    def made_by(self, language: str) -> Any:
        """What the nodes run that language by. Raises VerifierError where none has said it."""
        if language not in self.roll.made_by:
            raise VerifierError(f"no node of the cluster at {self._session.address} has what runs {language} programs")
        return self.roll.made_by[language]

    def nodes(self) -> list[Node]:
        """Those with an engine, as the dispatcher knows them."""
        return [self._node(name, engine) for name, engine in list(self.engines.items())]

    def _node(self, name: str, engine: Engine) -> Node:
        return Node(name, engine.place.cores, self.roll.languages[name] - self._struck.get(name, set()))

    def _decide(self, found: Mapping[str, NodeFacts]) -> None:
        """With what these nodes said, who judges what."""
        self.facts |= found
        before, self.roll = self.roll, roll_of(list(self.facts.values()), self.roll)
        self._tell(before)

    def leave(self, name: str) -> None:
        """The node is lost. It may enter again."""
        engine = self.engines.pop(name, None)
        self._struck.pop(name, None)
        if engine is not None:
            engine.kill()

    def check(self, problems: Iterable[Problem]) -> None:
        """Raises VerifierError where no node can judge them; a node that cannot gets none of that language."""
        given = list(problems)
        for problem in given:
            compiler_of(self._settings, problem.language)  # refuses what the verifier does not take anywhere
        wanted = dict.fromkeys(language_of(problem.language).name for problem in given)
        self.learn(wanted)
        self._problems.update({problem.task_id: problem for problem in given})
        flaws = self._ask(list(self.engines))
        for name in wanted:
            if not any(name in node.languages for node in self.nodes()):
                said = [f"node {node}: {found[name]}" for node, found in flaws.items() if name in found]
                nobody = f"no node of the cluster at {self._session.address} has what runs {name} programs"
                raise VerifierError(said[0] if said else nobody)

    def _ask(self, names: list[str]) -> dict[str, Mapping[str, str]]:
        """Have each of these nodes check the problems of its languages; what is wrong there, by language."""
        flaws: dict[str, Mapping[str, str]] = {}
        shared = self._session.share(list(self._problems.values()))
        answers = _answers({name: self.engines[name].check(shared) for name in names}, STARTS_S)
        for name, answer in answers.items():
            own = self.facts[name].languages
            if isinstance(answer, BaseException):
                found = dict.fromkeys(own, f"it did not check the problems ({reason_of(answer)})")
            else:
                found = {language: flaw for language, flaw in answer.items() if language in own}
            flaws[name] = found
            self._struck.setdefault(name, set()).update(found)
            for language, flaw in found.items():
                _log.warning("node %s judges no %s: %s", name, language, flaw)
        return flaws

    def close(self) -> None:
        """End every engine; waits ten seconds at most for those that do not answer."""
        engines, self.engines = list(self.engines.values()), {}
        wait([engine.close() for engine in engines], timeout=CLOSES_S)
        for engine in engines:
            engine.kill()

    def _tell(self, before: Roll) -> None:
        """What is not as it was before."""
        for name, why in self.roll.refused.items():
            if before.refused.get(name) != why:
                _log.warning("node %s judges nothing: %s", name, why)
        for name, why in self.roll.partly.items():
            if before.partly.get(name) != why:
                _log.warning("node %s judges in part: %s", name, why)
        for name in self.roll.languages:
            if name not in before.languages and self.facts[name].memory_monitor:
                _log.warning(
                    "node %s: Ray's memory monitor may end our engine; start the node with %s=0", name, MEMORY_MONITOR
                )


def _answers(futures: Mapping[str, Future[Any]], timeout_s: float) -> dict[str, Any]:
    """What each future gave: its result, its error, or a TimeoutError."""
    until = time.monotonic() + timeout_s
    wait(futures.values(), timeout=timeout_s)
    return {name: _answer(future, until) for name, future in futures.items()}


def _answer(future: Future[Any], until: float) -> Any:
    if not future.done() and time.monotonic() >= until:
        return TimeoutError("no answer in time")
    return future.exception() or future.result()


def _facts(name: str, answer: Any) -> NodeFacts:
    if isinstance(answer, BaseException):
        return NodeFacts(name, flaw=f"our engine does not start there ({reason_of(answer)})")
    try:
        return NodeFacts.from_json(answer)
    except TypeError:
        return NodeFacts(name, flaw="it has another version of halo-forge; install the same")
