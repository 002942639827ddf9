"""Runs are real processes here: done, failed, stopped, killed, resumed, queued behind each other, re-attached."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from places import ROOT
from servers import slow_openai

from haloforge import jobs
from haloforge.children import own_environment
from haloforge.config import GenerateConfig, PrepareConfig
from haloforge.errors import RunError
from haloforge.store import Store

PROMPTS = 40


@pytest.fixture
def slow_config(tmp_path: Path) -> Iterator[GenerateConfig]:
    """A stage that takes about four seconds: forty prompts to a server that takes its time, one after the other."""
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"Write function number {i}.\n" for i in range(PROMPTS)))
    with slow_openai(delay_s=0.1) as url:
        yield GenerateConfig.parse(
            {
                "prompts": str(prompts),
                "backend": "openai",
                "model": "m",
                "base_url": url,
                "output": str(tmp_path / "out.jsonl"),
                "concurrency": 1,
            }
        )


def quick_config(tmp_path: Path) -> PrepareConfig:
    return PrepareConfig.parse({"dataset": "starter", "output": str(tmp_path / "starter.jsonl")})


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def written(config: GenerateConfig) -> list[str]:
    path = Path(config.output)
    return [json.loads(line)["task_id"] for line in path.read_text().splitlines()] if path.exists() else []


def run_to_end(store: Store, run_id: str) -> str:
    worker = jobs.start_worker(store, run_id)
    for _ in jobs.follow(store, run_id):
        pass
    worker.wait()
    return store.run(run_id).status


def test_a_run_goes_from_queued_to_done_and_leaves_its_config(store: Store, tmp_path: Path) -> None:
    run = jobs.submit(store, quick_config(tmp_path))
    assert run.status == "queued"
    assert run_to_end(store, run.id) == "done"
    assert jobs.exit_code(store, run.id) == 0
    assert PrepareConfig.load(store.folder(run.id) / "config.yaml") == quick_config(tmp_path)


def test_bad_input_fails_with_one_sentence_and_exit_code_two(store: Store, tmp_path: Path) -> None:
    config = PrepareConfig.parse(
        {"dataset": "mbpp", "from_file": str(tmp_path / "none"), "output": str(tmp_path / "o")}
    )
    run = jobs.submit(store, config)
    assert run_to_end(store, run.id) == "failed"
    assert jobs.exit_code(store, run.id) == 2
    error = store.last_event(run.id, "error")
    assert error is not None and "none" in error.data["message"]
    assert "Traceback" not in jobs.log_tail(store, run.id)


def test_memory_that_pytorch_does_not_get_on_a_cpu_is_no_bug(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(config: object, report: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory")

    submitted = jobs.submit(store, quick_config(tmp_path))
    monkeypatch.setattr("haloforge.stages.load", lambda stage: SimpleNamespace(run=run))
    monkeypatch.setattr("signal.signal", lambda *about: None)
    assert jobs.work(store.root, submitted.id) == 1
    error = store.last_event(submitted.id, "error")
    assert error and error.data["message"].startswith("out of memory; lower the batch size")


def test_stop_now_saves_and_resume_finishes_with_every_answer_once(store: Store, slow_config: GenerateConfig) -> None:
    run = jobs.submit(store, slow_config)
    worker = jobs.start_worker(store, run.id)
    until(lambda: len(written(slow_config)) >= 3)
    jobs.request_stop(store, run.id, "now")
    worker.wait(60)
    assert store.run(run.id).status == "stopped"
    assert jobs.exit_code(store, run.id) == 130
    assert 3 <= len(written(slow_config)) < PROMPTS
    jobs.resume(store, run.id)
    assert run_to_end(store, run.id) == "done"
    assert len(written(slow_config)) == len(set(written(slow_config))) == PROMPTS


def test_a_killed_worker_is_interrupted_and_resumes_with_every_answer_once(
    store: Store, slow_config: GenerateConfig
) -> None:
    run = jobs.submit(store, slow_config)
    worker = jobs.start_worker(store, run.id)
    until(lambda: len(written(slow_config)) >= 3)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert [r.id for r in jobs.reconcile(store)] == [run.id]
    assert store.run(run.id).status == "interrupted"
    jobs.resume(store, run.id)
    assert run_to_end(store, run.id) == "done"
    assert len(written(slow_config)) == len(set(written(slow_config))) == PROMPTS


def test_the_kill_rung_leaves_no_process_behind(store: Store, slow_config: GenerateConfig) -> None:
    run = jobs.submit(store, slow_config)
    worker = jobs.start_worker(store, run.id)
    until(lambda: written(slow_config))
    family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    jobs.request_stop(store, run.id, "kill")
    worker.wait(20)
    assert store.run(run.id).status == "stopped"
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("delay_s", [0, 0.05, 0.2, 0.5])
def test_a_stop_at_any_moment_of_the_start_ends_as_stopped(
    delay_s: float, store: Store, slow_config: GenerateConfig
) -> None:
    run = jobs.submit(store, slow_config)
    worker = jobs.start_worker(store, run.id)
    time.sleep(delay_s)
    jobs.request_stop(store, run.id, "now")
    worker.wait(60)
    assert store.run(run.id).status == "stopped"


def test_a_finished_run_cannot_be_stopped(store: Store, tmp_path: Path) -> None:
    run = jobs.submit(store, quick_config(tmp_path))
    run_to_end(store, run.id)
    with pytest.raises(RunError, match="done already"):
        jobs.request_stop(store, run.id, "now")


def test_two_workers_for_one_run_do_its_work_once(store: Store, slow_config: GenerateConfig) -> None:
    run = jobs.submit(store, slow_config)
    workers = [jobs.start_worker(store, run.id) for _ in range(2)]
    for worker in workers:
        worker.wait(120)
    assert store.run(run.id).status == "done"
    assert len(written(slow_config)) == len(set(written(slow_config))) == PROMPTS


def test_the_trainer_runs_the_queue_one_after_the_other(store: Store, tmp_path: Path) -> None:
    runs = [jobs.submit(store, quick_config(tmp_path / str(i))) for i in range(3)]
    trainer = jobs.Trainer(store.root, poll_s=0.05)
    trainer.start()
    until(lambda: all(store.run(r.id).is_finished for r in runs))
    trainer.stop()
    ended = [store.run(r.id) for r in runs]
    assert [r.status for r in ended] == ["done"] * 3
    assert all((a.finished or 0) <= (b.started or 0) for a, b in zip(ended, ended[1:], strict=False))


def test_a_child_waits_for_its_parent(store: Store, tmp_path: Path) -> None:
    parent, child = jobs.submit_chain(store, [quick_config(tmp_path / "a"), quick_config(tmp_path / "b")])
    assert child.parent == parent.id
    found = jobs.next_queued(store)
    assert found is not None and found.id == parent.id
    store.claim(parent.id, 1)
    assert jobs.next_queued(store) is None
    store.finish(parent.id, "failed")
    assert jobs.next_queued(store) is None
    store.finish(parent.id, "done")
    found = jobs.next_queued(store)
    assert found is not None and found.id == child.id


def test_what_waits_for_a_failed_run_stops_when_that_is_deleted(store: Store, tmp_path: Path) -> None:
    parent, child = jobs.submit_chain(store, [quick_config(tmp_path / "a"), quick_config(tmp_path / "b")])
    store.finish(parent.id, "failed")
    jobs.delete(store, parent.id)
    assert store.run(child.id).status == "stopped"
    assert jobs.next_queued(store) is None


def test_what_waits_for_a_done_run_goes_on_when_that_is_deleted(store: Store, tmp_path: Path) -> None:
    parent, child = jobs.submit_chain(store, [quick_config(tmp_path / "a"), quick_config(tmp_path / "b")])
    store.finish(parent.id, "done")
    jobs.delete(store, parent.id)
    found = jobs.next_queued(store)
    assert found is not None and found.id == child.id


def test_two_apps_on_one_folder_start_a_run_once(store: Store, slow_config: GenerateConfig) -> None:
    run = jobs.submit(store, slow_config)
    trainers = [jobs.Trainer(store.root, poll_s=0.05) for _ in range(2)]
    for trainer in trainers:
        trainer.start()
    until(lambda: store.run(run.id).is_finished)
    for trainer in trainers:
        trainer.stop()
    assert len(written(slow_config)) == len(set(written(slow_config))) == PROMPTS


def test_a_run_outlives_the_process_that_started_it_and_is_followed_by_another(
    store: Store, slow_config: GenerateConfig
) -> None:
    run = jobs.submit(store, slow_config)
    starter = f"""
import pathlib, time
from haloforge import jobs
trainer = jobs.Trainer(pathlib.Path({str(store.root)!r}), poll_s=0.05)
trainer.start()
time.sleep(60)
"""
    app = subprocess.Popen([sys.executable, "-c", starter])
    until(lambda: len(written(slow_config)) >= 2)
    os.kill(app.pid, signal.SIGKILL)
    app.wait()
    assert jobs.is_alive(store, run.id)
    for _ in jobs.follow(store, run.id):
        pass
    assert store.run(run.id).status == "done"
    assert len(written(slow_config)) == PROMPTS


def test_a_second_run_on_the_same_output_is_refused_while_the_first_is_at_work(
    store: Store, slow_config: GenerateConfig
) -> None:
    queued = jobs.submit(store, slow_config)
    run = jobs.submit(store, slow_config)
    worker = jobs.start_worker(store, run.id)
    until(lambda: written(slow_config))
    with pytest.raises(RunError, match=f"run {run.id} is at work on .*out.jsonl: wait until it has ended, or give"):
        jobs.submit(store, slow_config)
    assert run_to_end(store, queued.id) == "failed"
    assert jobs.exit_code(store, queued.id) == 2
    jobs.request_stop(store, run.id, "now")
    worker.wait(60)
    assert jobs.submit(store, slow_config).status == "queued"


def test_a_run_that_began_earlier_is_not_resumed_beside_one_that_took_its_output(
    store: Store, slow_config: GenerateConfig
) -> None:
    earlier, later = jobs.submit(store, slow_config), jobs.submit(store, slow_config)
    store.claim(earlier.id, 0)
    store.finish(earlier.id, "interrupted")
    worker = jobs.start_worker(store, later.id)
    until(lambda: written(slow_config))
    assert run_to_end(store, jobs.resume(store, earlier.id).id) == "failed"
    assert jobs.exit_code(store, earlier.id) == 2
    jobs.request_stop(store, later.id, "now")
    worker.wait(60)
    assert store.run(later.id).status == "stopped"


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, full of files with the names of modules, none of which must ever be imported."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("random", "json", "typing", "torch", "haloforge"):
        (folder / f"{name}.py").write_text("raise SystemExit('this is no module')\n")
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("more", ["", os.pathsep])
def test_what_lies_in_the_users_folder_stands_for_no_module(
    store: Store, tmp_path: Path, hostile_folder: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", str(ROOT)) + more)
    run = jobs.submit(store, quick_config(tmp_path))
    assert run_to_end(store, run.id) == "done", jobs.log_tail(store, run.id)


def test_processes_of_a_worker_take_no_module_from_the_users_folder_either(hostile_folder: Path) -> None:
    code = [sys.executable, "-c", "import random, json, typing, haloforge"]
    subprocess.run(code, env=own_environment(), check=True)


def test_a_relative_entry_of_the_module_path_means_the_same_folder_in_every_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}lib{os.pathsep}")
    assert own_environment()["PYTHONPATH"].split(os.pathsep)[0] == os.path.abspath("lib")


@pytest.mark.parametrize("command", [["halo-forge"], ["python", "-P", "-m", "haloforge.cli"]])
def test_the_command_line_takes_no_module_from_the_users_folder(hostile_folder: Path, command: list[str]) -> None:
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        pytest.skip(f"{program} is not installed")
    words = ["data", "prepare", "--dataset", "starter", "--output", "starter.jsonl"]
    environment = os.environ | {"HALOFORGE_RUNS": str(hostile_folder / "runs")}
    ran = subprocess.run([program, *command[1:], *words], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0 and (hostile_folder / "starter.jsonl").is_file(), ran.stderr + ran.stdout


@pytest.mark.slow
def test_the_app_takes_no_module_from_the_folder_that_it_lies_in(hostile_folder: Path) -> None:
    (hostile_folder / "haloforge.py").unlink()  # the sources of the package may lie there
    shutil.copy(ROOT / "app.py", hostile_folder)
    environment = os.environ | {"HALOFORGE_RUNS": str(hostile_folder / "runs"), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "app.py"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as app:
        assert app.stdout is not None
        line = app.stdout.readline()
        while line and "unning on" not in line and "port" not in line:  # it serves, or its port is taken
            assert "no module" not in line
            line = app.stdout.readline()
        app.kill()
    assert line


def test_a_run_whose_folder_is_gone_fails_with_a_sentence(store: Store, tmp_path: Path) -> None:
    run = jobs.submit(store, quick_config(tmp_path))
    store.update_run(run.id, cwd=str(tmp_path / "gone"))
    jobs.step(store)
    assert store.run(run.id).status == "failed"
    error = store.last_event(run.id, "error")
    assert error is not None and "queue it again" in error.data["message"]


def test_a_run_whose_records_cannot_be_written_does_not_hold_up_the_next(store: Store, tmp_path: Path) -> None:
    blocked, free = (jobs.submit(store, quick_config(tmp_path / name)) for name in "ab")
    shutil.rmtree(store.folder(blocked.id))
    (store.root / blocked.id).write_text("a file where the folder should be")
    jobs.step(store)
    assert store.run(blocked.id).status == "failed"
    found = jobs.next_queued(store)
    assert found is not None and found.id == free.id


def test_the_trainer_survives_a_time_without_its_records(
    store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store.db.conn.execute("alter table runs rename to away")
    trainer, said = jobs.Trainer(store.root, poll_s=0.02), ""
    trainer.start()
    while "could not be read" not in said:
        said += capfd.readouterr().err
        time.sleep(0.02)
    store.db.conn.execute("alter table away rename to runs")
    run = jobs.submit(store, quick_config(tmp_path))
    until(lambda: store.run(run.id).status == "done")
    trainer.stop()
    assert (said + capfd.readouterr().err).count("could not be read") == 1


def test_the_trainer_goes_on_with_the_store_that_lies_in_the_place_of_a_deleted_one(tmp_path: Path) -> None:
    Store(tmp_path / "runs").close()
    trainer = jobs.Trainer(tmp_path / "runs", poll_s=0.02)
    trainer.start()
    until((tmp_path / "runs/trainer.lock").exists)
    shutil.rmtree(tmp_path / "runs")
    with Store(tmp_path / "runs") as store:
        run = jobs.submit(store, quick_config(tmp_path))
        until(lambda: store.run(run.id).status == "done")
    trainer.stop()


def test_the_log_tail_is_bounded(store: Store) -> None:
    run = store.create_run("sft", {})
    jobs.log_path(store, run.id).write_bytes(b"x" * 200_000 + b"end")
    assert jobs.log_tail(store, run.id, max_bytes=1000).endswith("end")
    assert len(jobs.log_tail(store, run.id, max_bytes=1000)) == 1000
