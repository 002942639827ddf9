"""RAFT (Dong et al. 2023, arXiv:2304.06767): sample, verify, keep the best, fine-tune on them, repeat.

    for cycle: plan -> sample <-> verify -> select -> train -> evaluate -> decide

Every phase is recorded before it starts and bears being done again, so a run that is killed anywhere goes on where it
was and ends with the same selection.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.stages import cycles
from haloforge.stages.controls import select_as_asked
from haloforge.stages.curriculum import CyclePlan, plan_cycle
from haloforge.stages.engines import Engines
from haloforge.stages.health import headroom
from haloforge.stages.judging import default_language, verify_settings
from haloforge.stages.lessons import lessons
from haloforge.stages.phases import Facts, hold_settings, once
from haloforge.stages.planning import plan_raft as plan
from haloforge.stages.sampling import Work, plan_work, sample_and_verify
from haloforge.stages.selection import pool
from haloforge.stages.splits import Split, read_split
from haloforge.store import Report
from haloforge.train.examples import TrainSample
from haloforge.train.settings import cycle_settings
from haloforge.verify import Verifier, open_verifier

__all__ = ["Loop", "forge", "plan", "run"]


@dataclass(frozen=True, slots=True)
class Loop:
    """What every phase needs."""

    config: RaftConfig
    report: Report
    split: Split
    verifier: Verifier
    engines: Engines


def run(config: RaftConfig, report: Report) -> None:
    """Forge `config.sft_checkpoint` into OUTPUT/cycle_N/final_model. Raises Stopped when the user asked for it."""
    cycles.refuse_taken_output(config, report.run_id)
    split = read_split(config.prompts, config.evaluation, config.seed, default_language(config.verifier))
    problems = [*split.train, *split.held_out]
    with open_verifier(verify_settings(config.verifier)) as verifier, closing(Engines(report.log)) as engines:
        verifier.check(problems)
        hold_settings(report, config, problems)
        report.store.save_problems(report.run_id, split.train)
        report.store.save_problems(report.run_id, split.held_out, held_out=True)
        forge(Loop(config, report, split, verifier, engines))


def forge(loop: Loop) -> None:
    """The loop itself."""
    evaluate(loop, 0)
    decide(loop, 0)
    for cycle in range(1, loop.config.raft.num_cycles + 1):
        plan = plan_cycle(loop.report, loop.config, loop.split, cycle)
        sample(loop, cycle, plan)
        chosen = choose(loop, cycle, plan)
        if is_enough(loop, cycle, chosen):
            train(loop, cycle, plan, chosen)
            evaluate(loop, cycle)
        elif loop.config.raft.too_little == "stop":
            break
        if not decide(loop, cycle):
            break
    cycles.conclude(loop.report, loop.config, loop.split)


def sample(loop: Loop, cycle: int, plan: CyclePlan) -> None:
    """Let the model that the cycle starts from try the training problems."""
    config, n = loop.config, loop.config.raft.samples_per_prompt
    warmth = config.generation.model_copy(update={"temperature": plan.temperature})
    work = plan_work(
        loop.split.train, n, warmth, cycle=cycle, purpose="train", seed=config.seed, more=plan.more_samples
    )
    once(loop.report, cycle, "sample", lambda: _sample(loop, work, plan.start))


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
    settings = config.raft.model_copy(update={"reward_threshold": plan.threshold})

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
    samples = [s for s in store.samples(run_id, purpose="train") if s.cycle <= cycle]
    first = 1 if config.raft.start == "restart" else cycle
    kept = pool([s for s in samples if s.kept and s.cycle >= first], problems, config.raft.max_per_prompt)
    return lessons(kept, [s for s in samples if s.cycle == cycle], config.training.loss, config.seed)


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


def train(loop: Loop, cycle: int, plan: CyclePlan, chosen: list[TrainSample]) -> None:
    """Fine-tune the model that sampled, or (`start: restart`) the one that the run started from."""
    from haloforge.train.raft import train_on_samples

    config, report = loop.config, loop.report
    start = cycles.checkpoint(config, 0 if config.raft.start == "restart" else plan.start)
    folder = Path(config.output_dir, f"cycle_{cycle}")
    settings = replace(cycle_settings(config, cycle), learning_rate=plan.learning_rate, loss=config.training.loss)

    def work() -> Facts:
        loop.engines.close()
        trained = train_on_samples(start, chosen, settings, folder, report, cycle=cycle)
        report.artifact("checkpoint", cycles.checkpoint(config, cycle), cycle=cycle)
        return {"steps": trained.steps, "loss": trained.loss, "tokens": trained.tokens, "rows": len(chosen)}

    once(report, cycle, "train", work)


def decide(loop: Loop, cycle: int) -> bool:
    """Report the cycle; False when the run is over. Raises Stopped when the user asked for it at the end of a cycle."""
    config, report = loop.config, loop.report

    def work() -> Facts:
        cycles.report_cycle(report, config, loop.split, cycle)
        return {"cycles_since_best": cycles.cycles_since_best(report, config, loop.split, cycle)}

    waited = once(report, cycle, "decide", work)["cycles_since_best"]
    if 0 < config.raft.patience <= waited:
        report.log(f"no better held-out pass@1 for {waited} cycles, so the run ends here (patience)")
        return False
    if cycle < config.raft.num_cycles and report.stop_asked(at_cycle_end=True):
        raise Stopped
    return True


def _sample(loop: Loop, work: Work, model_of: int) -> Facts:
    checkpoint = cycles.checkpoint(loop.config, model_of)
    sample_and_verify(loop.report, work, lambda: loop.engines.at(checkpoint), loop.verifier)
    return {"samples": work.size, "checkpoint": checkpoint}
