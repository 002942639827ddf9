"""The steps of a RAFT cycle beside `choose`: sample, train, evaluate. Each is recorded as a phase, and done once."""

from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.stages.raft import cycles
from haloforge.stages.raft.cycle_plan import CyclePlan, last_trained
from haloforge.stages.raft.evaluation import standings
from haloforge.stages.raft.replay import replayed
from haloforge.stages.raft.splits import Split
from haloforge.stages.raft.sweep import sweep
from haloforge.stages.shared.engines import Engines
from haloforge.stages.shared.judging import verify_settings
from haloforge.stages.shared.phases import Facts, once
from haloforge.stages.shared.sampling import Work, plan_work, sample_and_verify
from haloforge.store import Report
from haloforge.train.examples import TrainSample
from haloforge.train.settings import cycle_settings
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
    sampling, n = config.generation.model_copy(update={"temperature": plan.temperature}), config.raft.samples_per_prompt
    work = plan_work(
        loop.split.train, n, sampling, cycle=cycle, purpose="train", seed=config.seed, more_samples=plan.more_samples
    )
    if config.verifier == loop.config.verifier:
        once(loop.report, cycle, "sample", lambda: _sample(loop, work, plan.start))
        return
    with open_verifier(verify_settings(config.verifier)) as verifier:  # around the phase, whose cost is without it
        once(loop.report, cycle, "sample", lambda: _sample(replace(loop, verifier=verifier), work, plan.start))


def evaluate(loop: Loop, cycle: int) -> None:
    """Let the cycle's own model try the held-out problems."""
    config, n = loop.config, loop.config.evaluation.samples_per_prompt
    work = plan_work(loop.split.held_out, n, config.generation, cycle=cycle, purpose="eval", seed=config.seed)
    if loop.split.held_out:
        once(loop.report, cycle, "evaluate", lambda: _sample(loop, work, cycle))


def train(loop: Loop, cycle: int, plan: CyclePlan, chosen: list[TrainSample]) -> None:
    """Fine-tune the model that sampled, or (`start: restart`) the one that the run started from."""
    from haloforge.train.raft import train_on_samples

    config, report = loop.config, loop.report
    start = cycles.checkpoint(config, 0 if config.raft.start == "restart" else plan.start)
    folder = Path(config.output_dir, f"cycle_{cycle}")
    settings = replace(cycle_settings(config, cycle), learning_rate=plan.learning_rate, loss=config.training.loss)

    def work() -> Facts:
        loop.engines.close()
        rows = [*chosen, *replayed(config, loop.split, len(chosen), cycle)]
        trained = train_on_samples(start, rows, settings, folder, report, cycle=cycle)
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
