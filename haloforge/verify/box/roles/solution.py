"""The warm process of solutions: its children run model-written Python, and never see a test."""

from typing import Any, NoReturn

from ..confinement import limits, seccomp
from ..running import solution
from ..serve import connect_streams

rehearse = solution.rehearse


class Role:
    """Of this process; see `serve.Role`."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._filter = seccomp.ForChildren(seccomp.child()) if config["seccomp"] else None

    def done_here(self, request: dict[str, Any], descriptors: list[int]) -> bool:
        """Never: this code is not ours."""
        return False

    def become(self, request: dict[str, Any], descriptors: list[int], settings: list[limits.Setting]) -> NoReturn:
        """Confine this child and hand it to the solution."""
        rest = self.confined(request, descriptors, settings)
        if "files" in request:
            solution.offer_files(request["files"])
        solution.MODES[request["mode"]](request["code"], rest[0])

    def confined(self, request: dict[str, Any], descriptors: list[int], settings: list[limits.Setting]) -> list[int]:
        """Give up what this child must not have; returns the descriptors that are not its standard streams."""
        streams = request.get("streams", 0)
        connect_streams(descriptors, streams)
        limits.set_all(settings)
        if self._filter:
            self._filter.install()
        return descriptors[streams:]
