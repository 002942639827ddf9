"""Coloured code as a part of the page."""

from haloforge.markup.code import code as code
from haloforge.markup.code import plain as plain
