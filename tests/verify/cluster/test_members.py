"""Nodes are asked for the languages that are in use, each node itself, and one that joins later too."""

import dataclasses
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

import haloforge
from haloforge.config import VerifySettings
from haloforge.errors import VerifierError
from haloforge.records import Problem, Tests
from haloforge.verify.cache import ENGINE
from haloforge.verify.cluster.facts import NodeFacts
from haloforge.verify.cluster.members import Members
from haloforge.verify.cluster.session import Engine, Place, Session

GCC_12, GCC_14 = ("g++ 12.2 -O1", ""), ("g++ 14.1 -O1", "")
PYTHON = Problem("p", "x", tests=Tests("none"))
CPP = dataclasses.replace(PYTHON, task_id="c", language="cpp")


class Nodes(Session):
    """Nodes without Ray: what each runs its languages by, and for what each was asked."""

    def __init__(self, made_by: Mapping[str, Mapping[str, Any]]) -> None:
        self.address = "127.0.0.1:6379"
        self.made_by = dict(made_by)
        self.asked: list[tuple[str, list[str]]] = []

    def places(self) -> list[Place]:
        return [Place(name, name, 1) for name in self.made_by]

    def start(self, place: Place, settings: VerifySettings) -> Engine:
        return Node(self, place)

    def share(self, problems: Sequence[Problem]) -> Any:
        return problems


class Node(Engine):
    def __init__(self, nodes: Nodes, place: Place) -> None:
        self.place = place
        self._nodes = nodes

    def facts(self, languages: Sequence[str]) -> "Future[dict[str, Any]]":
        self._nodes.asked.append((self.place.name, list(languages)))
        has = {"python": ("3.11.9", ""), **self._nodes.made_by[self.place.name]}
        made_by = {language: has[language] for language in languages if language in has}
        return done(NodeFacts(self.place.name, haloforge.__version__, ENGINE, "3.11.9", "ns", 1, tuple(has),
                              made_by=made_by).to_json())  # fmt: skip

    def check(self, shared: Any) -> "Future[dict[str, str]]":
        return done({})

    def kill(self) -> None:
        pass


def done(value: Any) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(value)
    return future


def languages(members: Members) -> dict[str, set[str]]:
    return {node.name: set(node.languages) for node in members.nodes()}


def members_of(nodes: Nodes) -> Members:
    return Members(nodes, VerifySettings(cluster=nodes.address))


def test_no_compiler_is_asked_for_its_version_before_a_problem_needs_it() -> None:
    nodes = Nodes({"a": {"cpp": GCC_12}, "b": {"cpp": GCC_12}})
    members = members_of(nodes)
    members.check([PYTHON])
    members.check([PYTHON])
    assert nodes.asked == [("a", []), ("b", []), ("a", ["python"]), ("b", ["python"])]
    members.learn(["cpp"])
    assert nodes.asked[4:] == [("a", ["cpp", "python"]), ("b", ["cpp", "python"])]
    assert members.made_by("cpp") == GCC_12


def test_a_node_that_differs_judges_no_problem_of_that_language(caplog: pytest.LogCaptureFixture) -> None:
    members = members_of(Nodes({"a": {"cpp": GCC_12}, "b": {"cpp": GCC_14}}))
    members.check([PYTHON])
    assert caplog.text == ""
    members.check([CPP])
    assert languages(members) == {"a": {"python", "cpp"}, "b": {"python"}}
    assert "node b judges in part: no cpp: it has g++ 14.1 -O1, the others g++ 12.2 -O1" in caplog.text


def test_a_node_that_joins_later_is_asked_for_the_languages_in_use(caplog: pytest.LogCaptureFixture) -> None:
    nodes = Nodes({"a": {"cpp": GCC_12}})
    members = members_of(nodes)
    members.check([CPP])
    nodes.made_by["b"] = {"cpp": GCC_14}
    members.enter(members.newcomers())
    assert nodes.asked[-1] == ("b", ["cpp"])
    assert languages(members)["b"] == {"python"}
    assert "node b judges in part: no cpp" in caplog.text


def test_a_language_that_no_node_has_is_refused() -> None:
    members = members_of(Nodes({"a": {}}))
    with pytest.raises(VerifierError, match="no node of the cluster at 127.0.0.1:6379 has what runs cpp programs"):
        members.check([CPP])
