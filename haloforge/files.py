"""Reading and writing files so that nothing is lost and every error names a file and a line. Stdlib only.

Writes are atomic (a temporary file in the same folder, fsync, rename) or append-only; text is UTF-8 everywhere.
"""

import errno
import gzip
import hashlib
import json
import os
import secrets
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from haloforge.errors import ConfigError, DataError, MachineError
from haloforge.records import dumps

Row = dict[str, Any]
StrPath = str | os.PathLike[str]

_DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_MACHINE_FAILED = frozenset({errno.EIO, errno.ENOMEM, errno.EFBIG, errno.EMFILE, errno.ENFILE})
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


@contextmanager
def file_errors(path: StrPath) -> Iterator[None]:
    """Turn an OSError about `path` into one sentence: MachineError for a full or failing disk, else DataError."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_IS_FULL:
            raise MachineError(f"no space left on the disk for {path}; free some and run again") from error
        if error.errno in _MACHINE_FAILED:
            raise MachineError(f"the disk failed at {path}: {error.strerror}") from error
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{path} does not exist") from error
        if isinstance(error, IsADirectoryError):
            raise DataError(f"{path} is a folder, not a file") from error
        raise DataError(f"{path} cannot be used: {error.strerror or error}") from error


def read_text(path: StrPath) -> str:
    """The whole of a UTF-8 text file, gzipped or not, without its byte order mark."""
    return _decode(_read_bytes(path), path)


def read_jsonl(path: StrPath, torn_ok: bool = False) -> Iterator[tuple[int, Row]]:
    """Each JSON object of a file with the line it stands on (from 1).

    Reads JSON Lines (blank lines, CRLF, a byte order mark and gzip are fine) and files that are one JSON array of
    objects. With `torn_ok` a last line that a killed writer left unfinished is skipped.
    Raises DataError "FILE line N: what is wrong".
    """
    with file_errors(path), _open_binary(path) as file:
        first = _skip_blank_lines(file, path)
        if first is None:
            return
        number, line = first
        if line.lstrip().startswith(b"["):
            yield from _array_rows(line + _read_unpacked(file.read, path), path, number)
            return
        while line:
            if line.strip():
                row = _object(line, path, number, torn_ok=torn_ok and not line.endswith(b"\n"))
                if row is not None:
                    yield number, row
            number, line = number + 1, _read_unpacked(file.readline, path)


def write_text(path: StrPath, text: str) -> None:
    """Write a whole text file atomically; folders on the way are made."""
    with _replacing(path) as file:
        file.write(text.encode())


def write_jsonl(path: StrPath, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines atomically, gzipped when the name ends in .gz; returns how many.

    When `rows` raises half-way, the file that stood there before is untouched.
    """
    count = 0
    with _replacing(path) as raw:
        file = gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") if str(path).endswith(".gz") else raw
        for row in rows:
            file.write(_line(row))
            count += 1
        if file is not raw:
            file.close()
    return count


def append_jsonl(path: StrPath, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append rows and wait until they are on the disk; an unfinished last line of a killed writer is cut off first."""
    with file_errors(path):
        _make_folder(path)
        with open(path, "a+b") as file:
            file.seek(0)
            if file.read(2) == _GZIP_MAGIC:
                raise DataError(f"{path} is compressed, so nothing can be appended to it; unpack it with gunzip")
            _end_last_line(file)
            file.write(b"".join(_line(row) for row in rows))
            file.flush()
            os.fsync(file.fileno())


def sha256_of(path: StrPath) -> str:
    """SHA-256 of a file's bytes as they lie on the disk, in hex."""
    with file_errors(path), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_sha256_of(path: StrPath) -> str:
    """SHA-256 of what a file holds, in hex: the same for a file and for a compressed copy of it."""
    digest = hashlib.sha256()
    with file_errors(path), _open_binary(path) as file:
        while piece := _read_unpacked(lambda: file.read(1 << 20), path):
            digest.update(piece)
    return digest.hexdigest()


def _line(row: Mapping[str, Any]) -> bytes:
    return (dumps(row) + "\n").encode()


def _decode(data: bytes, where: StrPath) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 text (byte {error.start}: {error.reason})") from error


def _read_unpacked(read: Any, path: StrPath) -> bytes:
    """One read from a file that may be gzipped. Raises DataError for damaged compression: the disk is not to blame."""
    try:
        data: bytes = read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    return data


def _read_bytes(path: StrPath) -> bytes:
    with file_errors(path), _open_binary(path) as file:
        return _read_unpacked(file.read, path)


@contextmanager
def _open_binary(path: StrPath) -> Iterator[IO[bytes]]:
    """A file opened for reading; gzip is known by its first bytes, whatever the name says."""
    with open(path, "rb") as raw:
        if raw.read(2) != _GZIP_MAGIC:
            raw.seek(0)
            yield raw
            return
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield unpacked  # type: ignore[misc]  # GzipFile reads as IO[bytes] does


def _skip_blank_lines(file: IO[bytes], path: StrPath) -> tuple[int, bytes] | None:
    number = 0
    while line := _read_unpacked(file.readline, path):
        number += 1
        line = line.removeprefix(_BOM) if number == 1 else line
        if line.strip():
            return number, line
    return None


def _object(line: bytes, path: StrPath, number: int, *, torn_ok: bool) -> Row | None:
    where = f"{path} line {number}"
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        if torn_ok:
            return None
        raise DataError(f"{where}: not UTF-8 text ({error.reason})") from error
    except (ValueError, RecursionError) as error:
        if torn_ok:
            return None
        raise DataError(f"{where}: not valid JSON ({error})") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected a JSON object, found {_json_name(row)}")
    return row


def _array_rows(data: bytes, path: StrPath, line: int) -> Iterator[tuple[int, Row]]:
    text = _decode(data, path)
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{path} line {line + error.lineno - 1}: not valid JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    scan, position = json.JSONDecoder(), text.index("[") + 1
    for item in items:  # walked a second time only to know each item's line
        start = _next_value(text, position)
        line += text.count("\n", position, start)
        if not isinstance(item, dict):
            raise DataError(f"{path} line {line}: expected a JSON object, found {_json_name(item)}")
        yield line, item
        _, position = scan.raw_decode(text, start)
        line += text.count("\n", start, position)


def _next_value(text: str, position: int) -> int:
    while text[position] in " \t\r\n,":
        position += 1
    return position


def _json_name(value: object) -> str:
    names = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "true or false"}
    return names.get(type(value), "null")


def _make_folder(path: StrPath) -> None:
    folder = Path(path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{folder} is a file, so nothing can be written inside it") from error


@contextmanager
def _replacing(path: StrPath) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    with file_errors(path):
        if os.path.isdir(path):
            raise DataError(f"{path} is a folder, not a file")
        if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
            with open(path, "wb") as device:  # /dev/stdout and the like are written to, never replaced
                yield device
            return
        target = os.path.realpath(path)  # a link keeps pointing at its file
        _make_folder(target)
        folder = os.path.dirname(target)
        temporary = os.path.join(folder, f".halo-forge-{secrets.token_hex(6)}.tmp")
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        sync_folder(folder)


def sync_folder(folder: str) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot sync a folder
            raise
    finally:
        os.close(descriptor)


def _end_last_line(file: IO[bytes]) -> None:
    """Leave an append-only file at the end of a whole line: close a finished last row, cut off a torn one."""
    end = file.seek(0, os.SEEK_END)
    start, tail = end, b""
    while start and b"\n" not in tail:
        step = min(start, 1 << 16)
        start -= step
        file.seek(start)
        tail = file.read(step) + tail
    tail = tail[tail.rfind(b"\n") + 1 :]
    if not tail:
        return
    if _object(tail, "", 0, torn_ok=True) is None:
        file.truncate(end - len(tail))
    else:
        file.write(b"\n")


def refuse_unwritable(path: StrPath) -> None:
    """Raises ConfigError when no file or folder can be made at `path`: tried in the nearest folder that exists."""
    folder = Path(path).absolute()
    if folder.is_file():  # it is replaced
        folder = folder.parent
    while not folder.exists():
        folder = folder.parent
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".halo-forge-", dir=folder))
    except OSError as error:
        if error.errno in _DISK_IS_FULL:
            return  # the run says so where it happens
        raise ConfigError(
            f"{path} cannot be written, because {folder} is no folder that you may write to ({error.strerror})"
        ) from error
