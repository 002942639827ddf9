"""What is made once is whole or absent, and nothing of a failure stays behind."""

import os

from haloforge.verify.sandbox.kept import made_once


def fill(folder):
    (folder / "content").write_text("whole")


def test_it_is_made_where_a_killed_process_of_the_same_number_left_its_part(tmp_path):
    (tmp_path / f".thing-{os.getpid()}").mkdir()
    assert (made_once(tmp_path / "thing", fill) / "content").read_text() == "whole"


def test_what_cannot_be_made_leaves_nothing_and_can_be_made_later(tmp_path, caplog):
    def fail(folder):
        fill(folder)
        raise OSError("the disk is full")

    assert made_once(tmp_path / "thing", fail) is None
    assert "thing could not be made: the disk is full" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert made_once(tmp_path / "thing", fill) == tmp_path / "thing"


def test_what_another_process_made_meanwhile_is_taken_without_a_complaint(tmp_path, caplog):
    def overtaken(folder):
        fill(folder)
        (tmp_path / "thing").mkdir()
        (tmp_path / "thing" / "content").write_text("theirs")

    assert (made_once(tmp_path / "thing", overtaken) / "content").read_text() == "theirs"
    assert caplog.text == ""
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]
