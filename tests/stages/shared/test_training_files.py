"""How often the rows of each training file are seen: exactly as the weights say, the same for the same seed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from haloforge.stages.shared.training_files import mixed, mixed_counts

FILES = st.lists(st.tuples(st.integers(1, 200), st.floats(0.01, 100)), min_size=1, max_size=5)


@given(FILES)
def test_the_counts_stand_to_each_other_as_the_weights_and_no_row_is_left_out(files: list[tuple[int, float]]) -> None:
    rows, weights = zip(*files, strict=True)
    counts = mixed_counts(rows, weights)
    per_weight = max(n / w for n, w in files)
    assert all(abs(count - per_weight * weight) <= 0.5 + 1e-6 for count, weight in zip(counts, weights, strict=True))
    assert all(count >= n for count, n in zip(counts, rows, strict=True))
    assert any(count == n for count, n in zip(counts, rows, strict=True))


@given(FILES, st.integers(0, 9))
def test_no_row_is_seen_two_times_more_often_than_another_of_its_file(
    files: list[tuple[int, float]], seed: int
) -> None:
    groups = [[(file, row) for row in range(n)] for file, (n, _) in enumerate(files)]
    weights = [min(weight, 1.0) + 0.5 for _, weight in files]
    items = mixed(groups, weights, seed)
    seen = Counter(items)
    for group in groups:
        times = {seen[item] for item in group}
        assert max(times) - min(times) <= 1 and min(times) >= 1
    assert items == mixed(groups, weights, seed)


def test_one_file_is_seen_once_in_its_order() -> None:
    assert mixed([[3, 1, 2]], [0.7], seed=5) == [3, 1, 2]


def test_the_seed_decides_which_rows_are_seen_once_more() -> None:
    groups = [list(range(100)), list(range(100, 150))]
    drawn = [tuple(mixed(groups, [2, 1.5], seed)) for seed in range(5)]
    assert len(set(drawn)) == 5 and {len(items) for items in drawn} == {175}
