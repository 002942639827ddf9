"""RAFT (Dong et al. 2023, arXiv:2304.06767): sample, verify, keep the best, fine-tune on them, repeat.

    for cycle: plan -> sample <-> verify -> select -> train -> evaluate -> decide

Every phase is recorded before it starts and bears being done again. So a run that is killed anywhere goes on where it
was, and ends with the same selection.
"""

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.stages.raft.choose import choose
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.stages.raft.cycle_report import report_cycle
from haloforge.stages.raft.cycles import name_best_cycle
from haloforge.stages.raft.experiments import run_seeds
from haloforge.stages.raft.inputs import checked_split, record_inputs
from haloforge.stages.raft.plan_estimate import plan_of
from haloforge.stages.raft.steps import Setup, evaluate, has_enough, open_setup, sample, train, try_strengths
from haloforge.stages.shared.forecast import watched
from haloforge.stages.shared.phases import once
from haloforge.stages.shared.pinning import pinned_model
from haloforge.store import Report


def run(config: RaftConfig, report: Report) -> None:
    """Train `config.sft_checkpoint` into OUTPUT/cycle_N/final_model. Raises Stopped when the user asked for it."""
    if config.seeds:
        run_seeds(config, report, run)
        return
    split = checked_split(config, report.run_id)
    pinned = config.model_copy(update={"sft_checkpoint": pinned_model(report, config.sft_checkpoint)})
    plan = plan_of(pinned, split, pinned.sft_checkpoint)
    with open_setup(pinned, report, split) as setup:
        with watched(report, plan):
            record_inputs(config, report, split)
            run_cycles(setup)
            if config.raft.sweep:
                try_strengths(setup)
        name_best_cycle(report, pinned, split)


def run_cycles(setup: Setup) -> None:
    """The loop itself; cycle 0 is the starting model, which is only evaluated."""
    evaluate(setup, 0)
    decide(setup, 0)
    for cycle in range(1, setup.config.raft.num_cycles + 1):
        plan = plan_cycle(setup.report, setup.config, setup.split, cycle)
        sample(setup, cycle, plan)
        chosen = choose(setup, cycle, plan)
        if has_enough(setup, cycle, chosen):
            train(setup, cycle, plan, chosen)
            evaluate(setup, cycle)
        elif setup.config.raft.too_little == "stop":
            break
        if not decide(setup, cycle):
            break


def decide(setup: Setup, cycle: int) -> bool:
    """Report the cycle; False when the run is over. Raises Stopped when the user asked to stop after this cycle."""
    config, report = setup.config, setup.report
    record = once(report, cycle, "decide", lambda: report_cycle(report, config, setup.split, cycle))
    cycles_since_best = record.findings["cycles_since_best"]
    if 0 < config.raft.patience <= cycles_since_best:
        since = "the last cycle" if cycles_since_best == 1 else f"the last {cycles_since_best} cycles"
        report.log(f"no better held-out score in {since}, so the run ends here (raft.patience)")
        return False
    if cycle < config.raft.num_cycles and report.stop_asked(at_cycle_end=True):
        raise Stopped
    return True
