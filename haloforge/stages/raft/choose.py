"""The select step of a RAFT cycle: every sample gets its reason to be kept or not, and the kept ones are trained on."""

from collections import Counter
from collections.abc import Sequence

from haloforge.config import RaftLoop
from haloforge.stages.raft.candidates import Candidate, candidates_of
from haloforge.stages.raft.controls import deal_verdicts, reaches, select_as_asked
from haloforge.stages.raft.cycle_plan import CyclePlan
from haloforge.stages.raft.health import headroom
from haloforge.stages.raft.selection import pool
from haloforge.stages.raft.steps import Setup
from haloforge.stages.raft.training_set import read_train_samples, training_weights
from haloforge.stages.shared.phases import Facts, once
from haloforge.store import SampleSummary
from haloforge.train.examples import TrainSample


def choose(setup: Setup, cycle: int, plan: CyclePlan) -> list[TrainSample]:
    """Give every sample of the cycle its reason to be kept or not; returns what to train on."""
    config, store = setup.config, setup.report.store
    settings = plan.settings(config, cycle).raft
    once(setup.report, cycle, "select", lambda: _select(setup, cycle, settings, plan.easiest))
    kept = [candidate.sample for candidate in _kept(setup, cycle, settings)]
    return read_train_samples(store, _weights(setup, cycle, kept))


def _weights(setup: Setup, cycle: int, kept: Sequence[SampleSummary]) -> dict[int, float]:
    """Sample id -> weight, by the rewards that the selection saw. Without the verifier there are none: all weigh 1."""
    config, control = setup.config, setup.config.raft.control
    if control == "unverified":
        return training_weights(kept, (), "raft", config.seed)
    samples = setup.report.store.summaries(setup.report.run_id, cycle=cycle, purpose="train")
    seen = deal_verdicts(list(samples), config.seed) if control == "shuffled_rewards" else samples
    return training_weights(kept, seen, config.training.loss, config.seed)


def _select(setup: Setup, cycle: int, settings: RaftLoop, easiest: float) -> Facts:
    """Record a choice for every training sample of the cycle; returns how many have which reason."""
    report, store, problems = setup.report, setup.report.store, {p.task_id: p for p in setup.split.train}
    programs = store.programs(report.run_id, cycle=cycle, purpose="train")
    candidates = candidates_of(programs, problems, accept_forgeable=setup.config.verifier.accept_forgeable)
    choices = select_as_asked(candidates, problems, settings, setup.config.seed, easiest=easiest)
    store.save_selections((c.sample_id, c.kept, c.reason) for c in choices)
    reasons = Counter(str(c.reason) for c in choices)
    report.metric("selection", cycle, {**reasons})
    if cycle == 1:
        shares, advice = headroom(setup.split.train, (candidate.sample for candidate in candidates))
        report.metric("headroom", cycle, shares)
        report.log(advice)
    return reasons


def _kept(setup: Setup, cycle: int, settings: RaftLoop) -> list[Candidate]:
    """What this cycle kept, or (`start: restart`) all cycles so far, without copies and within the cap per problem."""
    store, run_id, problems = setup.report.store, setup.report.run_id, {p.task_id: p for p in setup.split.train}
    first = 1 if setup.config.raft.start == "restart" else cycle
    by_cycle = (store.programs(run_id, cycle=c, purpose="train", kept=True) for c in range(first, cycle + 1))
    good = (program for programs in by_cycle for program in programs if reaches(program.sample, settings))
    return pool(candidates_of(good, problems), problems, setup.config.raft.max_per_prompt)
