"""Frames of JSON over a file descriptor. The length of a frame is checked before memory is allocated for it."""

import json
import os
import struct
from typing import Any

HEADER = struct.Struct("<I")
MAX_FRAME_BYTES = 16 << 20
"""A solution that answers with more than this breaks the protocol."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Closed(Exception):
    """The other end is gone, or what it sent is not a frame."""


class TooLong(Closed):
    """The other end began a frame that is longer than any that is taken."""


class Channel:
    """Both directions of one socket. Not safe to share between threads."""

    def __init__(self, fd: int, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self.fd = fd
        self._max_bytes = max_bytes
        self._buffer = b""

    def send(self, message: Any) -> None:
        """Raises Closed when nobody reads, RecursionError or ValueError for a value that JSON cannot carry."""
        payload = _encode(message).encode()
        data = memoryview(HEADER.pack(len(payload)) + payload)
        try:
            while data:
                data = data[os.write(self.fd, data) :]
        except OSError as error:
            raise Closed(str(error)) from error

    def receive(self) -> Any:
        """The next frame. Raises Closed at the end of the stream, or for a frame that is too long or no JSON."""
        (length,) = HEADER.unpack(self._take(HEADER.size))
        if length > self._max_bytes:
            raise TooLong(f"a frame of {length} bytes")
        try:
            return json.loads(self._take(length))
        except (ValueError, RecursionError) as error:
            raise Closed("a frame that is not JSON") from error

    def _take(self, size: int) -> bytes:
        if len(self._buffer) < size:
            chunks = [self._buffer]
            missing = size - len(self._buffer)
            while missing > 0:
                chunk = self._read(max(missing, 65536))
                chunks.append(chunk)
                missing -= len(chunk)
            self._buffer = b"".join(chunks)
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _read(self, size: int) -> bytes:
        try:
            chunk = os.read(self.fd, size)
        except OSError as error:
            raise Closed(str(error)) from error
        if not chunk:
            raise Closed("end of stream")
        return chunk
