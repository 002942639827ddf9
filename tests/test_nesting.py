"""Dotted paths and nested mappings."""

from typing import Any

import pytest

from haloforge.errors import ConfigError
from haloforge.nesting import merged, nested, put, value_at


def test_dotted_paths_become_nested_and_none_is_left_out() -> None:
    assert nested({"a.b": 1, "a.c": 2, "d": None}) == {"a": {"b": 1, "c": 2}}
    assert nested({"a": {"b": 1}, "a.c": 2}) == {"a": {"b": 1, "c": 2}}


@pytest.mark.parametrize("flat", [{"a": "x", "a.b": 1}, {"a.b": 1, "a": "x"}, {"a": {"b": 1}, "a.b": 2}])
def test_two_values_for_one_place_are_refused(flat: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is given twice"):
        nested(flat)


def test_the_value_above_wins_and_leaves_both_as_they_were() -> None:
    below, above = {"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 5}, "d": {"e": 1}}
    assert merged(below, above) == {"a": {"b": 5, "c": 2}, "d": {"e": 1}}
    assert below == {"a": {"b": 1, "c": 2}, "d": 3}


def test_a_value_is_put_where_there_was_no_mapping() -> None:
    data: dict[str, Any] = {"a": "text"}
    put(data, "a.b.c", 1)
    assert value_at(data, "a.b.c") == 1 and value_at(data, "a.x.y") is None
