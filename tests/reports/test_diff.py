"""The diff of two programs: complete, bounded, escaped."""

from hypothesis import given
from hypothesis import strategies as st

from haloforge.reports.diff import MOST_LINES, diff, diff_box

programs = st.lists(st.sampled_from(["a", "b", "c", "  d"]), max_size=30).map("\n".join)


@given(programs, programs)
def test_the_lines_that_changed_are_all_there(before: str, after: str) -> None:
    old, new = before.splitlines(), after.splitlines()
    for line in diff(before, after) or []:
        if line.before:
            assert old[line.before - 1] == line.text
        if line.after:
            assert new[line.after - 1] == line.text
    removed = {line.before for line in diff(before, after) or [] if line.kind == "removed"}
    added = {line.after for line in diff(before, after) or [] if line.kind == "added"}
    kept_old = [text for i, text in enumerate(old, 1) if i not in removed]
    kept_new = [text for i, text in enumerate(new, 1) if i not in added]
    assert kept_old == kept_new


def test_what_is_far_from_a_change_is_left_out_and_counted() -> None:
    lines = [f"line {i}" for i in range(40)]
    found = diff("\n".join(lines), "\n".join([*lines[:20], "new", *lines[20:]])) or []
    assert [line.text for line in found if line.kind == "added"] == ["new"]
    assert [line.text for line in found if line.kind == "skipped"] == ["17 lines the same", "17 lines the same"]


def test_programs_that_are_too_long_are_not_compared() -> None:
    long = "\n".join(["x"] * (MOST_LINES + 1))
    assert diff(long, "x") is None and "Too long" in diff_box(long, "x", "diff")
    assert diff("x" * 100_000, "y") is None


def test_what_a_model_wrote_is_escaped() -> None:
    shown = diff_box("<script>", "<img onerror=x>", "diff")
    assert "<script" not in shown and "<img" not in shown


def test_equal_and_missing_programs_are_said_in_a_sentence() -> None:
    assert "the same" in diff_box("x", "x", "diff") and "Neither" in diff_box(None, None, "diff")
