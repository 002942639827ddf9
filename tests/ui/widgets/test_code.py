"""Code of a model is shown whole and in colours, and colouring it takes no more than linear time."""

import html
import re

import pytest
from growth import LINEAR, per_doubling

from haloforge.ui.widgets.code import code


@pytest.mark.parametrize(("language", "unit"), [("python", "    \n"), ("cpp", "    \n"), ("java", "class a")])
def test_colouring_is_linear(language, unit):
    assert per_doubling(lambda text: code(text, language), lambda n: unit * n) < LINEAR


@pytest.mark.parametrize(
    "text", ["x = 1 < 2\n" * 9000, "x = 1\n" + "a" * 9000 + "\ny = 2\n", "def f():\n    pass\n", "'''\n" * 2000]
)
def test_every_character_is_shown(text):
    shown = code(text, "python")
    assert html.unescape(re.sub("<[^>]*>", "", shown)) == text and '<span class="' in shown
