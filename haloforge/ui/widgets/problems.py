"""The rows of a file, 50 a page, and one of them in full: a problem with its tests and its reference, or a chat."""

from collections.abc import Sequence
from typing import Any

from haloforge.errors import ForgeError
from haloforge.problems import SOURCES, read_manifest
from haloforge.records import Problem, Tests
from haloforge.stages.data.contents import chat_of
from haloforge.stages.data.own_files import OwnRow
from haloforge.store import Store
from haloforge.ui import inventory
from haloforge.ui.formatting import count
from haloforge.ui.markup import Child, Html, empty, facts, h, join, link, note, table
from haloforge.ui.view import View, number, query
from haloforge.ui.widgets.code import code, plain
from haloforge.ui.widgets.lists import PAGE_ROWS, option, pager, picker, row

_MAX_TESTS = 40


def render(store: Store, view: View) -> Html:
    """A choice of file or bundled set, its manifest, its rows, and one of them in full."""
    names = inventory.problem_sets()
    if not names:
        return empty("There is no data file yet.", "Prepare one above.")
    name, named = chosen_file(view), view.get("file")
    is_other = bool(named) and named != name
    gone = note(f"{named} is not among the data files; another one is shown.") if is_other else None
    view = {**view, "tab": "data", "file": name}
    file_picker = picker("in", "file", [_option(file, view) for file in names])
    try:
        rows = inventory.read_rows(name)
    except ForgeError as error:
        return h("section", file_picker, gone, note(str(error), "error"), cls="stack")
    chosen = chosen_row(rows, view)
    head = h("div", h("h2", "Problems"), file_picker, h("span", summary(rows), cls="muted"), cls="row")
    return h(
        "section",
        head,
        gone,
        about(name),
        h("div", _list(rows, chosen, view), _in_full(chosen, name), cls="split"),
        cls="stack",
        aria_label="Problems",
    )


def chosen_file(view: View) -> str:
    """The file or bundled set that the address names, else the first; empty where there is none."""
    names = inventory.problem_sets()
    file = view.get("file", "")
    return file if file in names else next(iter(names), "")


def chosen_row(rows: Sequence[OwnRow], view: View) -> OwnRow:
    """The row that the address names, else the first."""
    return next((own for own in rows if name_of(own) == view.get("task")), rows[0])


def name_of(own: OwnRow) -> str:
    """How the page names a row: a problem's task id, or the line."""
    return own.problem.task_id if own.problem else f"line {own.line}"


def summary(rows: Sequence[OwnRow]) -> str:
    """How many problems, in which languages, how many with a reference; and how many rows of chat or text."""
    problems = [own.problem for own in rows if own.problem]
    others = len(rows) - len(problems)
    parts = []
    if problems:
        languages = sorted({p.language for p in problems})
        references = sum(p.solution is not None for p in problems)
        found = count(len(problems), "problem")
        parts.append(f"{found} in {', '.join(languages)}; {references} with a reference solution")
    if others:
        parts.append(f"{count(others, 'row')} of chat or text, to learn from")
    return "; ".join(parts)


def about(name: str) -> Html | None:
    """Where the rows come from: the bundled set, or the manifest beside the file."""
    if name in SOURCES:
        source = SOURCES[name]
        return h("p", f"{source.note} ({source.license})", cls="muted")
    try:
        manifest = read_manifest(name)
    except ForgeError as error:
        return note(str(error), "error")
    return facts(manifest_facts(manifest)) if manifest else h("p", "No manifest lies beside this file.", cls="muted")


def manifest_facts(manifest: dict[str, Any]) -> list[tuple[str, Child]]:
    """The lines of a manifest that are shown."""
    dropped = ", ".join(f"{n} {reason}" for reason, n in manifest["dropped"].items()) or "none"
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


def _in_full(own: OwnRow, file: str) -> Html:
    return preview(own.problem, file) if own.problem else chat(own)


def chat(own: OwnRow) -> Html:
    """A row of chat or text, as what is asked and what is learned."""
    prompt, answer = chat_of(own)
    turns = [*((turn["role"], turn["content"]) for turn in prompt), ("learned" if not prompt else "assistant", answer)]
    return h(
        "article",
        h("h2", name_of(own), cls="mono"),
        [h("div", h("h3", role), plain(text, label=role, cls="wrap short")) for role, text in turns],
        cls="card stack",
        aria_label="Row",
    )


def preview(problem: Problem, file: str) -> Html:
    """Prompt, tests and reference of a problem."""
    properties = [("Language", problem.language), ("Family", problem.family), ("Split", problem.split or "none")]
    if problem.entry_point:
        properties.append(("Entry point", problem.entry_point))
    return h(
        "article",
        h("div", h("h2", problem.task_id, cls="mono"), _to_playground(problem, file), cls="row spread"),
        plain(problem.statement, label="Prompt", cls="wrap"),
        tests_box(problem.tests, problem.language),
        h("div", h("h3", "Reference"), code(problem.solution, problem.language, label="Reference"))
        if problem.solution
        else h("p", "No reference solution.", cls="muted"),
        facts(properties),
        cls="card stack",
        aria_label="Problem",
    )


def tests_box(tests: Tests, language: str) -> Html:
    """What is checked, and which tests the model may see."""
    if tests.kind == "none":
        return h("p", "No tests: compiling is the verdict.", cls="muted")
    if tests.kind == "stdio":
        shown = tests.cases[:_MAX_TESTS]
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


def _asserts(who_sees_them: str, setup: str, statements: Sequence[str]) -> Html | None:
    if not statements:
        return None
    title = f"{count(len(statements), 'test')} {who_sees_them}"
    return h(
        "div", h("h3", title), code(setup + "\n".join(statements[:_MAX_TESTS]), "python", label=title, cls="short")
    )


def _list(rows: Sequence[OwnRow], chosen: OwnRow, view: View) -> Html:
    page = min(number(view, "rows"), (len(rows) - 1) // PAGE_ROWS)
    shown = rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
    heads = ("Problem", h("th", "Language", scope="col", cls="wide"), "Tests", h("th", "Split", scope="col"))
    lines = [_row(own, view, is_chosen=own is chosen) for own in shown]
    return h("div", table(heads, lines, label="Problems", cls="walk"), pager(view, "rows", page, len(rows)))


def _row(own: OwnRow, view: View, *, is_chosen: bool) -> Html:
    problem = own.problem
    address = query({**view, "task": name_of(own)})
    name = link(name_of(own), address, aria_current="true" if is_chosen else None)
    cells = [
        h("td", name, cls="mono clip"),
        h("td", problem.language if problem else "", cls="wide"),
        h("td", how_many(problem.tests) if problem else "none: a row to learn from"),
        h("td", problem.split if problem else ""),
    ]
    return row(cells, is_chosen=is_chosen)


def how_many(tests: Tests) -> str:
    """5 asserts, 2 hidden."""
    if tests.kind == "asserts":
        hidden = f", {len(tests.hidden)} hidden" if tests.hidden else ""
        return f"{count(len(tests.code) + len(tests.hidden), 'assert')}{hidden}"
    return count(len(tests.cases), "case") if tests.kind == "stdio" else tests.kind


def _option(name: str, view: View) -> Html:
    text = f"{name} (bundled)" if name in SOURCES else name
    return option(text, query({**view, "file": name, "task": "", "rows": ""}), is_chosen=view["file"] == name)


def _to_playground(problem: Problem, file: str) -> Html:
    target = query({"tab": "playground", "from": "problem", "file": file, "task": problem.task_id})
    return link("Try in Playground", target, cls="act")
