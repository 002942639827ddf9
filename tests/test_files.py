import errno
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from haloforge.errors import ConfigError, DataError, MachineError
from haloforge.files import (
    append_jsonl,
    content_sha256_of,
    file_errors,
    read_jsonl,
    read_text,
    refuse_unwritable,
    sha256_of,
    write_jsonl,
    write_text,
)

ROWS = [{"a": 1}, {"a": "é\u2028\U0001f525"}]


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert write_jsonl(tmp_path / "new" / "x.jsonl", ROWS) == 2
    assert list(read_jsonl(tmp_path / "new" / "x.jsonl")) == [(1, ROWS[0]), (2, ROWS[1])]


def test_a_name_ending_in_gz_is_written_compressed_and_reproducible(tmp_path: Path) -> None:
    for name in ("x.jsonl.gz", "y.jsonl.gz"):
        write_jsonl(tmp_path / name, ROWS)
    assert (tmp_path / "x.jsonl.gz").read_bytes() == (tmp_path / "y.jsonl.gz").read_bytes()
    assert [row for _, row in read_jsonl(tmp_path / "x.jsonl.gz")] == ROWS


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b'{"a":1}\r\n\r\n{"a":2}\r\n', [1, 3]),
        (b'\xef\xbb\xbf{"a":1}\n{"a":2}', [1, 2]),
        (b'\n \n{"a":1}\n\n{"a":2}\n\n', [3, 5]),
        (b'[{"a":1},\n\n {"a":2}]', [1, 3]),
        (b'\xef\xbb\xbf\n[\n{"a":1}\n,{"a":2}]\n', [3, 4]),
        (gzip.compress(b'{"a":1}\n{"a":2}\n'), [1, 2]),
    ],
    ids=["crlf", "bom", "blank", "array", "array-with-bom", "gzip-without-the-name"],
)
def test_every_usual_form_of_a_file_is_read_with_its_line_numbers(
    tmp_path: Path, data: bytes, lines: list[int]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    assert list(read_jsonl(path)) == [(lines[0], {"a": 1}), (lines[1], {"a": 2})]


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for data in (b"", b"\n\n", b"[]"):
        (tmp_path / "x").write_bytes(data)
        assert list(read_jsonl(tmp_path / "x")) == []


MALFORMED = {
    "torn in the middle": (b'{"a":1}\n{"a":\n{"a":3}\n', "line 2: not valid JSON"),
    "torn at the end": (b'{"a":1}\n{"a"', "line 2: not valid JSON"),
    "a row that is a list": (b'{"a":1}\n[1]\n', "line 2: expected a JSON object, found an array"),
    "a row that is null": (b"null\n", "line 1: expected a JSON object, found null"),
    "a row that is a number": (b'{"a":1}\n3\n', "line 2: expected a JSON object, found a number"),
    "an array with a string in it": (b'[{"a":1},\n"b"]', "line 2: expected a JSON object, found a string"),
    "an array that never ends": (b'[{"a":1},\n', "line 2: not valid JSON"),
    "two arrays": (b"[1]\n[2]\n", "line 2: not valid JSON"),
    "Latin-1": ('{"a":"é"}\n'.encode("latin-1"), "line 1: not UTF-8 text"),
    "UTF-16": ('{"a":1}\n'.encode("utf-16"), "line 1: not UTF-8 text"),
    "Latin-1 in an array": ('[{"a":"é"}]'.encode("latin-1"), "not UTF-8 text"),
    "cut-off gzip": (gzip.compress(b'{"a":1}\n' * 99)[:-9], "is damaged"),
    "gzip with a wrong byte": (b"\x1f\x8bnonsense", "is damaged"),
    "nested too deeply": (b'{"a":' + b"[" * 200_000, "line 1: not valid JSON"),
    "a number with 5,000 digits": (b'{"a":' + b"1" * 5000 + b"}", "line 1: not valid JSON"),
    "a program": (b"def f():\n    return 1\n", "line 1: not valid JSON"),
    "a zero byte": (b'{"a":1}\n\0\n', "line 2: not valid JSON"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_bad_file_is_refused_with_its_name_and_line(tmp_path: Path, name: str) -> None:
    data, complaint = MALFORMED[name]
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError) as refused:
        list(read_jsonl(path))
    assert str(path) in str(refused.value) and complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        list(read_jsonl(tmp_path / "no"))
    with pytest.raises(DataError, match="is a folder"):
        list(read_jsonl(tmp_path))
    with pytest.raises(DataError, match="is a folder"):
        write_text(tmp_path, "x")
    with pytest.raises(DataError, match="does not exist"):
        sha256_of(tmp_path / "no")


def test_only_the_unfinished_last_line_is_forgiven(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":"\xc3')
    assert list(read_jsonl(path, torn_ok=True)) == [(1, {"a": 1})]
    path.write_bytes(b'{"a":1}\n{"a":\n')
    with pytest.raises(DataError, match="line 2"):
        list(read_jsonl(path, torn_ok=True))


def test_nothing_is_appended_to_a_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    write_jsonl(path, ROWS)
    before = path.read_bytes()
    with pytest.raises(DataError, match="is compressed"):
        append_jsonl(path, ROWS)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("tail", "kept"),
    [(b'{"b":', []), (b'{"b":2}', [{"b": 2}]), (b"", []), (b'{"b":"' + b"x" * 99_999, [])],
)
def test_appending_after_a_killed_writer_keeps_whole_rows_and_drops_the_torn_one(
    tmp_path: Path, tail: bytes, kept: list[dict[str, int]]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"a":1}\n' + tail)
    append_jsonl(path, [{"c": 3}])
    assert [row for _, row in read_jsonl(path)] == [{"a": 1}, *kept, {"c": 3}]


def test_half_a_surrogate_pair_from_a_model_survives(tmp_path: Path) -> None:
    row = {"text": "\ud83d and \u00e9"}
    write_jsonl(tmp_path / "x", [row])
    append_jsonl(tmp_path / "x", [row])
    assert [r for _, r in read_jsonl(tmp_path / "x")] == [row, row]
    (tmp_path / "x").read_text("utf-8")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    write_text(path, "old")

    def broken() -> object:
        yield {"a": 1}
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        write_jsonl(path, broken())  # type: ignore[arg-type]
    assert read_text(path) == "old"
    assert os.listdir(tmp_path) == ["x.jsonl"]


def test_a_link_keeps_pointing_at_the_file_that_is_rewritten(tmp_path: Path) -> None:
    write_text(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and read_text(tmp_path / "real") == "new"


def test_a_pipe_is_written_to_and_not_replaced() -> None:
    program = "from haloforge.files import write_jsonl; write_jsonl('/dev/stdout', [{'a': 1}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {"a": 1}


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    with pytest.raises(DataError, match="is a file, so nothing can be written inside it"):
        write_text(tmp_path / "file" / "x", "")


def test_a_full_disk_is_the_machine_s_fault_and_the_old_file_stays(tmp_path: Path) -> None:
    """A file size limit stands in for the full disk: both fail in write() after some bytes went through."""
    path = tmp_path / "x.jsonl"
    write_text(path, "old")
    program = f"""if True:
        import resource, signal
        from haloforge.errors import MachineError
        from haloforge.files import write_jsonl
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            write_jsonl({str(path)!r}, ({{"a": "x" * 100}} for _ in range(1000)))
        except MachineError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60, text=True)
    assert str(path) in done.stdout
    assert read_text(path) == "old" and os.listdir(tmp_path) == ["x.jsonl"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_left_is_a_machine_error_of_one_sentence(number: int) -> None:
    with (
        pytest.raises(MachineError, match="^no space left on the disk for x; free some and run again$"),
        file_errors("x"),
    ):
        raise OSError(number, os.strerror(number))


def test_the_real_full_device_says_so() -> None:
    with pytest.raises(MachineError, match="no space left"):
        write_text("/dev/full", "x" * 100_000)


def test_a_compressed_copy_holds_the_same(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a", tmp_path / "b"
    plain.write_bytes(b"x" * 3_000_000)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert content_sha256_of(packed) == content_sha256_of(plain) == sha256_of(plain)


@pytest.mark.parametrize("folder", ["/proc", "/dev/null"])
def test_a_place_where_nothing_can_be_made_is_one_sentence(folder: str) -> None:
    with pytest.raises(ConfigError, match=f"^{folder}/x/y cannot be written, because {folder} is no folder"):
        refuse_unwritable(f"{folder}/x/y")


def test_looking_whether_a_place_can_be_written_leaves_nothing_there(tmp_path: Path) -> None:
    refuse_unwritable(tmp_path / "new" / "deeper")
    assert not list(tmp_path.iterdir())
