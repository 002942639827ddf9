"""What a warm process does with its requests: one module per role, of which a process loads only its own."""

import os
from typing import Any, NoReturn, Protocol

from ..confinement.limits import ResourceLimit


class Role(Protocol):
    """What one kind of warm process does with a request."""

    def handled_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Do it in this process if that is safe; False when it needs a child. Asked for judgements only."""

    def run_child(self, request: dict[str, Any], descriptors: list[int], rlimits: list[ResourceLimit]) -> NoReturn:
        """In the child: take its descriptors and its limits, and do what the request says."""


def connect_streams(descriptors: list[int], count: int) -> None:
    """The first `count` descriptors become stdin, stdout and stderr; what is not given stays /dev/null."""
    for number, descriptor in enumerate(descriptors[:count]):
        os.dup2(descriptor, number)
        os.close(descriptor)
