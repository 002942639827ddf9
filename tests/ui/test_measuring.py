"""The benchmark that is missing: of the same problems, with the same settings, found again when it is done."""

import json
from pathlib import Path

import pytest
from compared_runs import TASKS, benchmarked, raft_run

from haloforge.config import RaftConfig
from haloforge.errors import DataError
from haloforge.files import sha256_of, write_text
from haloforge.problems import load_problems
from haloforge.reports.sources import Source
from haloforge.stages.benchmark.compare import has_same_problems
from haloforge.stages.benchmark.held_out import cycle_key
from haloforge.stages.shared.reproducibility import fingerprint
from haloforge.store import Store
from haloforge.ui.checkpoints import entries, model_key
from haloforge.ui.measuring import Missing, benchmark, checkpoint, sources, under_way

SETTINGS = {"prompts": "p", "generation": {"max_new_tokens": 77}, "evaluation": {"samples_per_prompt": 3}}


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def cycle(store: Store) -> Source:
    run = raft_run(store, {0: 2, 1: 8}, config=RaftConfig.parse(SETTINGS))
    [source] = sources(store, [cycle_key(run.id, 1)], entries(store))
    assert isinstance(source, Source)
    return source


def test_the_held_out_problems_of_a_cycle_are_benchmarked_word_for_word(store: Store) -> None:
    on = cycle(store)
    config = benchmark(store, "smollm2-135m", on)
    assert (config.samples, config.generation.max_new_tokens, config.model) == (3, 77, "smollm2-135m")
    problems = load_problems(config.prompts)
    assert len(problems) == 20
    result = {"dataset": {"sha256": "file", "problems_sha256": fingerprint(problems)}}
    assert has_same_problems(on.result, result)


def test_a_result_of_the_model_on_the_same_problems_is_found(store: Store) -> None:
    benchmarked(store, "base", set(TASKS[:8]))
    benchmarked(store, "tuned", set(TASKS[:8]))
    benchmarked(store, "tuned-elsewhere", set(TASKS[:8]), sha256="other")
    known = entries(store)
    base = next(entry.key for entry in known if "base" in entry.key)
    found, gone = sources(store, [base, model_key("tuned")], known), sources(store, [base, model_key("none")], known)
    assert isinstance(found[1], Source) and found[1].name == "tuned"
    assert isinstance(gone[1], Missing) and gone[1].on.name == "base"
    assert isinstance(sources(store, [base, model_key("tuned-elsewhere")], known)[1], Missing)


def test_a_benchmark_that_is_queued_already_is_found_and_another_one_is_not(store: Store) -> None:
    config = benchmark(store, "smollm2-135m", cycle(store))
    assert under_way(store, config) is None
    run = store.create_run("benchmark", config.to_json())
    found = under_way(store, config.changed({"output": "results/other.json"}))
    assert found and found.id == run.id
    assert under_way(store, config.changed({"samples": 4})) is None


def test_problems_that_changed_since_are_refused_in_a_sentence(store: Store) -> None:
    write_text(Path("data/test.jsonl"), "{}\n")
    benchmarked(store, "base", set())
    known = entries(store)
    [on] = sources(store, [known[0].key], known)
    assert isinstance(on, Source)
    with pytest.raises(DataError, match="not as it was"):
        benchmark(store, "smollm2-135m", on)
    path = Path("results/base.json")
    changed = json.loads(path.read_text())
    changed["dataset"] |= {"sha256": sha256_of("data/test.jsonl"), "limit": 7}
    path.write_text(json.dumps(changed))
    [on] = sources(store, [known[0].key], known)
    assert isinstance(on, Source)
    config = benchmark(store, "smollm2-135m", on)
    assert (config.prompts, config.limit, config.samples) == (str(Path("data/test.jsonl").absolute()), 7, 1)
    assert Path(config.output).parent == Path("results")


def test_only_models_without_any_result_are_one_sentence(store: Store) -> None:
    with pytest.raises(DataError, match="no problems to compare them on"):
        sources(store, [model_key("x"), model_key("y")], entries(store))


def test_the_checkpoint_of_a_cycle_is_the_folder_it_left(store: Store) -> None:
    on = cycle(store)
    assert checkpoint(store, on).endswith("models/raft/cycle_1/final_model")
