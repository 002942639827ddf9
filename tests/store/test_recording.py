"""Runs packed into one file and shown from another store."""

import subprocess
import sys
from pathlib import Path

import pytest
from seeded import SFT, add_samples, make_run

from haloforge.store import Report, Store


def recorded(folder: Path) -> tuple[Path, list[str]]:
    """A file with two runs, one of them with samples, verdicts and a result file."""
    with Store(folder / "first") as store:
        sft = make_run(store, SFT, "done", name="tuned")
        raft = make_run(store, status="done", parent=sft.id)
        add_samples(store, raft, ["passed", "timeout"])
        Report(store, raft.id).metric("cycle", 1, {"kept": 2})
        store.save_recording([sft.id, raft.id], {"results/before.json": "{}"}, folder / "r.json.gz")
        return folder / "r.json.gz", [sft.id, raft.id]


def test_everything_that_is_shown_of_a_run_arrives_in_a_store_that_has_runs_already(tmp_path: Path) -> None:
    file, ids = recorded(tmp_path)
    with Store(tmp_path / "first") as was, Store(tmp_path / "second") as store:
        add_samples(store, make_run(store, status="done"), ["passed"] * 3)
        assert store.load_recording(file) == ids
        for one, other in zip(was.samples(ids[1]), store.samples(ids[1]), strict=True):
            assert (one.sample.text, one.verdict) == (other.sample.text, other.verdict)
        assert [e.data for e in store.events(ids[1])] == [e.data for e in was.events(ids[1])]
        assert store.problems(ids[1]) == was.problems(ids[1])
        assert (store.run(ids[1]).parent, store.run(ids[0]).name) == (ids[0], "tuned")


def test_result_files_lie_where_the_configs_of_the_runs_say(tmp_path: Path) -> None:
    file, ids = recorded(tmp_path)
    with Store(tmp_path / "second") as store:
        store.load_recording(file)
        assert Path(store.run(ids[0]).cwd, "results/before.json").read_text() == "{}"


def test_paths_of_the_machine_that_recorded_are_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store(tmp_path / "first") as store:
        run = make_run(store, SFT, "done")
        Report(store, run.id).log(f"the model is in {tmp_path}/models/sft")
        store.save_recording([run.id], {}, tmp_path / "r.json.gz")
    with Store(tmp_path / "second") as store:
        store.load_recording(tmp_path / "r.json.gz")
        assert store.events(run.id)[0].data["text"] == "the model is in models/sft"


def test_of_two_processes_that_load_a_recording_at_once_one_does(tmp_path: Path) -> None:
    file, ids = recorded(tmp_path)
    with Store(tmp_path / "second"):
        pass
    code = "import sys; from pathlib import Path; from haloforge.store import Store\n"
    code += "with Store(Path(sys.argv[1])) as store: print(len(store.load_recording(Path(sys.argv[2]))))"
    command = [sys.executable, "-c", code, str(tmp_path / "second"), str(file)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert sorted(process.communicate()[0] for process in both) == ["0\n", "2\n"]
    with Store(tmp_path / "second") as store:
        assert store.count_runs() == 2 and len(store.events(ids[1], kind="metric")) == 1


def test_runs_that_are_there_already_stay_as_they_are(tmp_path: Path) -> None:
    file, _ = recorded(tmp_path)
    with Store(tmp_path / "first") as store:
        assert store.load_recording(file) == []
        assert store.count_runs() == 2
