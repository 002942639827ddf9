"""`data generate --verify`: what passes becomes data, each program once; everything else is kept in the records."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, Reply, openai_reply, serving
from tiny import save_tiny_model

from haloforge.config import GenerateConfig
from haloforge.errors import BackendError, ConfigError, DataError, RunError, Stopped, VerifierError
from haloforge.files import read_jsonl, write_jsonl
from haloforge.problems import load_training_rows, read_manifest, write_manifest
from haloforge.problems.manifest import Manifest
from haloforge.records import Problem, Tests
from haloforge.stages import load
from haloforge.stages.data import generate
from haloforge.stages.shared.earlier import earlier_run
from haloforge.store import Report, Store

ANSWERS = {
    "right": "def add(a, b):\n    return a + b",
    "right too": "def add(a, b):\n    return b + a",
    "right again": "def add(a, b):\n    return a + b  # the sum",
    "wrong": "def add(a, b):\n    return a - b",
    "broken": "def add(a, b) return",
}
SCRIPT = ["right", "wrong", "right again", "right too"]


@pytest.fixture
def report(store: Store) -> Report:
    return Report(store, store.create_run("data-generate", {}).id)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    tests = Tests("asserts", code=("assert add(1, 2) == 3",))
    rows = [Problem(f"p/{n}", f"Write add {n}.", entry_point="add", tests=tests).to_json() for n in range(3)]
    write_jsonl(tmp_path / "problems.jsonl", rows)
    return tmp_path / "problems.jsonl"


def answer(name: str) -> Reply:
    return openai_reply(f"```python\n{ANSWERS[name]}\n```")


def scripted(number: int, row: dict[str, Any]) -> Reply:
    """The third problem is answered wrongly by every answer, the others by each answer of the script in turn."""
    asked = row["messages"][-1]["content"]
    asked_before[asked] = asked_before.get(asked, -1) + 1
    return answer("wrong" if "add 2" in asked else SCRIPT[asked_before[asked] % len(SCRIPT)])


asked_before: dict[str, int] = {}


@pytest.fixture(autouse=True)
def nothing_asked_yet() -> None:
    asked_before.clear()


def config(server: ChatServer, prompts: Path, **more: Any) -> GenerateConfig:
    settings = {
        "prompts": str(prompts),
        "backend": "ollama",
        "model": "m",
        "base_url": f"{server.url}/v1",
        "output": str(prompts.parent / "out.jsonl"),
        "verify": True,
        "samples": 4,
        "concurrency": 1,
        "verifier.workers": 1,
    }
    return GenerateConfig.load(None, settings | more)


Answers = Callable[[int, dict[str, Any]], Reply]
Run = Callable[..., int]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs it to its end with a server that stays where it is; returns how many requests that got."""
    answers: list[Answers] = []

    def to_end(prompts: Path, report: Report, reply: Answers = scripted, **more: Any) -> int:
        answers.append(reply)
        before = len(server.requests)
        generate.run(config(server, prompts, **more), report)
        return len(server.requests) - before

    with serving(lambda number, row: answers[-1](number, row)) as server:
        yield to_end


def test_what_passes_is_written_once_as_rows_that_sft_reads(run: Run, problems: Path, report: Report) -> None:
    run(problems, report)
    learned = load_training_rows(problems.parent / "out.jsonl")
    assert not learned.skipped
    solutions = [(row.problem.task_id, (row.problem.solution or "").strip()) for row in learned.rows if row.problem]
    assert solutions == [(f"p/{n}", ANSWERS[name]) for n in (0, 1) for name in ("right", "right too")]
    assert all(row.problem and row.problem.tests.code == ("assert add(1, 2) == 3",) for row in learned.rows)


def test_the_manifest_counts_what_was_tried_and_passed_for_every_problem(
    run: Run, problems: Path, report: Report
) -> None:
    run(problems, report)
    manifest = read_manifest(problems.parent / "out.jsonl")
    assert manifest is not None
    assert (manifest["rows_in"], manifest["rows_out"]) == (12, 4)
    assert manifest["dropped"] == {"wrong_answer": 6, "the same program again": 2}
    half = {"tried": 4, "passed": 3, "written": 2}
    assert manifest["details"]["problems"] == {"p/0": half, "p/1": half, "p/2": {"tried": 4, "passed": 0, "written": 0}}
    assert manifest["details"]["verifier"]["type"] == "auto"


def test_the_rest_is_in_the_records_of_the_run(run: Run, problems: Path, report: Report) -> None:
    run(problems, report)
    samples = list(report.store.whole_samples(report.run_id, purpose="data"))
    assert len(samples) == 12 and all(stored.verdict for stored in samples)
    assert report.store.problem(report.run_id, "p/2") is not None


def test_progress_tells_sampling_and_verifying_and_ends_with_the_sum(run: Run, problems: Path, report: Report) -> None:
    run(problems, report)
    progress = [e.data for e in report.store.events(report.run_id, kind="progress")]
    assert {"sample", "verify"} <= {data["phase"] for data in progress}
    assert (progress[-1]["done"], progress[-1]["total"]) == (12, 12)
    (last,) = [e.data["text"] for e in report.store.events(report.run_id, kind="log")][-1:]
    assert last.startswith("6 of 12 answers passed; 4 are written, for 2 of 3 problems (left out: wrong_answer 6, the")


def test_a_stopped_run_goes_on_with_what_is_missing(run: Run, problems: Path, report: Report, store: Store) -> None:
    def stop_at_seven(number: int, row: dict[str, Any]) -> Reply:
        if number == 7:
            report.interrupt()
        return scripted(number, row)

    with pytest.raises(Stopped):
        run(problems, report, stop_at_seven)
    assert not (problems.parent / "out.jsonl").exists()
    kept = store.count_samples(report.run_id)
    again = Report(store, report.run_id)
    assert run(problems, again) == 12 - kept and store.count_samples(report.run_id) == 12
    assert run(problems, again) == 0


def test_a_request_that_was_not_answered_is_asked_again_on_resume(
    run: Run, problems: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haloforge.generate import transport

    monkeypatch.setattr(transport, "_LONGEST_WAIT_S", 0.01)

    def failing_for_one(number: int, row: dict[str, Any]) -> Reply:
        return Reply(503, "busy") if "add 2" in row["messages"][-1]["content"] else scripted(number, row)

    with pytest.raises(BackendError, match="requests were not answered; resume this run to ask only those again"):
        run(problems, report, failing_for_one, **{"generation.max_new_tokens": 64})
    run(problems, report, **{"generation.max_new_tokens": 64})
    assert report.store.count_samples(report.run_id) == 12
    assert report.store.count_samples(report.run_id, status="wrong_answer") > 0


def test_other_settings_do_not_go_on_with_the_same_samples(run: Run, problems: Path, report: Report) -> None:
    run(problems, report)
    with pytest.raises(RunError, match="generation.temperature changed"):
        run(problems, report, **{"generation.temperature": 0.1})


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(
    run: Run, problems: Path, report: Report, store: Store
) -> None:
    output = problems.parent / "out.jsonl"
    output.write_text("mine\n")
    with serving(scripted) as server:
        settings = config(server, problems)
        for refuse in (generate.dry_run, load("data-generate").check_output, lambda c: generate.run(c, report)):
            with pytest.raises(ConfigError, match="out.jsonl is there already.*--overwrite to replace it"):
                refuse(settings)
        assert server.requests == [] and output.read_text() == "mine\n"
    run(problems, Report(store, store.create_run("data-generate", {}).id), overwrite=True)
    assert len(list(read_jsonl(output))) == 4


def test_a_run_that_was_killed_while_it_wrote_writes_again(
    run: Run, problems: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haloforge.stages.data import verified

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(verified, "write_manifest", kill)
        run(problems, report)
    assert run(problems, report) == 0
    assert read_manifest(problems.parent / "out.jsonl") is not None


def test_when_nothing_passes_nothing_is_written_and_it_is_said_why(run: Run, problems: Path, report: Report) -> None:
    with pytest.raises(
        DataError, match=r"0 of 12 answers passed; .*\(left out: compile_error 12\); all of them stay in"
    ):
        run(problems, report, lambda n, row: answer("broken"))
    assert not (problems.parent / "out.jsonl").exists()


def test_an_answer_that_was_cut_is_not_written_even_where_it_passes(run: Run, problems: Path, report: Report) -> None:
    def cut(number: int, row: dict[str, Any]) -> Reply:
        return openai_reply(f"```python\n{ANSWERS['right']}\n```", "length" if number else "stop")

    run(problems, report, cut)
    manifest = read_manifest(problems.parent / "out.jsonl")
    assert manifest is not None and manifest["dropped"] == {"cut at max_new_tokens": 11}


def test_verdicts_that_could_be_forged_are_refused_before_anything_is_asked_unless_accepted(
    run: Run, problems: Path, report: Report, store: Store
) -> None:
    custom = {"verifier.type": "custom", "verifier.command": [sys.executable, "-c", "", "{file}"]}
    with serving(scripted) as server:
        for attempt in (generate.dry_run, lambda c: generate.run(c, report)):
            with pytest.raises(VerifierError, match="data generate --verify leaves out verdicts that a solution could"):
                attempt(config(server, problems, **custom))
        assert server.requests == []
    for said in ("unforgeable", "accept_forgeable"):
        answers = Report(store, store.create_run("data-generate", {}).id)
        run(problems, answers, **custom, **{f"verifier.{said}": True, "overwrite": True})
        assert len(list(read_jsonl(problems.parent / "out.jsonl"))) > 0


def test_a_local_model_is_verified_too_and_resumes_without_loading_it_again(
    tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(tmp_path / "p.jsonl", [Problem("p/1", "Say anything.", language="python").to_json()])
    settings = GenerateConfig.load(
        None,
        {
            "prompts": str(tmp_path / "p.jsonl"),
            "model": str(save_tiny_model(tmp_path / "tiny")),
            "output": str(tmp_path / "out.jsonl"),
            "verify": True,
            "samples": 2,
            "generation.max_new_tokens": 8,
        },
    )
    with pytest.raises(DataError, match="0 of 2 answers passed"):
        generate.run(settings, report)
    monkeypatch.setattr("haloforge.stages.data.verified.engine_of", lambda *_: pytest.fail("loaded again"))
    with pytest.raises(DataError, match="0 of 2 answers passed"):
        generate.run(settings, report)


def test_the_dry_run_says_what_would_be_verified_and_cautions(problems: Path, tmp_path: Path) -> None:
    with serving(scripted) as server:
        lines = generate.dry_run(config(server, problems))
        assert any("verify all 12 and write those that pass, each program once" in line for line in lines)
        assert not any("caution" in line for line in lines)
        (tmp_path / "lines.txt").write_text("Write add.\n")
        lines = generate.dry_run(config(server, tmp_path / "lines.txt"))
        assert any(line.startswith("caution: the problems to train on have no tests") for line in lines)
        assert server.requests == []


def test_prompts_of_a_public_benchmark_are_cautioned_against_and_marked_as_no_training_data(
    run: Run, shared_data: Path, tmp_path: Path, report: Report
) -> None:
    rows = [row for _, row in read_jsonl(shared_data / "mbpp" / "mbpp.jsonl")][10:12]
    write_jsonl(tmp_path / "mbpp.jsonl", rows)
    write_manifest(tmp_path / "mbpp.jsonl", Manifest(dataset="mbpp", source="test", is_benchmark_test=True))
    code = {row["text"]: row["code"] for row in rows}

    def solved(number: int, row: dict[str, Any]) -> Reply:
        asked = row["messages"][-1]["content"]
        return openai_reply(next(f"```python\n{c}\n```" for text, c in code.items() if text[:40] in asked))

    run(tmp_path / "mbpp.jsonl", report, solved, samples=1)
    assert any("2 benchmark tasks are" in e.data["text"] for e in report.store.events(report.run_id, kind="log"))
    manifest = read_manifest(tmp_path / "out.jsonl")
    assert manifest is not None and manifest["is_benchmark_test"] and not manifest["for_training"]


def test_answers_that_nobody_verified_are_not_added_to_those_that_passed(
    run: Run, problems: Path, report: Report
) -> None:
    run(problems, report)
    with pytest.raises(DataError, match="holds answers that passed verification; name another output"):
        run(problems, report, verify=False, samples=9)


def test_how_fast_a_server_answered_says_nothing_about_this_machine(
    run: Run, problems: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALOFORGE_RUNS", str(store.root))
    settings = {"backend": "ollama", "model": "smollm2-135m"}
    run(problems, Report(store, store.create_run("data-generate", settings).id), model="smollm2-135m")
    assert earlier_run("smollm2-135m", None) is None


def test_overwrite_without_verify_is_refused() -> None:
    with pytest.raises(ConfigError, match="overwrite goes with verify"):
        GenerateConfig.load(None, {"prompts": "p", "model": "m", "overwrite": True})
