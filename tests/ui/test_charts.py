"""Figures: valid, thinned without losing spikes, coloured as the chips are."""

from hypothesis import given
from hypothesis import strategies as st

from haloforge.records import STATUSES
from haloforge.ui import charts
from haloforge.ui.palette import VERDICTS

POINTS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4000).map(lambda ys: list(enumerate(ys)))


def check(figure: charts.Figure) -> None:
    """plotly refuses a property that plotly.js does not have."""
    import plotly.graph_objects as go

    go.Figure(figure)


def test_every_kind_of_figure_is_one_that_plotly_knows() -> None:
    check(charts.lines({"training": [(1, 2.0)], "held out": [(1, 2.1)]}, x="step", key="run", log=True))
    check(charts.rates({"held out": [(0, 0.3, 0.2, 0.4), (1, 0.4, None, None)]}, x="cycle", key="run"))
    check(charts.shares({"1": {"passed": 3, "timeout": 1}}, x="cycle", key="run"))


@given(POINTS)
def test_thinning_keeps_the_extremes_and_the_order(points: list[tuple[float, float]]) -> None:
    thin = charts.thin(points, 100)
    assert len(thin) <= 102 and sorted(thin) == thin
    assert {min(y for _, y in points), max(y for _, y in points)} <= {y for _, y in thin}


def test_a_verdict_has_its_colour_and_its_word_in_charts_too() -> None:
    figure = charts.shares({"1": dict.fromkeys(STATUSES, 1)}, x="cycle", key="run")
    assert [(bar["name"], bar["marker"]["color"]) for bar in figure["data"]] == [
        (look.word, look.chart) for look in VERDICTS.values()
    ]


def test_shares_of_a_group_add_up_to_100_percent() -> None:
    figure = charts.shares({"1": {"passed": 3, "timeout": 1}, "2": {"passed": 1}}, x="cycle", key="run")
    assert [sum(bar["y"][i] for bar in figure["data"]) for i in (0, 1)] == [100, 100]


def test_a_single_group_is_one_flat_bar() -> None:
    figure = charts.shares({"0": {"passed": 3, "timeout": 1}}, x="", key="run")
    assert [(bar["orientation"], bar["x"]) for bar in figure["data"]] == [("h", [75]), ("h", [25])]


def test_intervals_are_drawn_around_the_point() -> None:
    errors = charts.rates({"a": [(0, 0.5, 0.25, 1.0)]}, x="cycle", key="run")["data"][0]["error_y"]
    assert (errors["array"], errors["arrayminus"]) == ([50], [25])


def test_the_same_run_keeps_zoom_and_another_does_not() -> None:
    keys = [charts.lines({}, x="step", key=run)["layout"]["uirevision"] for run in ("a", "a", "b")]
    assert keys[0] == keys[1] != keys[2]
