"""Curves and the picture of all problems are SVG that says what it shows, and stay inside their frame."""

import re

import pytest
from result_files import result

from haloforge.reports.curves import curves, method
from haloforge.reports.matrix import picture
from haloforge.reports.plot import HEIGHT, WIDTH, Line, Point, plot
from haloforge.reports.side_by_side import SideBySide, side_by_side


def of(before: list[int], after: list[int], n: int = 4) -> SideBySide:
    return side_by_side(["x", "y"], [result("x", before, n), result("y", after, n)])


@pytest.mark.parametrize("points", [1, 2, 30])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_every_point_lies_inside_the_frame(points: int, share: float) -> None:
    drawn = plot([Line("x", [Point(i + 1, share, 0.0, 1.0) for i in range(points)])], x="k", about="all", log=True)
    places = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(places) == points and all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in places)


def test_a_picture_is_an_image_with_a_name_and_nothing_to_press_in_it() -> None:
    for drawn in (curves(of([0, 1], [2, 3])), picture(of([0, 1], [2, 3]), 1)):
        assert 'role="img"' in drawn and "aria-label" in drawn and "tabindex" not in drawn and "<a " not in drawn


def test_one_sample_each_has_no_curve_but_a_method() -> None:
    shown = of([0, 1], [1, 1], n=1)
    assert "no curve" in curves(shown) and "<svg" not in curves(shown) and "Chen et al. 2021" in method(shown)


def test_the_picture_has_a_column_per_problem_and_grows_slower_than_its_problems() -> None:
    small, large = (picture(of([0, 4] * n, [4, 0] * n), 1) for n in (5, 500))
    assert 'viewBox="0 0 1000 2"' in large and len(large) < 2 * len(small)
