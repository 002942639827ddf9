"""Runs packed into one file and shown from another store."""

from pathlib import Path

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


def test_runs_that_are_there_already_stay_as_they_are(tmp_path: Path) -> None:
    file, _ = recorded(tmp_path)
    with Store(tmp_path / "first") as store:
        assert store.load_recording(file) == []
        assert store.count_runs() == 2
