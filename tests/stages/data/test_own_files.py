"""Data files of one's own: split, mixed, imported, edited, each with checked rows and a manifest that says so."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haloforge.errors import ConfigError, DataError
from haloforge.files import read_jsonl, write_jsonl
from haloforge.problems import Manifest, load_problems, read_manifest, write_manifest
from haloforge.records import Problem, Tests
from haloforge.stages.data.bringing import bring
from haloforge.stages.data.contents import as_read, contents, histogram, row_named
from haloforge.stages.data.editing import add_problem, replace_row
from haloforge.stages.data.mixing import Part, mix, parse_part
from haloforge.stages.data.own_files import read_own
from haloforge.stages.data.splitting import split

CHAT = {"messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "hi"}]}


def problem(name: str, family: str = "", prompt: str = "") -> Problem:
    tests = Tests("asserts", code=(f"assert {name}(1) == 2",))
    meta = {"family": family} if family else {}
    return Problem(name, prompt or f"Write {name}(x), which adds one.", tests=tests, entry_point=name, meta=meta,
                   solution=f"def {name}(x):\n    return x + 1\n")  # fmt: skip


def write(path: Path, *rows: Any) -> Path:
    write_jsonl(path, (row.to_json() if isinstance(row, Problem) else row for row in rows))
    return path


def ids(path: Path) -> list[str]:
    return [str(row["task_id"]) for _, row in read_jsonl(path)]


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    """Twelve problems in six families of two."""
    return write(tmp_path / "all.jsonl", *(problem(f"f{i}", f"family{i // 2}") for i in range(12)))


def test_families_and_equal_prompts_never_stand_on_both_sides(tmp_path: Path) -> None:
    rows = [problem(f"f{i}", f"family{i % 5}", "the same prompt" if i in (0, 1) else "") for i in range(20)]
    path = write(tmp_path / "all.jsonl", *rows)
    split(path, tmp_path / "a.jsonl", tmp_path / "b.jsonl", share=0.4)
    sides = [load_problems(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    families = [{p.family for p in side} for side in sides]
    assert not families[0] & families[1] and not {p.statement for p in sides[0]} & {p.statement for p in sides[1]}
    assert {p.split for p in sides[0]} == {"train"} and {p.split for p in sides[1]} == {"test"}


def test_a_split_loses_and_invents_nothing_and_is_the_same_for_the_same_seed(twelve: Path, tmp_path: Path) -> None:
    def halves(seed: int, name: str) -> list[list[str]]:
        split(twelve, tmp_path / f"{name}a.jsonl", tmp_path / f"{name}b.jsonl", share=1 / 3, seed=seed)
        return [ids(tmp_path / f"{name}{side}.jsonl") for side in "ab"]

    first = halves(1, "x")
    assert sorted(first[0] + first[1]) == sorted(ids(twelve)) and len(first[1]) == 4
    assert first == halves(1, "y") and any(halves(seed, f"z{seed}") != first for seed in range(2, 6))


def test_both_halves_have_a_manifest_that_is_the_parents(tmp_path: Path, twelve: Path) -> None:
    write_manifest(twelve, Manifest(dataset="mine", source="me", license="MIT", noncommercial=True, rows_out=12))
    split(twelve, tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    for name in ("a.jsonl", "b.jsonl"):
        manifest = read_manifest(tmp_path / name)
        assert manifest and (manifest["license"], manifest["noncommercial"]) == ("MIT", True)


@pytest.mark.parametrize("share", [0, 1, -1])
def test_a_share_that_leaves_a_side_empty_is_refused(twelve: Path, tmp_path: Path, share: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split(twelve, tmp_path / "a.jsonl", tmp_path / "b.jsonl", share=share)


def test_one_family_cannot_be_split(tmp_path: Path) -> None:
    path = write(tmp_path / "one.jsonl", problem("a", "same"), problem("b", "same"))
    with pytest.raises(DataError, match="its 2 rows are one family"):
        split(path, tmp_path / "x.jsonl", tmp_path / "y.jsonl")


def test_a_name_that_is_taken_is_refused_and_nothing_is_written(twelve: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        split(twelve, tmp_path / "new.jsonl", twelve)
    assert not (tmp_path / "new.jsonl").exists()


def test_chats_are_split_by_what_they_ask(tmp_path: Path) -> None:
    other = {"prompt": "Add.", "completion": "def add(): ..."}
    path = write(tmp_path / "chat.jsonl", CHAT, CHAT, other, {"text": "x = 1"})
    split(path, tmp_path / "a.jsonl", tmp_path / "b.jsonl", share=0.5)
    rows = [[json.dumps(row) for _, row in read_jsonl(tmp_path / name)] for name in ("a.jsonl", "b.jsonl")]
    assert not set(rows[0]) & set(rows[1]) and len(rows[0]) + len(rows[1]) == 4


def test_a_mixture_has_the_ratio_of_its_weights_and_takes_no_row_twice(twelve: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", *(problem(f"g{i}") for i in range(40)))
    mixture = mix([Part(twelve, 1), Part(other, 3)], tmp_path / "mixed.jsonl")
    assert [rows for _, rows in mixture.taken] == [12, 36]
    assert max(Counter(ids(tmp_path / "mixed.jsonl")).values()) == 1
    manifest = read_manifest(tmp_path / "mixed.jsonl")
    assert manifest and [part["rows"] for part in manifest["details"]["parts"]] == [12, 36]


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=4), weights=st.lists(st.integers(1, 9), min_size=4))
def test_no_file_gives_more_rows_than_it_has(sizes: list[int], weights: list[int]) -> None:
    from haloforge.stages.data.mixing import counts_of

    parts = [Part(Path(f"{i}"), weights[i]) for i in range(len(sizes))]
    try:
        counts = counts_of(parts, sizes, None)
    except ConfigError:
        return
    assert all(count <= size for count, size in zip(counts, sizes, strict=True)) and sum(counts) > 0


def test_more_rows_than_there_are_say_how_many_there_could_be(twelve: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", problem("g"))
    with pytest.raises(ConfigError, match="other.jsonl has 1 rows, and its share of 10 is 5; ask for at most 2"):
        mix([Part(twelve), Part(other)], tmp_path / "mixed.jsonl", rows=10)


def test_rows_that_two_files_share_are_taken_once_and_counted(twelve: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", problem("f0", "family0"), problem("g"))
    assert mix([Part(twelve, 12), Part(other)], tmp_path / "mixed.jsonl").repeated == 1


def test_two_problems_under_one_name_are_not_mixed(twelve: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.jsonl", problem("f0", prompt="Something else."))
    with pytest.raises(DataError, match="another problem under the task_id 'f0'"):
        mix([Part(twelve), Part(other)], tmp_path / "mixed.jsonl")


@pytest.mark.parametrize(("text", "part"), [("a.jsonl", ("a.jsonl", 1)), ("a.jsonl=2.5", ("a.jsonl", 2.5))])
def test_files_and_weights_are_read_as_typed(text: str, part: tuple[str, float]) -> None:
    assert parse_part(text) == Part(Path(part[0]), part[1])


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        parse_part("a.jsonl=0")


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()} for row in rows)
    return path


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def as_json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps(rows, indent=1))
    return path


ROWS = [{"task_id": "a", "prompt": "Write,\nin two lines, \"a\".", "tests": {"kind": "stdio", "cases": [
    {"input": "1\n", "output": "2\n"}]}, "language": "cpp"}]  # fmt: skip


@pytest.mark.parametrize("make", [as_csv, as_parquet, as_json])
def test_a_file_of_any_kind_becomes_the_same_problems(tmp_path: Path, make: Any) -> None:
    pytest.importorskip("pyarrow")
    path = make(tmp_path / f"up.{make.__name__.removeprefix('as_')}", ROWS)
    bring(path, tmp_path / "data.jsonl")
    [brought] = load_problems(tmp_path / "data.jsonl")
    assert (brought.statement, brought.tests, brought.language) == (
        ROWS[0]["prompt"], Tests.from_json(ROWS[0]["tests"]), "cpp",
    )  # fmt: skip
    assert read_manifest(tmp_path / "data.jsonl")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.jsonl", '{"task_id": "a", "prompt": "x"}\n{"task_id": "b"}\n', r"mine line 2: "),
        ("x.jsonl", '{"messages": []}\n', r"mine line 1: the chat does not end"),
        ("x.jsonl", '{"prompt": "x", "task_id": "a"}\n{"prompt": "y", "task_id": "a"}\n', "line 2: the task_id 'a'"),
        ("x.jsonl", "{", "mine line 1: not valid JSON"),
        ("x.csv", "prompt,task_id\nx\n", "mine line 2: 1 cells, and 2 columns are named"),
        ("x.csv", "prompt,prompt\nx,y\n", "mine line 1: the heads of the columns are empty or repeat"),
        ("x.parquet", "PAR0", "mine is no parquet file"),
        ("x.txt", "hello", "mine is no file of rows"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_with_the_row(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(
        DataError, match=words.replace("mine", f"mine{Path(name).suffix}", 1).replace(".txt.txt", ".txt")
    ):
        bring(tmp_path / name, tmp_path / "out.jsonl", name=f"mine{Path(name).suffix}")
    assert not (tmp_path / "out.jsonl").exists()


def test_an_edited_row_stands_where_it_stood(twelve: Path) -> None:
    rows = read_own(twelve)
    replace_row(twelve, rows[3].line, rows[3].row | {"prompt": "Changed."})
    assert [p.statement for p in load_problems(twelve)][3] == "Changed." and len(ids(twelve)) == 12


def test_a_row_that_is_broken_by_the_edit_changes_nothing(twelve: Path) -> None:
    before = twelve.read_bytes()
    with pytest.raises(DataError, match='"prompt" is missing or empty'):
        replace_row(twelve, 1, {"task_id": "f0", "prompt": "", "tests": {"kind": "none"}})
    with pytest.raises(DataError, match="the task_id 'f1' already stands on line 2"):
        replace_row(twelve, 1, {"task_id": "f1", "prompt": "x"})
    assert twelve.read_bytes() == before


def test_an_edit_of_a_prepared_file_keeps_its_manifest_true(twelve: Path) -> None:
    write_manifest(twelve, Manifest(dataset="mine", source="me", license="MIT", rows_out=12))
    add_problem(twelve, problem("new"))
    manifest = read_manifest(twelve)
    assert manifest and (manifest["license"], manifest["rows_out"]) == ("MIT", 13)


def test_a_problem_is_added_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    add_problem(path, problem("a"))
    add_problem(path, problem("b"))
    assert ids(path) == ["a", "b"]
    with pytest.raises(DataError, match="has the task_id 'a' already"):
        add_problem(path, problem("a"))


def test_a_benchmarks_problem_is_not_added(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="HumanEval/0"):
        add_problem(tmp_path / "mine.jsonl", Problem("HumanEval/0", "Write it."))


def test_a_row_reads_as_the_models_template_writes_it(twelve: Path) -> None:
    from tiny import tiny_tokenizer

    row = row_named(read_own(twelve), "f2")
    text = as_read(row, tiny_tokenizer())
    assert (
        text.startswith("<|im_start|>user\n") and "Write f2(x)" in text and "<|im_start|>assistant\n```python" in text
    )
    assert as_read(row).startswith("[user]\n")


def test_lengths_are_counted_in_characters_and_in_tokens(twelve: Path) -> None:
    from tiny import tiny_tokenizer

    characters, tokens = contents(twelve), contents(twelve, tiny_tokenizer())
    assert (characters.unit, tokens.unit) == ("characters", "tokens")
    for found in (characters, tokens):
        assert found.prompts and found.answers and sum(found.prompts.counts) == 12


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=200))
def test_a_histogram_counts_every_length_once(lengths: list[int]) -> None:
    bars = histogram(lengths)
    assert bars and sum(bars.counts) == len(lengths) and len(bars.edges) == len(bars.counts) + 1
    assert bars.edges[0] == min(lengths) and bars.edges[-1] > max(lengths) and len(bars.counts) <= 24
