"""RAFT (Dong et al. 2023, arXiv:2304.06767): sample, verify, keep the best, fine-tune on them, repeat.

    for cycle: plan -> sample <-> verify -> select -> train -> evaluate -> decide

Every phase is recorded before it starts and bears being done again, so a run that is killed anywhere goes on where it
was and ends with the same selection.
"""

from contextlib import closing

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.models.four_bit import refuse_without_support
from haloforge.stages.raft import cycles
from haloforge.stages.raft.choose import choose
from haloforge.stages.raft.cycle_plan import plan_cycle
from haloforge.stages.raft.experiments import run_seeds
from haloforge.stages.raft.replay import check_replay_file
from haloforge.stages.raft.splits import read_split
from haloforge.stages.raft.steps import Loop, evaluate, sample, train, try_strengths
from haloforge.stages.shared.engines import Engines
from haloforge.stages.shared.judging import check_cycles, default_language, verify_settings
from haloforge.stages.shared.phases import hold_settings, once
from haloforge.stages.shared.provenance import caution
from haloforge.store import Report
from haloforge.train.examples import TrainSample
from haloforge.verify import open_verifier


def run(config: RaftConfig, report: Report) -> None:
    """Forge `config.sft_checkpoint` into OUTPUT/cycle_N/final_model. Raises Stopped when the user asked for it."""
    if config.seeds:
        run_seeds(config, report, run)
        return
    if config.lora.load_in_4bit:
        refuse_without_support()
    cycles.refuse_taken_output(config, report.run_id)
    check_replay_file(config)
    split = read_split(config.prompts, config.evaluation, config.seed, default_language(config.verifier))
    problems = [*split.train, *split.held_out]
    with open_verifier(verify_settings(config.verifier)) as verifier, closing(Engines(report.log)) as engines:
        verifier.check(problems)
        check_cycles(config, split.train)
        hold_settings(report, config, problems)
        if warning := caution(split.train):
            report.log(warning)
        report.store.save_problems(report.run_id, split.train)
        report.store.save_problems(report.run_id, split.held_out, held_out=True)
        forge(Loop(config, report, split, verifier, engines))


def forge(loop: Loop) -> None:
    """The loop itself."""
    evaluate(loop, 0)
    decide(loop, 0)
    for cycle in range(1, loop.config.raft.num_cycles + 1):
        cycle_plan = plan_cycle(loop.report, loop.config, loop.split, cycle)
        sample(loop, cycle, cycle_plan)
        chosen = choose(loop, cycle, cycle_plan)
        if is_enough(loop, cycle, chosen):
            train(loop, cycle, cycle_plan, chosen)
            evaluate(loop, cycle)
        elif loop.config.raft.too_little == "stop":
            break
        if not decide(loop, cycle):
            break
    if loop.config.raft.sweep:
        try_strengths(loop)
    cycles.conclude(loop.report, loop.config, loop.split)


def is_enough(loop: Loop, cycle: int, chosen: list[TrainSample]) -> bool:
    """False, and said so, when a cycle kept too little: nothing is ever trained on failures to fill it up."""
    store, run_id, wanted = loop.report.store, loop.report.run_id, loop.config.raft.min_kept
    kept, sampled = (store.count_samples(run_id, cycle=cycle, purpose="train", kept=k) for k in (True, None))
    enough = kept >= wanted and bool(chosen)
    if not enough:
        loop.report.log(
            f"cycle {cycle} kept {kept} of {sampled} samples and needs {wanted}, so nothing was trained: give easier "
            "problems, more samples per problem, or a model that solves some of them"
        )
    return enough


def decide(loop: Loop, cycle: int) -> bool:
    """Report the cycle; False when the run is over. Raises Stopped when the user asked for it at the end of a cycle."""
    config, report = loop.config, loop.report
    facts = once(report, cycle, "decide", lambda: cycles.report_cycle(report, config, loop.split, cycle))
    waited = facts["cycles_since_best"]
    if 0 < config.raft.patience <= waited:
        report.log(f"no better held-out pass@1 for {waited} cycles, so the run ends here (patience)")
        return False
    if cycle < config.raft.num_cycles and report.stop_asked(at_cycle_end=True):
        raise Stopped
    return True
