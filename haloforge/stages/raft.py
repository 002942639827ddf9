"""RAFT (Dong et al. 2023, arXiv:2304.06767): sample, verify, keep the best, fine-tune on them, repeat.

    for cycle: plan -> sample <-> verify -> select -> train -> evaluate -> decide

Every phase is recorded before it starts and bears being done again, so a run that is killed anywhere goes on where it
was and ends with the same selection.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.errors import Stopped
from haloforge.records import Purpose
from haloforge.stages import cycles
from haloforge.stages.engines import Engines
from haloforge.stages.judging import default_language, verify_settings
from haloforge.stages.phases import Facts, hold_settings, once
from haloforge.stages.planning import plan_raft as plan
from haloforge.stages.sampling import plan_work, sample_and_verify
from haloforge.stages.selection import pool, select
from haloforge.stages.splits import Split, read_split
from haloforge.store import Judged, Report
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
        sample(loop, cycle)
        kept = choose(loop, cycle)
        if not is_enough(loop, cycle, kept):
            break
        train(loop, cycle, kept)
        evaluate(loop, cycle)
        if not decide(loop, cycle):
            break
    cycles.conclude(loop.report, loop.config, loop.split)


def sample(loop: Loop, cycle: int) -> None:
    """Let the model of the cycle before try the training problems."""
    once(loop.report, cycle, "sample", lambda: _sample(loop, cycle, "train", cycle - 1))


def evaluate(loop: Loop, cycle: int) -> None:
    """Let the cycle's own model try the held-out problems."""
    if loop.split.held_out:
        once(loop.report, cycle, "evaluate", lambda: _sample(loop, cycle, "eval", cycle))


def choose(loop: Loop, cycle: int) -> list[Judged]:
    """Give every sample of the cycle its reason to be kept or not; returns what to train on."""
    config, report, problems = loop.config, loop.report, {p.task_id: p for p in loop.split.train}

    def work() -> Facts:
        samples = report.store.samples(report.run_id, cycle=cycle, purpose="train")
        choices = select(samples, problems, config.raft, config.seed)
        report.store.save_selections((c.sample_id, c.kept, c.reason) for c in choices)
        reasons = Counter(str(c.reason) for c in choices)
        report.metric("selection", cycle, {**reasons})
        return reasons

    once(report, cycle, "select", work)
    first = 1 if config.raft.start == "restart" else cycle
    kept = report.store.samples(report.run_id, purpose="train", kept=True)
    return pool([k for k in kept if first <= k.cycle <= cycle], problems, config.raft.max_per_prompt)


def is_enough(loop: Loop, cycle: int, kept: list[Judged]) -> bool:
    """False, and said so, when a cycle kept too little: nothing is ever trained on failures to fill it up."""
    new, wanted = sum(k.cycle == cycle for k in kept), loop.config.raft.min_kept
    if new < wanted:
        samples = loop.report.store.count_samples(loop.report.run_id, cycle=cycle, purpose="train")
        loop.report.log(
            f"cycle {cycle} kept {new} of {samples} samples and needs {wanted}, so nothing was trained and the run "
            "ends: give easier problems, more samples per problem, or a model that solves some of them"
        )
    return new >= wanted


def train(loop: Loop, cycle: int, kept: list[Judged]) -> None:
    """Fine-tune on what was kept: the model of the cycle before, or (`restart`) the one the run started from."""
    from haloforge.train.raft import train_on_samples

    config, report = loop.config, loop.report

    def work() -> Facts:
        loop.engines.close()
        start = cycles.checkpoint(config, 0 if config.raft.start == "restart" else cycle - 1)
        folder = Path(config.output_dir, f"cycle_{cycle}")
        settings = cycle_settings(config, cycle)
        trained = train_on_samples(start, [_lesson(k) for k in kept], settings, folder, report, cycle=cycle)
        return {"steps": trained.steps, "loss": trained.loss, "tokens": trained.tokens, "rows": len(kept)}

    once(report, cycle, "train", work)
    report.artifact("checkpoint", cycles.checkpoint(config, cycle), cycle=cycle)


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


def _lesson(judged: Judged) -> TrainSample:
    sample = judged.sample
    return TrainSample(sample.task_id, sample.prompt_ids, sample.token_ids, sample.logprobs)


def _sample(loop: Loop, cycle: int, purpose: Purpose, model_of: int) -> Facts:
    config = loop.config
    evaluates = purpose == "eval"
    problems = loop.split.held_out if evaluates else loop.split.train
    n = config.evaluation.samples_per_prompt if evaluates else config.raft.samples_per_prompt
    work = plan_work(problems, n, config.generation, cycle=cycle, purpose=purpose, seed=config.seed)
    checkpoint = cycles.checkpoint(config, model_of)
    sample_and_verify(loop.report, work, lambda: loop.engines.at(checkpoint), loop.verifier)
    return {"samples": work.size, "checkpoint": checkpoint}
