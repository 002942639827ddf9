"""Run one child of a warm process with its standard streams: input from memory, output collected up to a limit."""

import os
import select
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from haloforge.verify.box.confinement.limits import Limits
from haloforge.verify.sandbox.zygote import BoxFailed, Exit, Zygote, in_memory

OUTPUT_LIMIT = 16 << 20
"""Bytes of stdout; a program that writes more is killed."""
ERRORS_LIMIT = 64 << 10
"""Bytes of stderr that are kept; the rest is read and dropped."""


@dataclass(frozen=True)
class Ran:
    """How a child ended and what it wrote.

    `flooded`: it was killed, as it wrote more than the limit. `report`: what the box said before the code started.
    """

    end: Exit
    stdout: bytes
    stderr: bytes
    flooded: bool
    report: bytes


def run(
    zygote: Zygote, request: Mapping[str, Any], limits: Limits, stdin: bytes = b"", output_limit: int = OUTPUT_LIMIT
) -> Ran:
    """Start the request's child, collect its output until it ends or floods, and wait until it is gone."""
    source = in_memory("stdin", stdin)
    pipes = [os.pipe() for _ in range(3)]
    try:
        identity = zygote.request(
            dict(request) | {"streams": 3}, limits, [source, pipes[0][1], pipes[1][1], pipes[2][1]]
        )
    except BoxFailed:
        for read, _ in pipes:
            os.close(read)
        raise
    finally:
        for descriptor in (source, *(write for _, write in pipes)):
            os.close(descriptor)
    stdout, stderr, report = (bytearray() for _ in range(3))
    flooded = _collect(
        {pipes[0][0]: (stdout, output_limit), pipes[1][0]: (stderr, ERRORS_LIMIT), pipes[2][0]: (report, ERRORS_LIMIT)},
        ends_on=pipes[0][0],
    )
    if flooded:
        zygote.end(identity)
    end = zygote.wait(identity)
    return Ran(end, bytes(stdout), bytes(stderr), flooded, bytes(report))


def _collect(readers: dict[int, tuple[bytearray, int]], ends_on: int) -> bool:
    """Read every pipe to its end; True as soon as `ends_on` gives more than its limit. Closes the pipes."""
    flooded = False
    poll = select.poll()
    for descriptor in readers:
        poll.register(descriptor, select.POLLIN)
    waiting = set(readers)
    while waiting and not flooded:
        for descriptor, _ in poll.poll():
            kept, limit = readers[descriptor]
            chunk = os.read(descriptor, 1 << 16)
            kept += chunk[: max(0, limit - len(kept) + 1)]
            flooded = flooded or (descriptor == ends_on and len(kept) > limit)
            if not chunk:
                poll.unregister(descriptor)
                waiting.discard(descriptor)
    for descriptor in readers:
        os.close(descriptor)
    return flooded
