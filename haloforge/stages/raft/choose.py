"""The select step of a RAFT cycle: every sample gets its reason to be kept or not, and the kept ones are trained on."""

from collections import Counter

from haloforge.stages.raft.controls import reaches, select_as_asked
from haloforge.stages.raft.cycle_plan import CyclePlan
from haloforge.stages.raft.health import headroom
from haloforge.stages.raft.selection import pool
from haloforge.stages.raft.steps import Loop
from haloforge.stages.raft.training_set import lessons
from haloforge.stages.shared.phases import Facts, once
from haloforge.train.examples import TrainSample


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
