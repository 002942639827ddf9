"""The model card says what the records say, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlite_utils
import yaml
from huggingface_hub import ModelCard
from PIL import Image
from recorded_cycles import record
from tiny import save_tiny_model
from worlds import benchmark_config, problems, raft_config

from haloforge.errors import ConfigError
from haloforge.models import Metadata, write_metadata
from haloforge.stages.benchmark import compare
from haloforge.stages.benchmark.judged_model import judged_model
from haloforge.stages.benchmark.results import make_result, write_result
from haloforge.stages.publishing.card import CHART, Card, card_of
from haloforge.stages.publishing.files import card_name, write_card
from haloforge.stages.raft.cycle_report import report_cycle
from haloforge.stages.raft.inputs import record_inputs
from haloforge.stages.raft.splits import read_split
from haloforge.stages.shared.costs import costs
from haloforge.stages.shared.phases import measured
from haloforge.store import Report, Store

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w.]*[a-zA-Z_])")


class World(NamedTuple):
    """A store with one RAFT run, benchmarks of its base and of its last cycle, and the card of that cycle."""

    root: Path
    model: Path
    run: str
    results: list[Path]
    card: Card


def judge(store: Store, model: Path, prompts: Path, passes: int) -> Path:
    """A benchmark run of which everything is recorded: of four samples of each problem so many pass."""
    config = benchmark_config(model, prompts, output=str(prompts / f"{model.parent.name}-{passes}.json"))
    report = Report(store, store.create_run("benchmark", config.to_json()).id)
    store.save_problems(report.run_id, problems(), held_out=True)
    measured(report, 0, "sample", lambda: {"samples": 32})
    record(report, 0, "benchmark", {p.task_id: [i < passes for i in range(4)] for p in problems()})
    result = make_result(config, problems(), report, judged_model(config, report))
    measured(report, 0, "write", lambda: write_result(config, result, problems(), report))
    store.finish(report.run_id, "done")
    return Path(config.output)


def train(store: Store, base: Path, folder: Path) -> Path:
    """A RAFT run of one cycle, as its records and the checkpoint that it left."""
    config = raft_config(base, folder, **{"raft.num_cycles": 1})
    report = Report(store, store.create_run("raft", config.to_json()).id)
    split = read_split(config.prompts, config.evaluation, config.seed, "python")
    record_inputs(config, report, split)
    for cycle in (0, 1):
        record(report, cycle, "eval", {p.task_id: [True] * (1 + cycle) + [False] for p in split.held_out})
        if cycle:
            record(report, cycle, "train", {p.task_id: [True, False] for p in split.train})
            measured(report, cycle, "train", lambda: {"tokens": 1234})
        report_cycle(report, config, split, cycle)
    model = folder / "out" / "cycle_1" / "final_model"
    model.mkdir(parents=True)
    (model / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    write_metadata(model, Metadata(str(base), str(base), report.run_id, "raft", 1))
    store.finish(report.run_id, "done")
    return model


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Records alone: nothing is sampled or trained."""
    folder = tmp_path_factory.mktemp("card")
    base = folder / "base"
    base.mkdir()
    (base / "config.json").write_text("{}")
    with Store(folder / "runs") as store:
        model = train(store, base, folder)
        results = [judge(store, base, folder, 1), judge(store, model, folder, 3)]
        (run,) = store.runs(stage="raft")
        return World(folder / "runs", model, run.id, results, card_of(store, str(model), "small"))


def numbers(value: Any) -> Iterator[float]:
    """Every number in a value as JSON has it, also those inside of texts."""
    match value:
        case bool() | None:
            return
        case int() | float():
            yield value
        case str():
            yield from (float(found) for found in NUMBER.findall(value))
        case dict():
            for key, inner in value.items():
                yield from numbers(key)
                yield from numbers(inner)
        case list() | tuple():
            for inner in value:
                yield from numbers(inner)


def recorded(world: World) -> set[float]:
    """Every number of the store and the result files, what `benchmark compare` says, and the costs of the runs."""
    database = sqlite_utils.Database(world.root / "haloforge.db")
    tables = {name: [dict(row) for row in database[name].rows] for name in database.table_names()}
    found = set(numbers([_parsed(row) for rows in tables.values() for row in rows]))
    found |= set(numbers([json.loads(path.read_text()) for path in world.results]))
    found |= set(numbers(compare(world.results).to_json()))
    with Store(world.root) as store:
        for run in store.runs():
            spent = costs(store, run.id)
            found |= {sum(c.seconds for c in spent), sum(c.tokens or 0 for c in spent)}
            found |= {len(store.problems(run.id, held_out=side)) for side in (True, False)}
    return found


def _parsed(row: dict[str, Any]) -> list[Any]:
    return [_json(value) for value in row.values()]


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def test_every_number_of_the_card_stands_in_the_records(world: World) -> None:
    known = recorded(world)
    known |= {100 * share for share in known if abs(share) <= 1} | {95}  # shares in per cent, as every interval is
    _, _, body = world.card.text.partition("\n---\n")
    found = NUMBER.findall(re.sub(r"`[^`\n]*`|SHA-256|" + "|".join(run_ids(world)), "", body))
    assert len(found) > 40
    missing = [number for number in found if not _is_known(number, known)]
    assert missing == []


def run_ids(world: World) -> list[str]:
    """A run's id holds the time of its start: digits that are no figure (at night "022201" is not even a number)."""
    with Store(world.root) as store:
        return [run.id for run in store.runs()]


def _is_known(number: str, known: set[float]) -> bool:
    if "e" in number:
        return any(f"{value:.2g}" == number for value in known) or float(number) in known
    decimals = len(number.partition(".")[2])
    return any(f"{abs(value):.{decimals}f}" == number.lstrip("+-") for value in known) or any(
        f"{value:.2g}" == number for value in known
    )


def test_a_number_that_is_in_no_record_would_be_noticed(world: World) -> None:
    assert not _is_known("0.98765", recorded(world))


def test_the_hub_reads_the_scores_of_the_metadata(world: World) -> None:
    data = ModelCard(world.card.text).data
    result = json.loads(world.results[1].read_text())
    assert (data.model_name, data.library_name) == ("small", "peft")
    assert {e.metric_type: e.metric_value for e in data.eval_results} == {
        f"pass@{k}": round(estimate["value"], 4) for k, estimate in result["pass_at_k"].items()
    }


def test_the_benchmark_is_compared_with_the_base_on_the_same_problems(world: World) -> None:
    pair = compare(world.results).pairs[0]
    assert pair.doubts and f"{pair.paired.numbers()}: doubtful" in result_line(world, "pass@1")  # trained on the test
    assert result_line(world, "pass@1").count("[") == 2


def result_line(world: World, score: str) -> str:
    return next(line for line in world.card.text.splitlines() if line.startswith("|") and score in line)


def test_the_recipe_is_the_settings_of_the_run(world: World) -> None:
    recipe = re.search(r"```yaml\n(.*?)```", world.card.text, re.S)
    assert recipe
    with Store(world.root) as store:
        config = json.loads(json.dumps(store.run(world.run).config).replace(str(Path.home()), "~"))
    assert yaml.safe_load(recipe[1]) == config


def test_one_seed_is_a_caution(world: World) -> None:
    cautions = world.card.text.partition("## Cautions")[2].partition("## ")[0]
    assert "raft was run with one seed" in cautions


def test_the_chart_is_an_image_beside_the_card(world: World, tmp_path: Path) -> None:
    write_card(world.card, tmp_path / "README.md")
    assert f"({CHART})" in (tmp_path / "README.md").read_text()
    assert Image.open(tmp_path / CHART).size == (1200, 600)
    with pytest.raises(ConfigError, match="is there already"):
        write_card(world.card, tmp_path / "README.md")


def test_a_model_that_nobody_judged_or_trained_here_says_so(store: Store, tmp_path: Path) -> None:
    card = card_of(store, str(save_tiny_model(tmp_path / "model")), "mine")
    for words in ("Not evaluated on a benchmark", "licence not recorded", "no training run", "No cost is recorded"):
        assert words in card.text
    assert not ModelCard(card.text).data.eval_results


def test_the_licence_of_a_base_is_what_its_readme_says(store: Store, tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "model")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    card = card_of(store, str(folder), "mine")
    assert "licence mit" in card.text and ModelCard(card.text).data.license == "mit"


def test_a_card_is_named_after_the_output_of_its_run(world: World) -> None:
    assert card_name(str(world.model)) == "out"
