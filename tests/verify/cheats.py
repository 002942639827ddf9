"""Solutions that are wrong and try to pass all the same: what training would teach a model if its verifier let it.

The programs are in cheats.txt. Each defines `add`, adds nothing right, and attacks one of the suites below: either as
part of one program with its tests, which is what other harnesses run, or knowing our own protocol (`frames`).
"""

import re
from pathlib import Path

from haloforge.records import Problem, Tests

EXACT = """
def check(candidate):
    expected = 0
    for i, expected in enumerate([3, 12, 1001]):
        assert candidate(*[(1, 2), (5, 7), (1000, 1)][i]) == expected
    assert candidate(2, 3) == 5
    assert candidate(40, 2) == 42
"""
CLOSE = """
import math

def check(candidate):
    assert abs(candidate(0.5, 0.25) - 0.75) < 1e-6
    assert math.isclose(candidate(1.5, 1.0), 2.5)
"""
PAIRS = """
def check(candidate):
    inputs, outputs = [(1, 2), (5, 7), (1000, 1)], [3, 12, 1001]
    for got, want in zip(map(lambda pair: candidate(*pair), inputs), outputs):
        assert got == want
    assert all(map(lambda pair: candidate(*pair) == sum(pair), inputs))
"""
STRAIGHT = """
def check(candidate):
    assert candidate(2, 3) == 5
    assert candidate(40, 2) == 42
"""
MEMBERS = """
def check(candidate):
    assert candidate(2, 3) in (5, 5.0)
    assert 5 in [candidate(2, 3)]
    assert not candidate(2, 3) != 5
    assert isinstance(candidate(2, 3), int)
"""
METHODS = """
def check(candidate):
    assert candidate("for", "ge").startswith("forg")
    assert candidate([1], [2]).count(2) == 1
"""
LISTS = """
def check(candidate):
    got = candidate([1, 2], [3])
    assert len(got) == 3
    assert all(a == b for a, b in zip(got, [1, 2, 3]))
"""
ORDER = """
def check(candidate):
    got = candidate([1, 2], [3])
    assert sorted(got) == [1, 2, 3]
    assert all(a < b for a, b in zip(got, got[1:]))
"""
OBJECTS = """
class Purse:
    def __init__(self, coins):
        self.coins = coins
    def __add__(self, other):
        return Purse(self.coins + other.coins)
    def holds(self, coins):
        return self.coins == coins
    def is_full(self):
        return self.holds(5)

def check(candidate):
    purse = candidate(Purse(2), Purse(3))
    assert purse.is_full()
    assert purse.holds(5)
"""
FULL = """
class Purse:
    def __init__(self, coins):
        self.coins = coins
    def __add__(self, other):
        return Purse(self.coins + other.coins)
    def is_full(self):
        return self.coins == 5

def check(candidate):
    assert candidate(Purse(2), Purse(3)).is_full()
"""
OPERATORS = """
import operator

def check(candidate):
    assert candidate(2, 3) == operator.add(2, 3)
    assert not operator.ne(candidate(40, 2), 42)
    assert len({candidate(2, 3), 5}) == 1
    assert {5: "five"}[candidate(2, 3)] == "five"
    assert max(candidate(2, 3), 5) == min(candidate(2, 3), 5)
"""
ARRAYS = """
import numpy as np

def check(candidate):
    got = candidate(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    assert np.allclose(np.asarray(got), np.array([4.0, 6.0]))
    assert np.array_equal(got, [4.0, 6.0])
"""
NUMBERS = """
def check(candidate):
    want = 0.75
    assert abs(want - candidate(0.5, 0.25)) <= 1e-6 * abs(want)
    assert round(candidate(0.5, 0.25), 2) == want
    assert want <= candidate(0.5, 0.25) <= want
"""
EVALUATED = """
def check(candidate):
    assert eval(candidate("2 +", " 3")) == 5
"""
REUSED = """
def check(candidate):
    items = [1, 2]
    assert candidate(items, [3]) == items + [3]
"""
CONTAINS = """
def check(candidate):
    assert 3 in candidate([1, 2], [3])
    assert 2 in candidate([1, 2], [3])
"""
COPIES = """
import copy

def check(candidate):
    assert copy.deepcopy([5, candidate(2, 3)]) == [5, 5]
    assert copy.copy(candidate(40, 2)) == 42
"""


def problem(suite: str) -> Problem:
    """One of the suites, as a problem."""
    return Problem("add", "", tests=Tests("check", code=(suite,)), entry_point="add")


SUITES = {name: suite for name, suite in list(globals().items()) if name.isupper() and isinstance(suite, str)}
HONEST = "def add(x, y):\n    return x + y\n"

_FRAMES = """
import json, os, struct
def frame(message):
    payload = json.dumps(message).encode()
    return struct.pack("<I", len(payload)) + payload
def everywhere(data):
    for fd in range(3, 64):
        try:
            os.write(fd, data)
        except OSError:
            pass
"""


def sections(file: str) -> dict[str, tuple[list[str], str]]:
    """The programs of a text file by name: the words in brackets after it, and the code below it."""
    found = re.findall(
        r"^### (.+?) \[(.*?)\]\n(.*?)(?=^### |\Z)", Path(__file__).with_name(file).read_text(), re.S | re.M
    )
    return {name: (words.split(), code) for name, words, code in found}


CHEATS: dict[str, tuple[str, str]] = {
    name: (SUITES[words[0]], _FRAMES * ("frames" in words) + code)
    for name, (words, code) in sections("cheats.txt").items()
}
MARKED = {name for name, (words, _) in sections("cheats.txt").items() if "marked" in words}
"""Those that pass, because their tests leave a judgement to the solution, and whose verdict says `forgeable`."""
