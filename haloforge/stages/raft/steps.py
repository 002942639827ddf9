"""The steps of a RAFT cycle: sample, select, train, evaluate. Each is a phase that is recorded, and done once."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.stages.raft import cycles
from haloforge.stages.raft.controls import reaches, select_as_asked
from haloforge.stages.raft.cycle_plan import CyclePlan, last_trained
from haloforge.stages.raft.evaluation import standings
from haloforge.stages.raft.health import headroom
from haloforge.stages.raft.replay import replayed
from haloforge.stages.raft.selection import pool
from haloforge.stages.raft.splits import Split
from haloforge.stages.raft.sweep import sweep
from haloforge.stages.raft.training_set import lessons
from haloforge.stages.shared.engines import Engines
from haloforge.stages.shared.phases import Facts, once
from haloforge.stages.shared.sampling import Work, plan_work, sample_and_verify
from haloforge.store import Report
from haloforge.train import Training, TrainSample
from haloforge.verify import Verifier, open_verifier


@dataclass(frozen=True, slots=True)
class Loop:
    """What every phase needs."""

    config: RaftConfig
    report: Report
    split: Split
    verifier: Verifier
    engines: Engines


def sample(loop: Loop, cycle: int, plan: CyclePlan) -> None:
    """Let the model that the cycle starts from try the training problems."""
    config = loop.config.of_cycle(cycle)
    warmth, n = config.generation.model_copy(update={"temperature": plan.temperature}), config.raft.samples_per_prompt
    work = plan_work(
        loop.split.train, n, warmth, cycle=cycle, purpose="train", seed=config.seed, more=plan.more_samples
    )
    if config.verifier == loop.config.verifier:
        once(loop.report, cycle, "sample", lambda: _sample(loop, work, plan.start))
        return
    with open_verifier(config.verifier) as verifier:  # around the phase, whose cost is without it
        once(loop.report, cycle, "sample", lambda: _sample(replace(loop, verifier=verifier), work, plan.start))


def evaluate(loop: Loop, cycle: int) -> None:
    """Let the cycle's own model try the held-out problems."""
    config, n = loop.config, loop.config.evaluation.samples_per_prompt
    work = plan_work(loop.split.held_out, n, config.generation, cycle=cycle, purpose="eval", seed=config.seed)
    if loop.split.held_out:
        once(loop.report, cycle, "evaluate", lambda: _sample(loop, work, cycle))


def choose(loop: Loop, cycle: int, plan: CyclePlan) -> list[TrainSample]:
    """Give every sample of the cycle its reason to be kept or not; returns what to train on."""
    config, store, run_id = loop.config, loop.report.store, loop.report.run_id
    problems = {p.task_id: p for p in loop.split.train}
    settings = config.of_cycle(cycle).raft.model_copy(update={"reward_threshold": plan.threshold})

    def work() -> Facts:
        samples = store.samples(run_id, cycle=cycle, purpose="train")
        choices = select_as_asked(samples, problems, settings, config.seed, easiest=plan.easiest)
        store.save_selections((c.sample_id, c.kept, c.reason) for c in choices)
        reasons = Counter(str(c.reason) for c in choices)
        loop.report.metric("selection", cycle, {**reasons})
        if cycle == 1:
            shares, sentence = headroom(loop.split.train, samples)
            loop.report.metric("headroom", cycle, shares)
            loop.report.log(sentence)
        return reasons

    once(loop.report, cycle, "select", work)
    first = 1 if config.raft.start == "restart" else cycle
    samples = [store.samples(run_id, cycle=c, purpose="train", kept=True) for c in range(first, cycle + 1)]
    good = [judged for group in samples for judged in group if reaches(judged, settings)]
    kept = pool(good, problems, config.raft.max_per_prompt)
    compared = store.samples(run_id, cycle=cycle, purpose="train")
    return lessons(kept, compared, config.training.loss, config.seed)


def train(loop: Loop, cycle: int, plan: CyclePlan, chosen: list[TrainSample]) -> None:
    """Fine-tune the model that sampled, or (`start: restart`) the one that the run started from."""
    from haloforge.train.fitting import fit

    config, report = loop.config, loop.report
    training = Training(
        start=cycles.checkpoint(config, 0 if config.raft.start == "restart" else plan.start),
        settings=config.training.model_copy(update={"learning_rate": plan.learning_rate}),
        lora=config.lora,
        seed=config.seed + cycle,
        work=report.folder / f"training-cycle-{cycle}",
        target=Path(cycles.checkpoint(config, cycle)),
        stage="raft",
        cycle=cycle,
    )

    def work() -> Facts:
        loop.engines.close()
        rows = [*chosen, *replayed(config, loop.split, len(chosen), cycle)]
        trained = fit(training, rows, [], report)
        report.artifact("checkpoint", cycles.checkpoint(config, cycle), cycle=cycle)
        return {"steps": trained.steps, "loss": trained.loss, "tokens": trained.tokens, "rows": len(rows)}

    once(report, cycle, "train", work)


def try_strengths(loop: Loop) -> None:
    """Try the best adapter at part of its strength on the held-out problems."""

    def try_out(work: Work, checkpoint: str) -> None:
        sample_and_verify(loop.report, work, lambda: loop.engines.at(checkpoint), loop.verifier)

    def work() -> Facts:
        found = standings(loop.report, loop.split.held_out, last_trained(loop.report), loop.config.seed)
        sweep(loop.report, loop.config, loop.split.held_out, found, try_out)
        return {}

    once(loop.report, 0, "strengths", work)


def _sample(loop: Loop, work: Work, model_of: int) -> Facts:
    checkpoint = cycles.checkpoint(loop.config, model_of)
    sample_and_verify(loop.report, work, lambda: loop.engines.at(checkpoint), loop.verifier)
    return {"samples": work.size, "checkpoint": checkpoint}
