"""The role of running solutions: its children run model-written Python, and never see a test."""

from typing import Any, NoReturn

from ..confinement import filters, limits, seccomp
from ..running import answering, program
from . import connect_streams

rehearse = answering.rehearse
_MODES = {
    "serve": answering.serve_calls,
    "program": program.run_program,
    "compile": program.compile_program,
}
"""What a request may ask for, by its `mode`: a function of the code and the descriptor of a channel."""


class Role:
    """See `roles.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        program = filters.child(changing=config["own_file_system"]) if config["seccomp"] else None
        self._filter = seccomp.FilterForChildren(program) if program else None

    def handled_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never: this code is not ours."""
        return False

    def run_child(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> NoReturn:
        """Confine this child and hand it to the solution."""
        channels = self.confined(request, descriptors, rlimits)
        if "files" in request:
            program.offer_files(request["files"])
        _MODES[request["mode"]](request["code"], channels[0])

    def confined(
        self, request: dict[str, Any], descriptors: list[int], rlimits: list[limits.ResourceLimit]
    ) -> list[int]:
        """Give up what this child must not have. Returns the descriptors that are not its standard streams."""
        streams = request.get("streams", 0)
        connect_streams(descriptors, streams)
        limits.set_all(rlimits)
        if self._filter:
            self._filter.install()
        return descriptors[streams:]
