"""The problems of a file: a list of 50 a page, and one problem with its tests and reference."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from haloforge.errors import DataError, ForgeError
from haloforge.problems import SOURCES, load_problems
from haloforge.problems.manifest import read_manifest
from haloforge.records import Problem, Tests
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.markup import Child, Html, empty, facts, h, join, link, note, table
from haloforge.ui.view import View, number, query
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.pager import PAGE, pager
from haloforge.ui.wording import count

_SHOWN_TESTS = 40
_RUN = "run "


def render(store: Store, view: View) -> Html:
    """Choose a file or a bundled set; its manifest, its problems, and one of them in full."""
    known = files()
    if not known:
        return empty("There is no data file yet.", "Prepare one above.")
    name = view.get("file") if view.get("file") in known else known[0]
    view = {**view, "tab": "data", "file": str(name)}
    picker = h("label", "in", h("select", [_option(f, view) for f in known], data_go=True, name="file"), cls="pick")
    try:
        problems = read(str(name))
    except ForgeError as error:
        return h("section", picker, note(str(error), "error"), cls="stack")
    chosen = next((p for p in problems if p.task_id == view.get("task")), problems[0])
    head = h("div", h("h2", "Problems"), picker, h("span", summary(problems), cls="muted"), cls="row")
    return h(
        "section",
        head,
        about(str(name)),
        h("div", _list(problems, chosen, view), preview(chosen, str(name)), cls="split"),
        cls="stack",
        aria_label="Problems",
    )


def files() -> list[str]:
    """What can be looked at: data files, then the sets that come with the package."""
    return [*inventory.data_files(Path()), *(s.name for s in SOURCES.values() if s.is_bundled)]


def of_run(run_id: str) -> str:
    """The name under which the problems that a run worked on can be read."""
    return f"{_RUN}{run_id}"


def read(name: str, root: Path | None = None) -> Sequence[Problem]:
    """The problems of a data file, a bundled set or a run. Raises ForgeError for what is none of these any more."""
    if name in SOURCES:
        return _bundled(name)
    if name.startswith(_RUN):
        with Store(root) as store:
            return store.problems(name.removeprefix(_RUN))
    if name not in inventory.data_files(Path()):
        raise DataError(f"{name} is not among the data files any more")
    return _read(name, Path(name).stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _bundled(name: str) -> Sequence[Problem]:
    from haloforge.problems import starter

    return list(starter.load(name))


@lru_cache(maxsize=4)
def _read(name: str, _changed: int) -> Sequence[Problem]:
    return load_problems(name)


def summary(problems: Sequence[Problem]) -> str:
    """How many there are, in which languages, with how many references."""
    languages = sorted({p.language for p in problems})
    references = sum(p.solution is not None for p in problems)
    return f"{count(len(problems), 'problem')} in {', '.join(languages)}; {references} with a reference solution"


def about(name: str) -> Html | None:
    """Where the rows come from, out of the manifest beside the file."""
    if name in SOURCES:
        source = SOURCES[name]
        return h("p", f"{source.note} ({source.license})", cls="muted")
    try:
        manifest = read_manifest(name)
    except ForgeError as error:
        return note(str(error), "error")
    return facts(manifest_facts(manifest)) if manifest else h("p", "No manifest lies beside this file.", cls="muted")


def manifest_facts(manifest: dict[str, Any]) -> list[tuple[str, Child]]:
    """The lines of a manifest that people ask for."""
    dropped = ", ".join(f"{n} {why}" for why, n in manifest["dropped"].items()) or "none"
    origin = manifest["source"] + (f" at {manifest['revision'][:12]}" if manifest["revision"] else "")
    lines: list[tuple[str, Child]] = [
        ("From", f"{manifest['dataset']} ({origin}), split {manifest['split'] or 'all'}"),
        ("Licence", manifest["license"] + (", no commercial use" if manifest["noncommercial"] else "")),
        ("Rows", f"{manifest['rows_out']} of {manifest['rows_in']}; left out: {dropped}"),
        ("sha256", h("code", manifest["sha256"][:16])),
    ]
    if manifest["is_benchmark_test"]:
        lines.append(("Caution", "a public benchmark's test split: a model trained on it has seen the test"))
    return lines


def preview(problem: Problem, file: str) -> Html:
    """Prompt, tests and reference of a problem."""
    about_it = [("Language", problem.language), ("Family", problem.family), ("Split", problem.split or "none")]
    if problem.entry_point:
        about_it.append(("Entry point", problem.entry_point))
    return h(
        "article",
        h("div", h("h2", problem.task_id, cls="mono"), _to_playground(problem, file), cls="row spread"),
        plain(problem.statement, label="Prompt", cls="wrap"),
        tests_box(problem.tests, problem.language),
        h("div", h("h3", "Reference"), code(problem.solution, problem.language, label="Reference"))
        if problem.solution
        else h("p", "No reference solution.", cls="muted"),
        facts(about_it),
        cls="card stack",
        aria_label="Problem",
    )


def tests_box(tests: Tests, language: str) -> Html:
    """What is checked, and what of it the model may see."""
    if tests.kind == "none":
        return h("p", "No tests: compiling is the verdict.", cls="muted")
    if tests.kind == "stdio":
        shown = tests.cases[:_SHOWN_TESTS]
        rows = [
            h("tr", h("td", h("pre", c.input, cls="short")), h("td", h("pre", c.output, cls="short"))) for c in shown
        ]
        title = f"{count(len(tests.cases), 'case')} of input and output, compared by {tests.compare}"
        return h("div", h("h3", title), table(("Input", "Output"), rows, label="Cases"))
    if tests.kind == "asserts":
        setup = f"{tests.setup}\n" if tests.setup else ""
        boxes = [_asserts("visible to the model", setup, tests.code), _asserts("hidden", setup, tests.hidden)]
        return join([box for box in boxes if box])
    return h(
        "div",
        h("h3", f"Tests ({tests.kind})"),
        code("\n".join(tests.code), "python" if tests.kind != "program" else language, label="Tests", cls="short"),
    )


def _asserts(words: str, setup: str, statements: Sequence[str]) -> Html | None:
    if not statements:
        return None
    title = f"{count(len(statements), 'test')} {words}"
    return h(
        "div", h("h3", title), code(setup + "\n".join(statements[:_SHOWN_TESTS]), "python", label=title, cls="short")
    )


def _list(problems: Sequence[Problem], chosen: Problem, view: View) -> Html:
    page = min(number(view, "rows"), (len(problems) - 1) // PAGE)
    shown = problems[page * PAGE : (page + 1) * PAGE]
    heads = ("Problem", h("th", "Language", scope="col", cls="wide"), "Tests", h("th", "Split", scope="col"))
    rows = [_row(p, view, on=p is chosen) for p in shown]
    return h("div", table(heads, rows, label="Problems", cls="walk"), pager(view, "rows", page, len(problems)))


def _row(problem: Problem, view: View, *, on: bool) -> Html:
    name = link(problem.task_id, query({**view, "task": problem.task_id}), aria_current="true" if on else None)
    return h(
        "tr",
        h("td", name, cls="mono clip"),
        h("td", problem.language, cls="wide"),
        h("td", how_many(problem.tests)),
        h("td", problem.split),
        data_row=True,
        cls="on" if on else None,
    )


def how_many(tests: Tests) -> str:
    """5 asserts, 2 hidden."""
    if tests.kind == "asserts":
        hidden = f", {len(tests.hidden)} hidden" if tests.hidden else ""
        return f"{count(len(tests.code) + len(tests.hidden), 'assert')}{hidden}"
    return count(len(tests.cases), "case") if tests.kind == "stdio" else tests.kind


def _option(name: str, view: View) -> Html:
    target = query({**view, "file": name, "task": "", "rows": ""})
    words = f"{name} (bundled)" if name in SOURCES else name
    return h("option", words, value=target, selected=view["file"] == name)


def _to_playground(problem: Problem, file: str) -> Html:
    target = query({"tab": "playground", "from": "problem", "file": file, "task": problem.task_id})
    return link("Try in Playground", target, cls="act")
