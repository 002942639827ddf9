"""Killed with SIGKILL many times, the pool ends with the same tokens, none lost and none twice, in whatever slots."""

import multiprocessing
import os
import random
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from places import WHOLE
from stored_samples import ids_of
from worlds import problems

from haloforge.config import BatchedSampling
from haloforge.stages.shared.sampling import Work, plan_work
from haloforge.store import Report, Store

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "haloforge.generate.local",
        "haloforge.stages.shared.sampling",
        "transformers.models.auto.modeling_auto",
        "transformers.models.auto.tokenization_auto",
        "transformers.models.llama.modeling_llama",
    ]
)

KILLS = 30 if WHOLE else 10
SAMPLES = 40


class Doom(NamedTuple):
    """A process dies at so many steps of the model, or before or after so many writes, and has so many slots."""

    slots: int
    steps: int = -1
    writes: int = -1
    is_before: bool = True


class DoomedStore(Store):
    """A store whose process is killed at one of its writes."""

    writes_left = -1
    is_before = True

    def write(self, statements: Iterable[tuple[str, Sequence[Any]]]) -> int:
        self.writes_left -= 1
        if self.writes_left == 0 and self.is_before:
            die()
        changed = super().write(statements)
        if self.writes_left == 0:
            die()
        return changed


class DoomedReport(Report):
    """A reporter whose process is killed at one of the steps of the model, which asks it each time whether to stop."""

    steps_left = -1

    def stop_asked(self, at_cycle_end: bool = False) -> bool:
        self.steps_left -= 1
        if self.steps_left == 0:
            die()
        return super().stop_asked(at_cycle_end)


def die() -> None:
    """As the kernel ends a process that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def planned() -> Work:
    settings = BatchedSampling(max_new_tokens=30, temperature=1.0, batch_size=3, save_every=5)
    return plan_work(problems(), SAMPLES, settings, cycle=1, purpose="train", seed=5)


def work_until(taught: Path, root: Path, run_id: str, doom: Doom) -> None:
    """Sample and verify, and die where it is said; runs in a process of its own."""
    import torch

    from haloforge.generate.local import LocalEngine
    from haloforge.models import load
    from haloforge.stages.shared.sampling import sample_and_verify
    from haloforge.verify import VerifySettings, open_verifier

    torch.set_num_threads(1)
    with DoomedStore(root) as store, open_verifier(VerifySettings(workers=1)) as verifier:
        store.writes_left, store.is_before = doom.writes, doom.is_before
        report = DoomedReport(store, run_id)
        report.steps_left = doom.steps
        engine = LocalEngine(load(str(taught), device="cpu"), slots=doom.slots)
        sample_and_verify(report, planned(), lambda: engine, verifier)


def sampled(taught: Path, root: Path, dooms: Iterable[Doom]) -> tuple[int, list[tuple[Any, ...]]]:
    """Work in processes that are doomed one after the other; how many were killed, and what is in the store."""
    with Store(root) as store:
        run_id = store.create_run("raft", {}).id
    killed = 0
    for doom in dooms:
        worker = SERVER.Process(target=work_until, args=(taught, root, run_id, doom))
        worker.start()
        worker.join()
        assert worker.exitcode in (0, -signal.SIGKILL), doom
        killed += worker.exitcode != 0
    with Store(root) as store:
        found = store.samples(run_id)
        ids = ids_of(store, found)
    return killed, [
        (s.sample.task_id, s.sample.index, tokens, s.verdict and s.verdict.status)
        for s, tokens in zip(found, ids, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_pool_that_is_killed_often_gives_the_same_samples_in_other_slots_too(taught: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    dooms = []
    for number in range(KILLS):
        slots = generator.choice((1, 4, 9, 30))
        if number % 3:
            dooms.append(Doom(slots, steps=generator.randint(1, 45)))
        else:
            dooms.append(Doom(slots, writes=generator.randint(1, 12), is_before=generator.random() < 0.5))
    _, undisturbed = sampled(taught, tmp_path / "whole", [Doom(16)])
    killed, resumed = sampled(taught, tmp_path / "killed", [*dooms, Doom(5)])
    assert killed == KILLS
    assert len(resumed) == len({sample[:2] for sample in resumed}) == planned().size
    assert resumed == undisturbed
    assert {status for *_, status in resumed} >= {"passed", "wrong_answer"}
