"""Pack a folder as the compressed archive (cpio, newc) that a Linux kernel starts from: archive.py FOLDER FILE"""

import gzip
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path


def entry(number: int, name: str, mode: int, content: bytes = b"") -> bytes:
    """One file, folder or link, owned by root."""
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def entries(root: Path) -> Iterator[bytes]:
    """Everything below a folder, folders before what is in them."""
    number = 0
    for folder, folders, files in os.walk(root):
        for path in sorted(Path(folder, name) for name in (*folders, *files)):
            number += 1
            mode = path.lstat().st_mode
            content = b""
            if stat.S_ISLNK(mode):
                content = os.readlink(path).encode()
            elif stat.S_ISREG(mode):
                content = path.read_bytes()
            yield entry(number, str(path.relative_to(root)), mode, content)
    yield entry(number + 1, "TRAILER!!!", 0)


if __name__ == "__main__":
    with gzip.open(sys.argv[2], "wb", compresslevel=1) as archive:
        for packed in entries(Path(sys.argv[1])):
            archive.write(packed)
