"""The report on disk: it has everything, loads nothing, and lets no text of a model out."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from result_files import on_disk, result

from haloforge.errors import ConfigError, DataError, ForgeError
from haloforge.reports.document import MOST_PROBLEMS, document, write_document
from haloforge.reports.side_by_side import SideBySide, side_by_side
from haloforge.reports.sources import compared, read_source
from haloforge.store import Store


def report_of(store: Store, *paths: Path) -> str:
    sources = [read_source(store, str(path)) for path in paths]
    return document(compared(sources), [source.evidence(store) for source in sources])


def small() -> SideBySide:
    return side_by_side(["x", "y"], [result("x", [0, 1]), result("y", [4, 4])])


def test_a_damaged_samples_file_is_named_with_its_line(store: Store, tmp_path: Path) -> None:
    paths = on_disk(tmp_path, "x", [1]), on_disk(tmp_path, "y", [1])
    with (tmp_path / "y.samples.jsonl").open("a") as file:
        file.write('{"task_id": "t/0", "sample": ["x"]}\n')
    with pytest.raises(DataError, match=r"y\.samples\.jsonl line 5 is damaged"):
        report_of(store, *paths)


def test_a_result_that_names_no_samples_has_no_answers(store: Store, tmp_path: Path) -> None:
    paths = [on_disk(tmp_path, name, [1], samples_file=None) for name in ("x", "y")]
    assert "The samples are not on this machine" in report_of(store, *paths)


class Elements(HTMLParser):
    """Names of all elements, and everything that would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        values = dict(attrs)
        self.fetched += [v for name in ("src", "srcset", "data") if (v := values.get(name))]
        self.links += [v for v in [values.get("href")] if v]
        self.ids += [v for v in [values.get("id")] if v]


def test_it_holds_every_part_of_the_comparison(store: Store, tmp_path: Path) -> None:
    before, after = on_disk(tmp_path, "before", [0, 1] * 12), on_disk(tmp_path, "after", [3, 4] * 12)
    text = report_of(store, before, after)
    for part in (">better<", "+75.0 points [", "pass@1", "<svg", "From A to B", "Provenance", "halo-forge", "1234"):
        assert part in text, part
    assert text.count("From A to B") == 24


def test_it_has_no_script_and_loads_nothing(store: Store, tmp_path: Path) -> None:
    seen = Elements(report_of(store, on_disk(tmp_path, "before", [0, 1]), on_disk(tmp_path, "after", [4, 4])))
    assert not {"script", "img", "link", "iframe", "object"} & seen.names and seen.fetched == []
    assert all(link.startswith("#") for link in seen.links) and {link[1:] for link in seen.links} <= set(seen.ids)
    assert len(seen.ids) == len(set(seen.ids))


def test_without_samples_it_says_where_they_would_be(store: Store, tmp_path: Path) -> None:
    before, after = on_disk(tmp_path, "before", [0, 1]), on_disk(tmp_path, "after", [4, 4])
    (tmp_path / "after.samples.jsonl").unlink()
    assert "The samples are not on this machine" in report_of(store, before, after)


def test_a_long_benchmark_has_a_bounded_number_of_answers_and_says_so() -> None:
    n = MOST_PROBLEMS + 20
    text = document(side_by_side(["x", "y"], [result("x", [0] * n), result("y", [4] * n)]), [None, None])
    assert text.count('class="fold"') == MOST_PROBLEMS and "20 more problems, in the table above" in text


def test_a_report_replaces_a_report_and_nothing_else(tmp_path: Path) -> None:
    path, mine = tmp_path / "r.html", tmp_path / "mine.html"
    for _ in range(2):
        write_document(path, small(), [None, None])
    mine.write_text("<html>mine</html>")
    for taken in (mine, tmp_path):
        with pytest.raises(ConfigError, match="no comparison of halo-forge"):
            write_document(taken, small(), [None, None])
    assert mine.read_text() == "<html>mine</html>"


@pytest.mark.parametrize("key", ["nowhere.json", "cycle:none:1", "cycle::", "cycle:x:y"])
def test_a_source_that_is_not_there_is_one_sentence(store: Store, key: str) -> None:
    with pytest.raises(ForgeError):
        read_source(store, key)


def test_more_results_than_letters_are_refused(store: Store, tmp_path: Path) -> None:
    source = read_source(store, str(on_disk(tmp_path, "x", [1])))
    with pytest.raises(ConfigError, match="at most 6"):
        compared([source] * 7)
