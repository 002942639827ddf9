"""YAML from anywhere costs little, and what is wrong with it is one sentence with its line."""

import pytest
import yaml

from haloforge.errors import ConfigError
from haloforge.yaml_text import load, load_config

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lines that mean 400 million values."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 50_000, "x.yaml line 1: it is nested more than 50 deep"),
        ("\n".join(" " * i + "a:" for i in range(60)), "x.yaml line 50: it is nested"),
        (LAUGHS, "x.yaml line 6: it means more than 100,000 values"),
        ("raft: &r\n  num_cycles: *r", "x.yaml line 2: it refers to itself"),
        ("a: &a\n  <<: *a", "x.yaml line 2: it refers to itself"),
        ("a: *b", "x.yaml line 1: this is not valid YAML"),
        ("a: 2024-13-45", "x.yaml holds a date or number that cannot be"),
        ("a: " + "9" * 5000, "x.yaml holds a date or number"),
        ("a: \0", "x.yaml holds characters that YAML cannot have"),
        ("a: " + "x" * 1_000_001, "too long for a config"),
    ],
)
def test_what_a_config_cannot_be_is_one_sentence(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(text, "x.yaml")
    assert words in str(refused.value) and len(str(refused.value)) < 200
    with pytest.raises(yaml.YAMLError):
        load(text)


def test_aliases_and_merged_keys_mean_what_they_do_elsewhere() -> None:
    text = "base: &base {lr: 2e-5, steps: [1, 2]}\nsft:\n  <<: *base\n  lr: 1.0\nagain: *base\n"
    assert load(text) == yaml.safe_load(text)
