"""What the Data tab does with the file that it shows: measure, read as a model, test the tests, edit, split, mix."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from haloforge.config import ValidateConfig
from haloforge.errors import ConfigError, DataError, ForgeError, Stopped
from haloforge.problems import SOURCES
from haloforge.stages.data import bringing, mixing, splitting
from haloforge.stages.data.contents import as_read, contents
from haloforge.stages.data.editing import replace_row
from haloforge.stages.data.own_files import OwnRow, Written
from haloforge.stages.data.validate import Validation
from haloforge.stages.data.validate import validate as validate_file
from haloforge.ui import inventory
from haloforge.ui.formatting import count
from haloforge.ui.markup import Html, h, join, link, note
from haloforge.ui.view import View, query
from haloforge.ui.widgets import chips, file_reports
from haloforge.ui.widgets.code import plain
from haloforge.ui.widgets.problems import chosen_file, chosen_row, name_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHARACTERS = "characters"
"""In the place of a model: lengths without any tokenizer."""


def said(action: Callable[[], Html]) -> Html:
    """What an action returns, or the sentence of the error that ended it."""
    try:
        return action()
    except ForgeError as error:
        return note(str(error), "error")


def measured(view: View, model: str) -> Html:
    """Lengths in characters or tokens of a model, repetitions, contamination."""
    name = chosen_file(view)

    def measure() -> Html:
        with inventory.as_file(name) as path:
            result = validate_file(path, ValidateConfig(run_solutions=False))
            found = contents(path, tokenizer_of(model)) if result.ok else None
        charts = file_reports.lengths(name, found) if found else None
        return h("div", h("h2", name, cls="mono"), charts, file_reports.findings(result), cls="stack")

    return said(measure)


def read_by(view: View, model: str) -> Html:
    """The row that is shown, through the chat template of a model."""
    name = chosen_file(view)

    def read() -> Html:
        own = chosen_row(inventory.read_rows(name), view)
        tokenizer = tokenizer_of(model)
        text = as_read(own, tokenizer)
        size = f"{len(text)} characters"
        if tokenizer is not None:
            size += f", {count(len(tokenizer(text, add_special_tokens=False)['input_ids']), 'token')} of {model}"
        head = h("div", h("h2", name_of(own), cls="mono"), h("span", size, cls="muted"), cls="row spread")
        return h("div", head, plain(text, label="As the model reads it", cls="wrap"), cls="stack")

    return said(read)


def tokenizer_of(model: str) -> "PreTrainedTokenizerBase | None":
    """The tokenizer of a model, or None for plain characters. Raises ModelError."""
    if not model or model == CHARACTERS:
        return None
    from haloforge.models import load_tokenizer

    return load_tokenizer(model)


def tests_tested(view: View) -> Iterator[Html]:
    """Every solution is run against its tests, and those tests on mutants of it: progress, then the report.

    Closing the iterator ends the work.
    """
    name, left = chosen_file(view), Event()
    news: SimpleQueue[tuple[int, int] | Validation | ForgeError | Stopped] = SimpleQueue()

    def progress(done: int, total: int) -> None:
        if left.is_set():
            raise Stopped
        news.put((done, total))

    def work() -> None:
        try:
            with inventory.as_file(name) as path:
                news.put(validate_file(path, ValidateConfig(), progress))
        except (ForgeError, Stopped) as error:
            news.put(error)

    Thread(target=work, name="test the tests", daemon=True).start()
    try:
        yield _progress(name, 0, 0)
        while True:
            item = _newest(news)
            if isinstance(item, tuple):
                yield _progress(name, *item)
            elif isinstance(item, Validation):
                yield h("div", h("h2", name, cls="mono"), file_reports.tests_report(item), cls="stack")
                return
            else:
                yield note(str(item) or "Stopped.", "error")
                return
    finally:
        left.set()


def _newest(news: "SimpleQueue[Any]") -> Any:
    """The next item; of several reports of progress that wait only the newest."""
    item = news.get()
    while isinstance(item, tuple):
        try:
            item = news.get(timeout=0.2)
        except Empty:
            break
    return item


def _progress(name: str, done: int, total: int) -> Html:
    text = f"{name}: step {done} of {total}" if total else f"{name}: starting"
    return h("div", h("p", text), chips.bar(done / total if total else 0.0), cls="note stack tight")


class Taken(NamedTuple):
    """A row that was taken into the editor: its file, its line, and how it read then."""

    file: str
    line: int
    text: str


def taken(view: View) -> Taken:
    """The row that is shown, as JSON to edit. Raises DataError where it is not there any more."""
    name = chosen_file(view)
    own = chosen_row(inventory.read_rows(name), view)
    return Taken(name, own.line, _as_text(own))


def saved(row: Taken | None, text: str, output: str) -> Html:
    """Put the edited text in the place of the row that was taken, in the file itself or in another."""

    def save() -> Html:
        if row is None:
            raise DataError("Take a row first.")
        name = own_name(row.file)
        if row.text not in [_as_text(own) for own in inventory.read_rows(name) if own.line == row.line]:
            raise DataError(f"{name} has changed since you took line {row.line}: take the row again.")
        place = inventory.own_file(output) if output and output.strip() else Path(name)
        edited = _object(text)
        return wrote("Saved", replace_row(Path(name), row.line, edited, place), str(edited.get("task_id", "")))

    return said(save)


def _as_text(own: OwnRow) -> str:
    return json.dumps(own.row, indent=2, ensure_ascii=False)


def _object(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text or "")
    except ValueError as error:
        raise DataError(f"The row is not valid JSON: {error}.") from error
    if not isinstance(row, dict):
        raise DataError("The row is not a JSON object: it begins with { and ends with }.")
    return row


def halved(view: View, share: float | None, seed: float | None, train: str, held_out: str) -> Html:
    """Split the file that is shown in two."""

    def split() -> Html:
        name = own_name(chosen_file(view))
        outputs = [inventory.own_file(typed or usual) for typed, usual in
                   zip((train, held_out), usual_halves(name), strict=True)]  # fmt: skip
        halves = splitting.split(Path(name), *outputs, share=_given("Share to hold out", share), seed=_seed(seed))
        links = [join([_to(w.path), f" has {count(w.rows, 'row')}"]) for w in (halves.train, halves.held_out)]
        return note(join([links[0], ", ", links[1], ". No family is on both sides."]), "good")

    return said(split)


def usual_halves(name: str) -> tuple[str, str]:
    """data/mine.jsonl -> data/mine-train.jsonl and data/mine-test.jsonl."""
    stem = name.removesuffix(".gz").removesuffix(".jsonl")
    return f"{stem}-train.jsonl", f"{stem}-test.jsonl"


def mixed(files: Sequence[str] | None, weights: str, rows: str, seed: float | None, output: str) -> Html:
    """One file out of several; `weights` and `rows` as typed, empty for equal weights and all that they allow."""

    def mix() -> Html:
        names = [own_name(name) for name in files or ()]
        typed = [word for word in weights.replace(",", " ").split() if word]
        if typed and len(typed) != len(names):
            raise ConfigError(f"{count(len(names), 'file')} and {count(len(typed), 'weight')}: give one per file.")
        parts = [mixing.parse_part(f"{name}={weight}") for name, weight in
                 zip(names, typed or ["1"] * len(names), strict=True)]  # fmt: skip
        if rows.strip() and not (rows.strip().isdecimal() and int(rows) > 0):
            raise ConfigError(f"Rows should be a whole number above 0, or empty (not {rows.strip()}).")
        wanted = int(rows) if rows.strip() else None
        mixture = mixing.mix(parts, inventory.own_file(output), rows=wanted, seed=_seed(seed))
        taken = ", ".join(f"{n} of {path}" for path, n in mixture.taken)
        again = f"; {count(mixture.repeated, 'row')} stood in two files and were taken once" if mixture.repeated else ""
        return wrote("Mixed", mixture.written, extra=f" ({taken}{again})")

    return said(mix)


def brought(path: str | None, output: str) -> Html:
    """A dropped file becomes a data file, or one sentence says which row is wrong."""

    def bring() -> Html:
        if not path:
            raise DataError("Drop a file first, or choose one.")
        name = Path(path).name
        stem = name.partition(".")[0]
        place = inventory.own_file(output.strip() or f"data/{stem}.jsonl")
        written = bringing.bring(Path(path), place, name=name)
        return wrote("Added", written)

    return said(bring)


def wrote(what: str, written: Written, task: str = "", extra: str = "") -> Html:
    """What was written, with a link to it."""
    return note(join([f"{what}: ", _to(written.path, task), f" has {count(written.rows, 'row')}{extra}."]), "good")


def own_name(name: str) -> str:
    """The name of a data file. Raises ConfigError for a bundled set, which nothing may change."""
    if name in SOURCES:
        raise ConfigError(f"{name} comes with the package: prepare it under Sources, and work on that file.")
    return name


def _to(path: Path, task: str = "") -> Html:
    return link(str(path), query({"tab": "data", "file": str(path), "task": task}))


def _given(label: str, value: float | None) -> float:
    if value is None:
        raise ConfigError(f"{label} is empty.")
    return float(value)


def _seed(value: float | None) -> int:
    seed = _given("Seed", value)
    if seed != int(seed) or seed < 0:
        raise ConfigError(f"Seed should be a whole number of at least 0 (not {seed:g}).")
    return int(seed)
