"""What only a run at work has: its newest samples, and what it uses of the machine."""

from haloforge.records import Run
from haloforge.store import Store, StoredSample
from haloforge.ui import machine
from haloforge.ui.formatting import number, percent
from haloforge.ui.markup import Html, h, join, link
from haloforge.ui.view import query
from haloforge.ui.widgets import chips

_NEWEST = 8
_GIB = 2**30


def newest_samples(store: Store, run: Run) -> Html | None:
    """The samples that came last, each a link, with their verdicts; None before the first."""
    samples = store.sample_page(run.id).samples[:_NEWEST]
    if not samples:
        return None
    every = link("All samples", query({"tab": "runs", "run": run.id}, section="samples"), cls="act")
    head = h("div", h("h3", "Newest samples"), every, cls="row spread")
    return h(
        "section",
        head,
        h("ol", [_sample(run, judged) for judged in samples], cls="newest"),
        cls="card",
        aria_label="Newest samples",
    )


def machine_line(run: Run) -> Html | None:
    """CPU, memory and GPUs of the worker; None where that cannot be seen from here."""
    use = machine.use_of(run.pid)
    if use is None:
        return None
    parts = [f"memory {use.memory / _GIB:.1f} of {use.memory_total / _GIB:.0f} GiB"]
    if use.cores is not None:
        parts.insert(0, f"CPU {use.cores:.1f} cores")
    for gpu in use.gpus:
        memory = f"{gpu.memory / _GIB:.1f} of {gpu.memory_total / _GIB:.0f} GiB"
        parts.append(f"GPU {gpu.name} {percent(gpu.busy, 0)} busy, {memory}")
    return h(
        "p",
        h("span", "Worker uses ", cls="muted"),
        join([h("span", part) for part in parts], between=", "),
        cls="machine",
    )


def _sample(run: Run, judged: StoredSample) -> Html:
    sample, verdict = judged.sample, judged.verdict
    address = query({"tab": "runs", "run": run.id}, section="samples", sample=judged.id)
    first = next((line for line in (sample.code or "").splitlines() if line.strip()), "")
    return h(
        "li",
        chips.verdict(verdict.status if verdict else None),
        link(f"{sample.task_id} #{sample.index}", address, cls="mono"),
        h("code", first, cls="muted"),
        h("span", number(verdict.reward) if verdict else "", cls="num"),
    )
