"""What an error of a library says becomes one line of ours."""

from haloforge.errors import first_line


def test_an_error_that_says_nothing_is_named_by_its_class() -> None:
    assert first_line(TimeoutError()) == "TimeoutError"
    assert first_line(OSError("\n gone\nfor good")) == "gone"
