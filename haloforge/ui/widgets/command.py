"""A command line that can be copied."""

import shlex
from collections.abc import Sequence

from haloforge.ui.markup import Html, h


def command_line(words: Sequence[str]) -> Html:
    """Quoted for a shell, with a button that copies it."""
    text = shlex.join(words)
    return h(
        "div", h("code", text), h("button", "Copy as command", cls="act", type="button", data_copy=text), cls="command"
    )
