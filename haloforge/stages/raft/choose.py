"""The select step of a RAFT cycle: every sample gets its reason to be kept or not, and the kept ones are trained on."""

from collections import Counter

from haloforge.stages.raft.controls import reaches, select_as_asked
from haloforge.stages.raft.cycle_plan import CyclePlan
from haloforge.stages.raft.health import headroom
from haloforge.stages.raft.selection import pool
from haloforge.stages.raft.steps import Setup
from haloforge.stages.raft.training_set import training_samples
from haloforge.stages.shared.phases import Facts, once
from haloforge.train.examples import TrainSample


def choose(setup: Setup, cycle: int, plan: CyclePlan) -> list[TrainSample]:
    """Give every sample of the cycle its reason to be kept or not; returns what to train on."""
    config, store, run_id = setup.config, setup.report.store, setup.report.run_id
    problems = {p.task_id: p for p in setup.split.train}
    settings = plan.settings(config, cycle).raft

    def work() -> Facts:
        samples = store.samples(run_id, cycle=cycle, purpose="train")
        choices = select_as_asked(samples, problems, settings, config.seed, easiest=plan.easiest)
        store.save_selections((c.sample_id, c.kept, c.reason) for c in choices)
        reasons = Counter(str(c.reason) for c in choices)
        setup.report.metric("selection", cycle, {**reasons})
        if cycle == 1:
            shares, text = headroom(setup.split.train, samples)
            setup.report.metric("headroom", cycle, shares)
            setup.report.log(text)
        return reasons

    once(setup.report, cycle, "select", work)
    first = 1 if config.raft.start == "restart" else cycle
    samples = [store.samples(run_id, cycle=c, purpose="train", kept=True) for c in range(first, cycle + 1)]
    good = [judged for group in samples for judged in group if reaches(judged, settings)]
    kept = pool(good, problems, config.raft.max_per_prompt)
    compared = store.samples(run_id, cycle=cycle, purpose="train")
    return training_samples(kept, compared, config.training.loss, config.seed)
