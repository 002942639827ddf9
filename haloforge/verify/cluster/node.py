"""What runs on a node, in one process of Ray's: our own engine, asked for pieces. Knows nothing of Ray."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.languages import language_of
from haloforge.records import Problem
from haloforge.verify.cluster.facts import NodeFacts, level_here, own_facts
from haloforge.verify.judge import Job
from haloforge.verify.machine import ThisMachine
from haloforge.verify.outcome import Outcome
from haloforge.verify.sandbox.interpreter import interpreter_of

Asked = list[tuple[Problem, list[str]]]
"""A piece on the wire: the codes of each problem, so that a problem travels once."""


class NodeEngine:
    """The engine of one node. Its methods return plain values and raise nothing that a sample could cause."""

    def __init__(self, node: str, settings: VerifySettings, cores: int) -> None:
        self._node = node
        self._settings = settings.model_copy(update={"workers": settings.workers or cores})
        self._machine: ThisMachine | None = None
        self._flaw = ""
        self._kept: dict[str, Problem] = {}
        self._lock = threading.Lock()

    def facts(self, languages: Sequence[str]) -> dict[str, Any]:
        """What this node is, with what it runs these languages by: `NodeFacts` as plain values."""
        try:
            level, flaw = level_here(self._settings)
            if flaw:
                return NodeFacts(self._node, isolation=level, flaw=flaw).to_json()
            if self._machine is None:
                self._machine = ThisMachine(self._settings, level, interpreter_of(self._settings.python))
            return own_facts(self._node, self._settings, self._machine, languages).to_json()
        except VerifierError as error:
            return NodeFacts(self._node, flaw=str(error)).to_json()

    def check(self, problems: Sequence[Problem]) -> dict[str, str]:
        """By language, what is wrong: why its problems cannot be judged here."""
        flaws: dict[str, str] = {}
        by_language: dict[str, list[Problem]] = {}
        for problem in problems:
            by_language.setdefault(language_of(problem.language).name, []).append(problem)
        for language, asked in by_language.items():
            try:
                self._engine().check(asked)
            except VerifierError as error:
                flaws[language] = str(error)
        return flaws

    def judge(self, piece: Asked) -> dict[str, Any]:
        """The outcomes of a piece, in its order, and the problems that `auto_joined` has joined so far."""
        machine = self._engine()
        futures: list[Future[Outcome]] = []
        for problem, codes in piece:
            known = self._same(problem)
            futures += [_judged(machine, known, code) for code in codes]
        return {"outcomes": [future.result().to_json() for future in futures], "joined": list(machine.joined)}

    def alive(self) -> bool:
        """True: it was asked, and answered."""
        return True

    def close(self) -> None:
        """End every sandboxed process."""
        if self._machine:
            self._machine.close()

    def _engine(self) -> ThisMachine:
        if self._machine is None:
            raise VerifierError("facts() comes first, and must not find a flaw")
        return self._machine

    def _same(self, problem: Problem) -> Problem:
        """The object of an earlier piece: what the engine knows of a problem it finds by the object."""
        with self._lock:
            known = self._kept.setdefault(problem.task_id, problem)
            if known != problem:
                known = self._kept[problem.task_id] = problem
            return known


def _judged(machine: ThisMachine, problem: Problem, code: str) -> Future[Outcome]:
    future: Future[Outcome] = Future()

    def answered(outcome: Outcome | Exception) -> None:
        if isinstance(outcome, Exception):
            outcome = Outcome("unscored", f"verification itself failed: {type(outcome).__name__}: {outcome}")
        future.set_result(outcome)

    machine.put(Job(problem, code, lambda: None, answered))
    return future
