"""One verdict: its chip, the outcome of each test, the compiler's output, and the reason for the reward."""

from collections import Counter

from haloforge.records import TestOutcome, Tests, Verdict
from haloforge.ui.formatting import count, number
from haloforge.ui.markup import Child, Html, facts, h
from haloforge.ui.rewards import FORGEABLE, Part, parts_of
from haloforge.ui.widgets import chips
from haloforge.ui.widgets.code import plain
from haloforge.verify import COMPILES, PASSES, RUNS

_MAX_TESTS = 200


def verdict_box(verdict: Verdict, tests: Tests | None = None, *, binary: bool = False, lesson: str = "") -> Html:
    """A verdict in full; all its text comes from outside and is escaped. `tests` are those that were run.

    `binary`: the reward is that of the binary scheme. `lesson` says whether RAFT would learn from the answer.
    """
    parts = parts_of(verdict, binary=binary)
    pairs: list[tuple[Child, Child]] = [
        ("Verdict", chips.verdict(verdict.status)),
        ("Reward", f"{number(verdict.reward)}: {reward_words(verdict)}"),
        *([("Made of", h("ol", [_part(part) for part in parts], cls="parts"))] if parts else []),
        *([("RAFT", lesson)] if lesson else []),
        ("Tests", f"{verdict.tests_passed} of {verdict.tests_total} passed" if verdict.tests_total else "none ran"),
        ("Used", f"{verdict.cpu_s:.2f} s CPU, {verdict.memory_mb:.0f} MB"),
        ("Sandbox", verdict.isolation or "not needed"),
    ]
    if verdict.forgeable:
        pairs.append(("Caution", FORGEABLE))
    return h(
        "div",
        facts(pairs),
        verdict.detail and plain(verdict.detail, label="What happened", cls="wrap short"),
        verdict.tests and tests_list(verdict.tests, test_names(tests) if tests else ()),
        verdict.diagnostics
        and _folded("Diagnostics", plain(verdict.diagnostics, label="Diagnostics", cls="wrap short")),
        cls="stack",
        style="gap:10px",
    )


def _part(part: Part) -> Html:
    """ "+0.5 compiles without warnings"; a step that did not happen, or was not reached, is faint."""
    mark = {True: "yes", False: "no", None: "not reached"}[part.happened]
    gave = f"+{number(round(part.gave, 4))}" if part.gave else "0"
    return h(
        "li", h("b", gave, cls="num"), h("span", part.what), h("span", mark, cls="good" if part.happened else "muted")
    )


def test_names(tests: Tests) -> tuple[str, ...]:
    """A line for each test, in the order of a verdict's outcomes; empty where a line cannot say it."""
    if tests.kind == "asserts":
        return (*tests.code, *tests.hidden)
    return tuple(f"input {case.input.strip()[:60]!r}" for case in tests.cases)


def tests_list(outcomes: tuple[str, ...], names: tuple[str, ...] = ()) -> Html:
    """One line per test, in order."""
    if len(names) != len(outcomes):
        names = ("",) * len(outcomes)
    rows = [
        h(
            "li",
            h("span", f"{i}", cls="num muted"),
            h("span", name),
            h("span", outcome, cls="good" if TestOutcome.from_text(outcome).passed else "bad"),
        )
        for i, (name, outcome) in enumerate(zip(names, outcomes, strict=True), 1)
    ][:_MAX_TESTS]
    more = len(outcomes) - _MAX_TESTS
    rows += [h("li", h("span", ""), h("span", f"and {count(more, 'test')} more", cls="muted"))] if more > 0 else []
    counts = Counter(TestOutcome.from_text(outcome).passed for outcome in outcomes)
    listing = h("ol", rows, cls="tests", tabindex=0, aria_label="Tests")
    return _folded(f"Test by test: {counts[True]} passed, {counts[False]} not", listing)


def reward_words(verdict: Verdict) -> str:
    """Why the reward is what it is."""
    if verdict.status == "passed":
        untested = next((words for least, words in _UNTESTED if verdict.reward < least), "")
        return untested or "all tests passed"
    if verdict.status == "wrong_answer":
        return "runs, and passes a share of its tests" if verdict.reward > RUNS else "runs, but its answers are wrong"
    if verdict.reward:
        return "compiles, but does not come to a right end"
    return _WORTHLESS.get(verdict.status, "only a pass is worth anything here")


def _folded(summary: str, content: Html) -> Html:
    return h("details", h("summary", summary), content, id=summary.split(":")[0].lower().replace(" ", "-"), open=True)


_UNTESTED = (
    (COMPILES, "compiles, with warnings; there are no tests"),
    (RUNS, "compiles without warnings; there are no tests"),
    (PASSES, "compiles and runs to a clean exit; there are no tests"),
)
_WORTHLESS = {
    "unscored": "our own machinery failed; excluded from every score",
    "compile_error": "does not compile",
    "no_code": "there is no complete program to judge",
    "violation": "breaks a rule of the sandbox",
    "exited_early": "ends before its tests do",
}
