"""Token ids and log-probs in Parquet files read as from SQLite, and a process that dies leaves nothing that is read."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from haloforge import jobs
from haloforge.errors import MachineError
from haloforge.records import Sample
from haloforge.store import Store, sample_tables
from haloforge.store.shards import FOLDER

SAMPLES = [
    Sample(task, i, f"text {i}", f"x = {i}", "stop", 1, (1, 2), (*range(i), 2**31 - 1), (-0.1,) * (i + 1))
    for task in ("b", "a", "c")
    for i in range(30)
] + [Sample("no ids", 0, "", None)]


def saved(store: Store, samples: list[Sample], *, in_shard: bool, each: int = 40) -> str:
    """A run that stored the samples a few at a time."""
    run = store.create_run("raft", {}).id
    for start in range(0, len(samples), each):
        store.save_samples(run, 1, "train", samples[start : start + each], in_shard=in_shard)
    return run


def files_of(store: Store, run: str) -> list[str]:
    return sorted(path.name for path in (store.root / run / FOLDER).glob("*"))


def everything(store: Store, run: str) -> dict[str, Any]:
    """What each reader gives, without the names of rows and runs."""
    whole = store.samples(run)
    return {
        "samples": [s.sample for s in whole],
        "tokens": [(t.task_id, t.prompt_ids, t.token_ids, t.logprobs) for t in store.tokens(s.id for s in whole)],
        "nats": store.nats(run),
    }


def test_every_reader_gives_the_same_rows_from_parquet_and_from_sqlite(store: Store) -> None:
    runs = [saved(store, SAMPLES, in_shard=in_shard) for in_shard in (True, False)]
    assert files_of(store, runs[0]) == ["000001.parquet", "000002.parquet", "000003.parquet"]
    assert files_of(store, runs[1]) == []
    assert everything(store, runs[0]) == everything(store, runs[1])


def test_datasets_reads_the_files(store: Store, tmp_path: Path) -> None:
    from datasets import load_dataset

    run = saved(store, SAMPLES, in_shard=True)
    files = str(store.root / run / FOLDER / "*.parquet")
    rows = list(load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path)))
    assert [(r["task_id"], r["index"], r["token_ids"]) for r in rows] == [
        (s.task_id, s.index, list(s.token_ids)) for s in SAMPLES
    ]
    assert {(r["cycle"], r["purpose"]) for r in rows} == {(1, "train")}


def test_what_a_killed_process_left_is_not_read_and_is_replaced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> Iterator[None]:
        raise KeyboardInterrupt

    run = saved(store, SAMPLES[:40], in_shard=True)
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(sample_tables, "sample_row", killed)
        store.save_samples(run, 1, "train", SAMPLES[60:], in_shard=True)
    (store.root / run / FOLDER / "000002.part").write_bytes(b"torn")
    assert files_of(store, run) == ["000001.parquet", "000002.parquet", "000002.part"]
    assert store.count_samples(run) == 40
    store.save_samples(run, 1, "train", SAMPLES[40:], in_shard=True)
    assert files_of(store, run) == ["000001.parquet", "000002.parquet"]
    assert everything(store, run) == everything(store, saved(store, SAMPLES, in_shard=False))


def test_a_sample_that_is_there_stays_in_its_shard(store: Store) -> None:
    run = saved(store, SAMPLES[:2], in_shard=True)
    store.save_samples(run, 1, "train", [SAMPLES[2], SAMPLES[0]], in_shard=True)
    assert everything(store, run) == everything(store, saved(store, SAMPLES[:3], in_shard=False))


def test_a_shard_that_is_gone_or_broken_is_named(store: Store) -> None:
    run = saved(store, SAMPLES[:4], in_shard=True)
    path = store.root / run / FOLDER / "000001.parquet"
    path.write_bytes(b"broken")
    with pytest.raises(MachineError, match=r"cannot be read from .*000001\.parquet \(.*put the file back"):
        list(store.tokens(s.id for s in store.samples(run)))
    path.unlink()
    with pytest.raises(MachineError, match=r"cannot be read from .*000001\.parquet \(.*does not exist"):
        store.nats(run)


def test_a_run_is_deleted_with_its_shards(store: Store) -> None:
    run = saved(store, SAMPLES[:4], in_shard=True)
    store.finish(run, "done")
    jobs.delete(store, run)
    assert not (store.root / run).exists()


def test_whatever_byte_of_a_shard_changed_no_wrong_number_is_read(store: Store) -> None:
    run = saved(store, SAMPLES[:40], in_shard=True)
    path = store.root / run / FOLDER / "000001.parquet"
    whole, right = path.read_bytes(), everything(store, run)
    for at in range(0, len(whole), 29):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with suppress(MachineError):
            assert everything(store, run) == right, at


def test_a_shard_of_other_samples_is_refused(store: Store) -> None:
    run, other = (saved(store, samples, in_shard=True) for samples in (SAMPLES[:4], SAMPLES[3::-1]))
    older, newer = (store.root / name / FOLDER / "000001.parquet" for name in (other, run))
    older.replace(newer)
    with pytest.raises(MachineError, match="it holds other samples than the database says"):
        store.nats(run)


def test_what_shows_samples_needs_no_shard(store: Store) -> None:
    run = saved(store, SAMPLES[:4], in_shard=True)
    (store.root / run / FOLDER / "000001.parquet").unlink()
    texts = [s.text for s in SAMPLES[:4]]
    assert [s.sample.text for s in store.whole_samples(run)] == texts
    assert [s.sample.text for s in store.sample_page(run).samples] == texts[::-1]
    assert store.sample(1) == store.samples(run)[0]
