"""What a release run made: its files with their sizes, how other programs load them, and the model card as text."""

from collections.abc import Iterator
from pathlib import Path

from haloforge.config import output_of
from haloforge.errors import ForgeError
from haloforge.files import read_text
from haloforge.models import resolve
from haloforge.nesting import value_at
from haloforge.records import Run
from haloforge.store import Store
from haloforge.ui.markup import Html, command_line, h, join, note, table
from haloforge.ui.widgets.code import plain

_CARD, _FILES = "README.md", "model"
_MOST_FILES, _MOST_RUNS = 60, 30
_TRANSFORMERS = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained({0!r})
tokenizer = AutoTokenizer.from_pretrained({0!r})"""
_PEFT = """from peft import AutoPeftModelForCausalLM

model = AutoPeftModelForCausalLM.from_pretrained({0!r})"""


def render(store: Store, run: Run) -> Html | None:
    """Card, files and use of a release that is done; None for other runs."""
    folder = output_of(run)
    if run.stage != "release" or run.status != "done" or folder is None:
        return None
    if not folder.is_dir():
        return note(f"What this run wrote is not in {folder} any more.", "error")
    later = next(
        (r for r in store.runs(stage="release", status="done", limit=_MOST_RUNS) if output_of(r) == folder), run
    )
    again = note("A later run wrote this folder anew; what is there now is shown.") if later.id != run.id else None
    return join([again, _use(later, folder), _files(folder), _card(folder)])


def card_run(store: Store, model: str) -> Run | None:
    """The newest release that wrote a card of this checkpoint, and whose card is still there."""
    wanted = _checkpoint(Path(), model)
    done = store.runs(stage="release", status="done", limit=_MOST_RUNS) if wanted else []
    for run in done:
        folder = output_of(run)
        has_card = value_at(run.config, "card") and folder is not None and (folder / _CARD).is_file()
        if has_card and _checkpoint(Path(run.cwd), str(value_at(run.config, "model"))) == wanted:
            return run
    return None


def _checkpoint(working: Path, name: str) -> str:
    """A name as the checkpoint that it stands for: the best cycle for a RAFT run's folder; empty where it is gone."""
    folder = working.absolute() / name
    try:
        return resolve(str(folder) if folder.is_dir() else name).path
    except ForgeError:
        return ""


def _use(run: Run, folder: Path) -> Html | None:
    ways = list(_ways(str(value_at(run.config, "format")), folder))
    if not ways:
        return None
    rows = [h("div", h("span", what, cls="muted"), how, cls="stack tight") for what, how in ways]
    return h("section", h("h3", "How to use it"), rows, cls="card stack tight", aria_label="How to use it")


def _ways(kind: str, folder: Path) -> Iterator[tuple[str, Html]]:
    """What loads the files, and the command or program for it."""
    model = folder / _FILES
    for file in sorted(model.glob("*.gguf"))[:1]:
        yield "Ollama", command_line(["ollama", "create", folder.name.lower(), "-f", str(model / "Modelfile")])
        yield "llama.cpp", command_line(["llama-server", "-m", str(file)])
    if kind == "merged":
        yield "transformers", _program(_TRANSFORMERS.format(str(model)))
    if kind == "adapter":
        yield "PEFT", _program(_PEFT.format(str(model)))


def _program(text: str) -> Html:
    copy = h("button", "Copy", cls="act", type="button", data_copy=text)
    return h("div", plain(text, label="Program"), h("div", copy, cls="row"), cls="stack tight")


def _files(folder: Path) -> Html | None:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if not found:
        return None
    rows = [
        h("tr", h("td", h("code", str(path.relative_to(folder)))), h("td", _size(path.stat().st_size), cls="num"))
        for path in found[:_MOST_FILES]
    ]
    total = _size(sum(path.stat().st_size for path in found))
    heads = ["File", h("th", "Size", scope="col", cls="num")]
    where = h("p", f"{len(found)} files, {total}, in ", h("code", str(folder)), cls="muted")
    return h("section", h("h3", "Files"), where, table(heads, rows, label="Files"), cls="card stack tight")


def _size(n: int) -> str:
    """Bytes as people read them, in decimal units as file managers show them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"


def _card(folder: Path) -> Html | None:
    """As text: a card holds names and sentences of others, and none of it may become markup here."""
    file = folder / _CARD
    if not file.is_file():
        return None
    try:
        text = read_text(file)
    except ForgeError as error:
        return note(str(error), "error")
    copy = h("button", "Copy the card", cls="act", type="button", data_copy=text)
    head = h("div", h("h3", "Model card"), copy, cls="row spread")
    return h("section", head, plain(text, label="Model card"), cls="card stack", id="card")
