"""Who judges: nodes that differ are named, and get only what they judge like the others."""

import dataclasses

import haloforge
from haloforge.verify.cache import ENGINE
from haloforge.verify.cluster.facts import NodeFacts, roll_of

PYTHON, GCC_12, GCC_14 = ["3.11.9", ["numpy 2.3"]], ["g++ 12.2 -O1", ""], ["g++ 14.1 -O1", ""]


def facts(node: str, isolation: str = "ns", version: str = haloforge.__version__, **made_by: object) -> NodeFacts:
    """Of a node that was asked for all its languages."""
    languages = ("python", *made_by)
    return NodeFacts(node, version, ENGINE, "3.11.9", isolation, 4, languages, made_by={"python": PYTHON} | made_by)


def test_equal_nodes_judge_everything() -> None:
    roll = roll_of([facts("a", cpp=GCC_12), facts("b", cpp=GCC_12)])
    assert roll.languages == {"a": {"python", "cpp"}, "b": {"python", "cpp"}}
    assert (roll.refused, roll.partly) == ({}, {})


def test_a_node_without_a_compiler_is_named_and_judges_the_rest() -> None:
    roll = roll_of([facts("a"), facts("b", cpp=GCC_12)])
    assert roll.languages["a"] == {"python"}
    assert roll.partly == {"a": "no cpp: not installed"}


def test_another_version_of_a_compiler_is_named() -> None:
    roll = roll_of([facts("a", cpp=GCC_12), facts("b", cpp=GCC_14)])
    assert roll.languages["b"] == {"python"}
    assert roll.partly["b"] == "no cpp: it has g++ 14.1 -O1, the others g++ 12.2 -O1"


def test_languages_that_no_node_was_asked_for_are_judged_where_they_are() -> None:
    unasked = [dataclasses.replace(node, made_by={}) for node in (facts("a", cpp=GCC_12), facts("b", cpp=GCC_14))]
    roll = roll_of(unasked)
    assert roll.languages == {"a": {"python", "cpp"}, "b": {"python", "cpp"}}
    assert (roll.made_by, roll.partly) == ({}, {})


def test_a_node_that_did_not_say_its_version_judges_none_of_that_language() -> None:
    roll = roll_of([dataclasses.replace(facts("a", cpp=GCC_12), made_by={"python": PYTHON}), facts("b", cpp=GCC_12)])
    assert roll.languages["a"] == {"python"}
    assert roll.partly == {"a": "no cpp: it did not say its version"}


def test_a_node_with_a_weaker_sandbox_gets_no_sample() -> None:
    roll = roll_of([facts("a", "landlock"), facts("b", "ns"), facts("c", "none")])
    assert (roll.isolation, set(roll.languages)) == ("ns", {"b"})
    assert roll.refused["a"] == "its sandbox is landlock, and the run's is ns"


def test_another_version_of_ours_is_refused() -> None:
    roll = roll_of([facts("a"), facts("b", version="0.0.1")])
    assert set(roll.languages) == {"a"}
    assert "it has halo-forge 0.0.1" in roll.refused["b"]


def test_a_node_that_joins_later_keeps_to_what_was_decided() -> None:
    first = roll_of([facts("a", "landlock", cpp=GCC_12)])
    later = roll_of([facts("b", "landlock", cpp=GCC_14), facts("c", "ns", cpp=GCC_12)], first)
    assert later.languages == {"b": {"python"}}
    assert set(later.refused) == {"c"}


def test_a_node_that_says_why_it_cannot_judge_is_refused_in_its_words() -> None:
    roll = roll_of([NodeFacts("a", flaw="it can build no sandbox"), facts("b")])
    assert roll.refused == {"a": "it can build no sandbox"}


def test_facts_survive_the_way() -> None:
    assert NodeFacts.from_json(facts("a", cpp=GCC_12).to_json()) == facts("a", cpp=GCC_12)
