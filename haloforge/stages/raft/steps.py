"""The steps of a RAFT cycle beside `choose`: sample, train, evaluate. Each is a recorded phase, done once."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from haloforge.config import RaftConfig
from haloforge.models import letting_go
from haloforge.stages.raft.cycle_plan import CyclePlan, last_trained
from haloforge.stages.raft.cycles import checkpoint, name_of_model
from haloforge.stages.raft.evaluation import evaluations
from haloforge.stages.raft.splits import Split
from haloforge.stages.raft.sweep import sweep
from haloforge.stages.raft.training_set import replay_samples
from haloforge.stages.shared.engines import Engines, Served
from haloforge.stages.shared.phases import Facts, once, recorded
from haloforge.stages.shared.sampling import Work, plan_work, sample_and_verify
from haloforge.store import Report
from haloforge.train import Training, TrainSample
from haloforge.verify import Verifier, open_verifier


@dataclass(frozen=True, slots=True)
class Setup:
    """What every step needs: settings, records and problems, and the open verifier and engine."""

    config: RaftConfig
    report: Report
    split: Split
    verifier: Verifier
    engines: Engines


@contextmanager
def open_setup(config: RaftConfig, report: Report, split: Split) -> Iterator[Setup]:
    """Open what the steps share, and close it at the end."""
    served = Served.of(config.generation, report, lambda model: f"{report.run_id}-{name_of_model(config, model)}")
    engines = Engines(report.log, in_4bit=config.generation.load_in_4bit, served=served)
    with letting_go(), open_verifier(config.verifier) as verifier, closing(engines):
        yield Setup(config, report, split, verifier, engines)


def sample(setup: Setup, cycle: int, plan: CyclePlan) -> None:
    """Let the model that the cycle starts from try the training problems."""
    config = plan.settings(setup.config, cycle)
    work = plan_work(
        setup.split.train,
        config.raft.samples_per_prompt,
        config.generation,
        cycle=cycle,
        purpose="train",
        seed=config.seed,
        more_samples=plan.more_samples,
    )
    if config.verifier == setup.config.verifier:
        once(setup.report, cycle, "sample", lambda: _sample(setup, work, plan.start))
        return
    with open_verifier(config.verifier) as verifier:  # outside the phase, so that it costs it nothing
        once(setup.report, cycle, "sample", lambda: _sample(replace(setup, verifier=verifier), work, plan.start))


def has_enough(setup: Setup, cycle: int, chosen: Sequence[TrainSample]) -> bool:
    """False, with a line in the log, when a cycle kept too little to train on: no failures are added to fill it up."""
    store, run_id, wanted = setup.report.store, setup.report.run_id, setup.config.raft.min_kept
    kept, sampled = (store.count_samples(run_id, cycle=cycle, purpose="train", kept=k) for k in (True, None))
    is_enough = kept >= wanted and bool(chosen)
    if not is_enough:
        setup.report.log(
            f"cycle {cycle} kept {kept} of {sampled} samples and needs {wanted}, so nothing was trained: give easier "
            "problems, more samples per problem, or a model that solves some of them"
        )
    return is_enough


def train(setup: Setup, cycle: int, plan: CyclePlan, chosen: Sequence[TrainSample]) -> None:
    """Fine-tune the model that sampled, or (`start: restart`) the one that the run started from."""
    from haloforge.train.fitting import fit

    config, report = setup.config, setup.report
    training = Training(
        start=checkpoint(config, 0 if config.raft.start == "restart" else plan.start),
        settings=config.training.model_copy(update={"learning_rate": plan.learning_rate}),
        lora=config.lora,
        seed=config.seed + cycle,
        work=report.folder / f"training-cycle-{cycle}",
        target=Path(checkpoint(config, cycle)),
        stage="raft",
        cycle=cycle,
    )

    def work() -> Facts:
        rows = [*chosen, *replay_samples(config, setup.split, len(chosen), cycle)]
        trained = fit(training, rows, [], report)
        report.artifact("checkpoint", checkpoint(config, cycle), cycle=cycle)
        return {"steps": trained.steps, "loss": trained.loss, "tokens": trained.tokens, "rows": len(rows)}

    if recorded(report.store, report.run_id, cycle, "train") is None:
        setup.engines.close()  # not in the phase, which would be charged for the CPU time of servers that end
    once(report, cycle, "train", work)


def evaluate(setup: Setup, cycle: int) -> None:
    """Let the model that the cycle trained (cycle 0: the starting model) try the held-out problems."""
    config, n = setup.config, setup.config.evaluation.samples_per_prompt
    work = plan_work(setup.split.held_out, n, config.generation, cycle=cycle, purpose="eval", seed=config.seed)
    if setup.split.held_out:
        once(setup.report, cycle, "evaluate", lambda: _sample(setup, work, cycle))


def try_strengths(setup: Setup) -> None:
    """Try the best adapter at part of its strength on the held-out problems."""

    def sample_from(folder: str, work: Work) -> None:
        sample_and_verify(setup.report, work, lambda: setup.engines.at(folder), setup.verifier)

    def work() -> Facts:
        report, config, held_out = setup.report, setup.config, setup.split.held_out
        sweep(report, config, held_out, evaluations(report, held_out, last_trained(report), config), sample_from)
        return {}

    once(setup.report, 0, "strengths", work)


def _sample(setup: Setup, work: Work, cycle_of_model: int) -> Facts:
    model = checkpoint(setup.config, cycle_of_model)
    sample_and_verify(setup.report, work, lambda: setup.engines.at(model), setup.verifier)
    return {"samples": work.size, "checkpoint": model}
