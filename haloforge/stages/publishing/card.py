"""A model card: every sentence and number of it comes from the records; what was not measured is said to be so."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from haloforge.config import RaftConfig
from haloforge.markup.numbers import percent, share
from haloforge.models import EMBEDDED, EMBEDDED_ON_HUB
from haloforge.records import Checkpoint, Run
from haloforge.stages.benchmark.compare import Pair, Result, tallies_of, untested_share_of
from haloforge.stages.publishing.chart import Point, cycle_chart
from haloforge.stages.publishing.history import DataSource, History, Judged, history_of
from haloforge.stages.raft.evaluation import claim_text, evaluations
from haloforge.stages.shared.costs import NOT_READABLE, Cost, costs
from haloforge.stages.shared.scores import score_name
from haloforge.store import Report, Store

CHART = "cycles.png"
"""The name of the chart, beside the card."""
NOT_EVALUATED = "Not evaluated"
_NOT_RECORDED = "not recorded"
_HUB_DATASET = re.compile(r"huggingface\.co/datasets/([\w.-]+/[\w.-]+)")


@dataclass(frozen=True, slots=True)
class Card:
    """The text, with its metadata in front, and the chart as PNG (empty where no run had cycles)."""

    text: str
    chart: bytes


def card_of(store: Store, model: str, name: str) -> Card:
    """The card of a checkpoint, under the name that it will have. Raises ModelError for what is no model."""
    from huggingface_hub import ModelCard

    history = history_of(store, model)
    run = next((run for run in reversed(history.runs) if run.stage == "raft"), None)
    points = cycle_points(store, run) if run else []
    parts = [
        f"# {name}",
        _origin(history),
        "## Scores",
        *_scores(store, history, run),
        "## Cautions",
        *_cautions(store, history),
        *(["## Cycles", *_cycles(points, run)] if run else []),
        "## Data",
        *_data(history.data),
        "## Recipe",
        *_recipe(history.runs),
        "## Cost",
        *_cost(store, history),
    ]
    text = f"---\n{_metadata(history, name)}\n---\n\n" + "\n\n".join(parts) + "\n"
    ModelCard(text)  # it refuses metadata that the Hub would
    return Card(text, cycle_chart(points, f"held-out {_cycle_score(points, store, run)}") if points and run else b"")


def cycle_points(store: Store, run: Run) -> list[Point]:
    """The held-out scores of a RAFT run's cycles."""
    series = {
        int(event.data["step"]): event.data["values"]
        for event in store.events(run.id, kind="metric")
        if event.data["name"] == "cycle" and event.data["values"].get("eval_pass@1") is not None
    }
    return [Point(c, v["eval_pass@1"], v["eval_low"], v["eval_high"]) for c, v in sorted(series.items())]


def _cycle_score(points: Sequence[Point], store: Store, run: Run) -> str:
    shares = [e.data["values"].get("untested_share", 0.0) for e in store.events(run.id, kind="metric")
              if e.data["name"] == "cycle"]  # fmt: skip
    return score_name(max(shares, default=0.0))


def _origin(history: History) -> str:
    checkpoint = history.checkpoint
    kind = "A LoRA adapter" if checkpoint.is_adapter else "A language model"
    stages = " and then ".join(dict.fromkeys(_stage(run) for run in history.runs))
    how = f"trained by {stages} with halo-forge" if history.runs else "of which halo-forge has no training run"
    revision = f" at the commit `{checkpoint.base_revision}`" if checkpoint.base_revision else ""
    cycle = f" These are the weights of cycle {checkpoint.cycle}." if checkpoint.cycle is not None else ""
    return (
        f"{kind} for code, {how}.{cycle} Base model: `{_base_name(checkpoint)}`{revision}, "
        f"licence {history.licence or _NOT_RECORDED}."
    )


def _stage(run: Run) -> str:
    return {"sft": "supervised fine-tuning", "raft": "RAFT (reward-ranked fine-tuning)"}.get(run.stage, run.stage)


def _base_name(checkpoint: Checkpoint) -> str:
    if checkpoint.base_model == EMBEDDED:
        return f"{EMBEDDED_ON_HUB} (from a 4-bit GGUF)"
    return Path(checkpoint.base_model).name if Path(checkpoint.base_model).is_absolute() else checkpoint.base_model


def _scores(store: Store, history: History, run: Run | None) -> Iterable[str]:
    if history.benchmarks:
        yield _table(("benchmark", "protocol", "score", "problems", "samples", "against the base"), [
            row for judged in history.benchmarks for row in _score_rows(judged)
        ])  # fmt: skip
        yield "Intervals are 95 % over problems; comparisons are paired on the same problems."
    else:
        yield f"{NOT_EVALUATED} on a benchmark."
    if run and (claim := _claim(store, run, history.checkpoint.cycle)):
        yield f"{claim[0].upper()}{claim[1:]}."


def _score_rows(judged: Judged) -> Iterable[tuple[str, ...]]:
    result, untested = judged.result, untested_share_of(judged.result)
    dataset, tallies = result["dataset"], tallies_of(result)
    about = f"{_name_of(dataset)} {dataset.get('split') or ''}".strip() + f" (`{dataset['sha256'][:12]}`)"
    scored = f"{sum(tally.scored > 0 for tally in tallies)} of {len(tallies)}"
    samples = str((result.get("decoding") or {}).get("samples") or max((tally.scored for tally in tallies), default=0))
    for k, estimate in result["pass_at_k"].items():
        value = f"{score_name(untested, int(k))} {_interval(estimate)}"
        pair = judged.against_base
        change = (_against(pair) if pair else NOT_EVALUATED) if k == "1" else ""
        yield about, result["protocol"], value, scored, samples, change


def _name_of(dataset: Mapping[str, Any]) -> str:
    return str(dataset.get("name") or Path(dataset["file"]).name)


def _against(pair: Pair) -> str:
    """The difference; where it is doubtful, the cautions say why."""
    return f"{pair.paired.numbers()}: {pair.verdict}" if pair.doubts else pair.sentence


def _interval(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return f"unknown ({estimate.get('method') or 'not scored'})"
    return share(estimate["value"], estimate["low"], estimate["high"])


def _claim(store: Store, run: Run, cycle: int | None) -> str:
    config, problems = RaftConfig.parse(run.config), store.problems(run.id, held_out=True)
    last = config.raft.num_cycles if cycle is None else cycle
    evaluated = evaluations(Report(store, run.id), problems, last, config)
    found = [each for each in evaluated if each.cycle == last]
    return claim_text(found[0], evaluated[0]) if found else ""


def _cautions(store: Store, history: History) -> Iterable[str]:
    found = dict.fromkeys(_cautions_of(store, history))
    yield "\n".join(f"- {caution}" for caution in found) if found else "None recorded."


def _cautions_of(store: Store, history: History) -> Iterable[str]:
    for judged in history.benchmarks:
        name = _name_of(judged.result["dataset"])
        yield from (f"{name}: {doubt}" for doubt in judged.result.get("doubts", ()))
        if untested := untested_share_of(judged.result):
            yield f"{name}: {percent(untested)} of the problems have no tests, so the score is a compile rate on these"
        if judged.against_base is None:
            yield f"{name}: the base model was not evaluated by the same protocol"
    for run in history.runs:
        if _seeds(store, run) == {run.config.get("seed")}:
            yield f"{run.stage} was run with one seed ({run.config.get('seed')}): how much chance is in it is not known"
    for source in history.data:
        if source.noncommercial:
            yield f"the data of {source.dataset or Path(source.file).name} may not be used commercially"
    for run_id in history.lost:
        yield f"the records of the training run {run_id} are gone: what it learned from is not known"


def _seeds(store: Store, run: Run) -> set[Any]:
    """The seeds of all finished runs that differ from this one in nothing but the seed and where they write."""

    def settings(other: Run) -> dict[str, Any]:
        return {key: value for key, value in other.config.items() if key not in ("seed", "output_dir")}

    same = (other for other in store.runs(stage=run.stage, status="done") if settings(other) == settings(run))
    return {run.config.get("seed"), *(other.config.get("seed") for other in same)}


def _cycles(points: Sequence[Point], run: Run | None) -> Iterable[str]:
    if not points:
        yield f"{NOT_EVALUATED}: nothing was held out."
        return
    yield f"![Held-out score of every cycle]({CHART})"
    rows = [(str(p.cycle), share(p.value, p.low, p.high)) for p in points]
    yield _table(("cycle", "held-out score"), rows)


def _data(sources: Sequence[DataSource]) -> Iterable[str]:
    if not sources:
        yield "No training data is recorded."
        return
    yield _table(("run", "file", "rows", "dataset", "licence", "SHA-256"), [
        (s.run, Path(s.file).name, str(s.rows), _dataset(s), ", ".join(s.licences) or _NOT_RECORDED, f"`{s.digest}`")
        for s in sources
    ])  # fmt: skip
    if any(s.file and s.run.startswith("raft") for s in sources):
        yield "The SHA-256 of a RAFT run is that of its problems as they were read, not of the file's bytes."


def _dataset(source: DataSource) -> str:
    revision = f" at `{source.revision[:12]}`" if source.revision else ""
    return f"{source.dataset}{revision}" if source.dataset else _NOT_RECORDED


def _recipe(runs: Sequence[Run]) -> Iterable[str]:
    """The settings as recorded; a home folder in a path is nobody's business."""
    import yaml

    for run in runs:
        text = yaml.safe_dump(dict(run.config), sort_keys=False, allow_unicode=True).replace(str(Path.home()), "~")
        yield f"`halo-forge {run.stage} train`, run {run.id}:\n\n```yaml\n{text}```"
    if not runs:
        yield "No training run is recorded."


def _cost(store: Store, history: History) -> Iterable[str]:
    spent = [(run.id, run.stage, costs(store, run.id)) for run in history.runs]
    spent += [(judged.run, "benchmark", costs(store, judged.run)) for judged in history.benchmarks]
    rows = [_cost_row(run_id, stage, phases) for run_id, stage, phases in spent if phases]
    if not rows:
        yield "No cost is recorded."
        return
    yield _table(("run", "stage", "seconds", "tokens", "energy"), rows)


def _cost_row(run_id: str, stage: str, phases: Sequence[Cost]) -> tuple[str, ...]:
    at_least = "at least " if any(cost.is_resumed for cost in phases) else ""
    tokens = sum(cost.tokens or 0 for cost in phases)
    return (
        run_id,
        stage,
        f"{at_least}{sum(cost.seconds for cost in phases):.1f}",
        str(tokens) if tokens else _NOT_RECORDED,
        _energy(phases),
    )


def _energy(phases: Sequence[Cost]) -> str:
    """Sums of those devices that were read in every phase."""
    columns = {"CPU": [cost.cpu_j for cost in phases], "GPU": [cost.gpu_j for cost in phases]}
    sums = {name: sum(v for v in values if v is not None) for name, values in columns.items() if None not in values}
    return ", ".join(f"{joules:.0f} J {name}" for name, joules in sums.items()) or NOT_READABLE


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _metadata(history: History, name: str) -> str:
    from huggingface_hub import ModelCardData

    checkpoint = history.checkpoint
    hub_name = EMBEDDED_ON_HUB if checkpoint.base_model == EMBEDDED else checkpoint.base_model
    data = ModelCardData(
        model_name=name,
        base_model=None if Path(hub_name).is_absolute() else hub_name,
        license=history.licence or None,
        library_name="peft" if checkpoint.is_adapter else "transformers",
        pipeline_tag="text-generation",
        tags=["code", "halo-forge", *(run.stage for run in history.runs)],
        datasets=sorted({hit[1] for s in history.data if (hit := _HUB_DATASET.search(s.source))}) or None,
        eval_results=[found for judged in history.benchmarks for found in _eval_results(judged.result)] or None,
    )
    text: str = data.to_yaml()
    return text.strip()


def _eval_results(result: Result) -> Iterable[Any]:
    from huggingface_hub import EvalResult

    dataset, untested = result["dataset"], untested_share_of(result)
    for k, estimate in result["pass_at_k"].items():
        if estimate["value"] is not None:
            yield EvalResult(
                task_type="text-generation",
                dataset_type=_name_of(dataset),
                dataset_name=_name_of(dataset),
                dataset_split=dataset.get("split") or None,
                dataset_revision=dataset.get("version") or None,
                metric_type=score_name(untested, int(k)),
                metric_name=f"{score_name(untested, int(k))}, protocol {result['protocol']}",
                metric_value=round(estimate["value"], 4),
            )
