"""What a run reports can be read back by the trackers' own readers, and a tracker that hangs costs the run nothing."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haloforge.children import own_environment
from haloforge.config import PrepareConfig, SftConfig
from haloforge.errors import ConfigError
from haloforge.records import Run, Sample
from haloforge.store import Report, Store
from haloforge.tracking import TRACKERS, refuse_missing_tracker, start_mirrors
from haloforge.tracking.names import Steps, told

SFT = SftConfig.parse({"model": {"name": "m"}, "data": {"train_file": "t.jsonl"}, "seed": 5})
LOSSES = [2.0, 1.5, 1.25]


def reported(store: Store) -> Run:
    """A RAFT run of one cycle with three training steps and one sample, done."""
    run = store.create_run("raft", SFT.to_json(), name="my run")
    store.claim(run.id, os.getpid())
    report = Report(store, run.id)
    for step, loss in enumerate(LOSSES, start=1):
        report.metric("train", step, {"loss": loss, "token_accuracy": 0.5, "cycle": 1})
    report.metric("cycle", 1, {"eval_pass@1": 0.25, "mean_tokens": 30.0})
    sample = Sample("p/1", 0, "text", "code()", "stop")
    store.save_samples(run.id, 1, "train", [sample])
    store.finish(run.id, "done")
    return store.run(run.id)


def told_to(name: str, store: Store, run: Run, **variables: str) -> str:
    """Mirror the whole run to one tracker; returns what the process printed."""
    words = [sys.executable, "-P", "-m", "haloforge.tracking.mirror", str(store.root), run.id, name, str(os.getpid())]
    environment = own_environment() | variables
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_tensorboard_reads_the_numbers_of_a_run(store: Store) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = reported(store)
    told_to("tensorboard", store, run)
    read = EventAccumulator(str(store.folder(run.id) / "tensorboard")).Reload()
    assert [(e.step, e.value) for e in read.Scalars("train/loss")] == list(enumerate(LOSSES, start=1))
    assert read.Scalars("completions/mean_length")[0].value == 30.0
    assert b"my run" in read.Tensors("run/text_summary")[0].tensor_proto.string_val[0]


def test_what_was_told_before_a_stop_is_not_told_again(store: Store) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = reported(store)
    told_to("tensorboard", store, run)
    Report(store, run.id).metric("train", 4, {"loss": 1.0, "cycle": 1})
    told_to("tensorboard", store, run)
    read = EventAccumulator(str(store.folder(run.id) / "tensorboard")).Reload()
    assert [e.step for e in read.Scalars("train/loss")] == [1, 2, 3, 4]


def test_trackio_reads_the_numbers_and_the_samples_of_a_run(store: Store, tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed")
    run = reported(store)
    told_to("trackio", store, run, TRACKIO_DIR=str(tmp_path), HF_HOME=str(tmp_path))
    read = (
        "import json; from trackio import Api; from trackio.sqlite_storage import SQLiteStorage\n"
        "run = Api().runs('halo-forge')[0]\n"
        "print(json.dumps([run.name, SQLiteStorage.get_logs('halo-forge', run.name)], default=str))"
    )
    environment = own_environment() | {"TRACKIO_DIR": str(tmp_path), "HF_HOME": str(tmp_path)}
    out = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, env=environment, check=False)
    assert out.returncode == 0, out.stderr
    name, history = json.loads(out.stdout.splitlines()[-1])
    assert name == run.id
    assert [row["train/loss"] for row in history if "train/loss" in row] == LOSSES


def test_mlflow_reads_the_numbers_the_settings_and_the_end_of_a_run(store: Store, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    run = reported(store)
    told_to("mlflow", store, run, MLFLOW_TRACKING_URI=(tmp_path / "mlruns").as_uri(), MLFLOW_ALLOW_FILE_STORE="true")
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    [found] = client.search_runs([client.get_experiment_by_name("halo-forge").experiment_id])
    assert (found.info.run_name, found.info.status, found.data.params["seed"]) == ("my run", "FINISHED", "5")
    history = client.get_metric_history(found.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == list(enumerate(LOSSES, start=1))


def test_weights_and_biases_keeps_an_offline_run(store: Store, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto import wandb_internal_pb2

    run = reported(store)
    told_to("wandb", store, run, WANDB_MODE="offline", WANDB_DIR=str(tmp_path))
    [file] = tmp_path.rglob("*.wandb")
    losses = []
    for line in leveldb_records(file.read_bytes()[7:], 7):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(line)
        losses += [i.value_json for i in record.history.item if (i.key or "/".join(i.nested_key)) == "train/loss"]
    assert [float(text) for text in losses] == LOSSES


def leveldb_records(data: bytes, before: int) -> Iterator[bytes]:
    """The records of a LevelDB log, which W&B's offline files are after `before` bytes of their own."""
    block, at, part = 32768, 0, b""
    while at + 7 <= len(data):
        left = block - (at + before) % block
        if left < 7:
            at += left
            continue
        size, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        part += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield part
            part = b""


def lines_of_the_log(store: Store, run: Run) -> list[str]:
    return [str(event.data["text"]) for event in store.events(run.id, kind="log")]


@pytest.mark.parametrize("name", ["trackio", "wandb", "mlflow"])
def test_a_server_that_never_answers_is_given_up_and_said_once(name: str, store: Store, tmp_path: Path) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    run = reported(store)
    impatient = (
        "import sys, os, pathlib, haloforge.tracking.mirror as m; m.S_TO_ANSWER = 3\n"
        "os._exit(m.mirror(pathlib.Path(sys.argv[1]), *sys.argv[2:], os.getppid()))"
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        urls = {"MLFLOW_TRACKING_URI": url, "TRACKIO_SERVER_URL": f"{url}/?write_token=x", "WANDB_BASE_URL": url}
        environment = own_environment() | urls | {"WANDB_API_KEY": "0" * 40, "TRACKIO_DIR": str(tmp_path)}
        words = [sys.executable, "-P", "-c", impatient, str(store.root), run.id, name]
        done = subprocess.run(words, env=environment, check=False, capture_output=True, timeout=110)
    assert done.returncode == 1, done.stderr
    [line] = lines_of_the_log(store, run)
    assert line == f"{name} is told no more of this run (no answer within 3 s); the records here are whole"


def test_a_run_does_not_wait_for_its_tracker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(110)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hidden@127.0.0.1:{silent.getsockname()[1]}")
        run = store.create_run("sft", SFT.to_json())
        store.claim(run.id, os.getpid())
        start_mirrors(store, run, ["mlflow"])
        store.finish(run.id, "done")
        silent.accept()[0].close()  # only now does the tracker ask
    while not lines_of_the_log(store, run):
        time.sleep(0.1)
    [line] = lines_of_the_log(store, run)
    assert "127.0.0.1" in line and "hidden" not in line  # the login in the address is not kept in the records
    assert store.run(run.id).status == "done"


def test_a_failing_tracker_is_said_once_in_the_log(store: Store, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run = reported(store)
    (tmp_path / "file").write_text("")
    words = [sys.executable, "-P", "-m", "haloforge.tracking.mirror", str(store.root), run.id, "tensorboard", "1"]
    environment = own_environment() | {"TENSORBOARD_LOGDIR": str(tmp_path / "file")}
    assert subprocess.run(words, env=environment, check=False, capture_output=True).returncode == 1
    [line] = lines_of_the_log(store, run)
    assert line.startswith("tensorboard is told no more of this run (")


def test_a_tracker_whose_package_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRACKERS, "wandb", ("no_such_package", ""))
    with pytest.raises(ConfigError, match=r"report_to wandb needs the package no_such_package, .*halo-forge\[wandb\]"):
        refuse_missing_tracker(["wandb"])


def test_only_stages_that_measure_something_have_trackers() -> None:
    assert SFT.report_to == ()
    assert SftConfig.parse(SFT.to_json() | {"report_to": "wandb, mlflow"}).report_to == ("wandb", "mlflow")
    with pytest.raises(ConfigError, match="report_to"):
        SftConfig.parse(SFT.to_json() | {"report_to": "comet"})
    with pytest.raises(ConfigError, match="report_to"):
        PrepareConfig.parse({"output": "x", "report_to": "wandb"})


def test_numbers_have_the_names_that_trl_gives_them() -> None:
    assert told("train", {"loss": 1.0, "token_accuracy": 0.5, "cycle": 2, "grad_norm": None}) == {
        "train/loss": 1.0,
        "train/mean_token_accuracy": 0.5,
    }


def test_steps_go_on_over_the_cycles() -> None:
    steps = Steps()
    found = [steps.of("train", step, {"cycle": cycle}) for cycle, step in ((1, 1), (1, 2), (2, 1), (2, 2))]
    assert found == [1, 2, 3, 4]
    assert steps.of("cycle", 2, {}) == 2
