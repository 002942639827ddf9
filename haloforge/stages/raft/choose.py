"""The select step of a RAFT cycle: every sample gets its reason to be kept or not, and the kept ones are trained on."""

from collections import Counter

from haloforge.config import RaftLoop
from haloforge.stages.raft.controls import reaches, select_as_asked
from haloforge.stages.raft.cycle_plan import CyclePlan
from haloforge.stages.raft.health import headroom
from haloforge.stages.raft.selection import Candidate, candidates_of, pool
from haloforge.stages.raft.steps import Loop
from haloforge.stages.raft.training_set import read_train_samples, training_weights
from haloforge.stages.shared.phases import Facts, once
from haloforge.train.examples import TrainSample


def choose(loop: Loop, cycle: int, plan: CyclePlan) -> list[TrainSample]:
    """Give every sample of the cycle its reason to be kept or not; returns what to train on."""
    config, store, run_id = loop.config, loop.report.store, loop.report.run_id
    settings = config.of_cycle(cycle).raft.model_copy(update={"reward_threshold": plan.threshold})
    once(loop.report, cycle, "select", lambda: _select(loop, cycle, settings, plan.easiest))
    kept = [candidate.sample for candidate in _kept(loop, cycle, settings)]
    samples = store.summaries(run_id, cycle=cycle, purpose="train")
    return read_train_samples(store, training_weights(kept, samples, config.training.loss, config.seed))


def _select(loop: Loop, cycle: int, settings: RaftLoop, easiest: float) -> Facts:
    """Record a choice for every training sample of the cycle; returns how many have which reason."""
    report, store, problems = loop.report, loop.report.store, {p.task_id: p for p in loop.split.train}
    candidates = candidates_of(store.programs(report.run_id, cycle=cycle, purpose="train"), problems)
    choices = select_as_asked(candidates, problems, settings, loop.config.seed, easiest=easiest)
    store.save_selections((c.sample_id, c.kept, c.reason) for c in choices)
    reasons = Counter(str(c.reason) for c in choices)
    report.metric("selection", cycle, {**reasons})
    if cycle == 1:
        shares, sentence = headroom(loop.split.train, (candidate.sample for candidate in candidates))
        report.metric("headroom", cycle, shares)
        report.log(sentence)
    return reasons


def _kept(loop: Loop, cycle: int, settings: RaftLoop) -> list[Candidate]:
    """What this cycle kept, or (`start: restart`) all cycles so far, without copies and within the cap per problem."""
    store, run_id, problems = loop.report.store, loop.report.run_id, {p.task_id: p for p in loop.split.train}
    first = 1 if loop.config.raft.start == "restart" else cycle
    by_cycle = (store.programs(run_id, cycle=c, purpose="train", kept=True) for c in range(first, cycle + 1))
    good = (program for programs in by_cycle for program in programs if reaches(program.sample, settings))
    return pool(candidates_of(good, problems), problems, loop.config.raft.max_per_prompt)
