"""What a RAFT run starts from, checked before anything is sampled."""

from collections.abc import Sequence

from haloforge.config import RaftConfig, VerifySettings
from haloforge.errors import ConfigError, VerifierError
from haloforge.languages import compiler_for, default_language
from haloforge.models import refuse_without_bitsandbytes
from haloforge.records import Problem
from haloforge.stages.raft.cycles import refuse_taken_output
from haloforge.stages.raft.experiments import configs_of
from haloforge.stages.raft.splits import Split, read_split
from haloforge.stages.raft.training_set import check_replay_file
from haloforge.stages.shared.provenance import contamination_warning
from haloforge.stages.shared.reproducibility import hold_settings
from haloforge.stages.shared.scores import untested_warning
from haloforge.store import Report
from haloforge.train import refuse_unsupported
from haloforge.verify import open_verifier

_ACCEPTED = (
    "verdicts that a solution could forge are trained on (verifier.accept_forgeable): a model may learn to forge them, "
    "so look at passing samples before you trust rewards and scores of this run"
)


def checked_split(config: RaftConfig, run_id: str = "") -> Split:
    """Read and split the problems, and check all else that could stop the run; it writes nothing.

    `run_id` is the run that may go on with the cycles it finds in its output. Raises ForgeError.
    """
    refuse_unsupported(config.sft_checkpoint, config.training, config.lora)
    if config.raft.sweep and config.lora.use_dora:
        raise ConfigError("raft.sweep scales the adapter by one factor, which lora.use_dora has not; give one of them")
    if config.generation.load_in_4bit:
        refuse_without_bitsandbytes("generation.load_in_4bit", "leave it out to sample from the whole weights")
    for seed_config in configs_of(config):
        refuse_taken_output(seed_config, run_id)
    check_replay_file(config)
    split = read_split(config.prompts, config.evaluation, config.seed, default_language(config.verifier.type))
    with open_verifier(config.verifier) as verifier:
        verifier.check([*split.train, *split.held_out])
    check_verifiers(config, split.train)
    return split


def record_inputs(config: RaftConfig, report: Report, split: Split) -> None:
    """Record settings and problems, and warn of benchmark tasks to train on. Raises RunError where they changed."""
    hold_settings(report, config, [*split.train, *split.held_out])
    for warning in training_warnings(config, split.train):
        report.log(warning)
    report.store.save_problems(report.run_id, split.train)
    report.store.save_problems(report.run_id, split.held_out, held_out=True)


def training_warnings(config: RaftConfig, problems: Sequence[Problem]) -> list[str]:
    """What makes it doubtful to train on these problems, a sentence each."""
    accepted = _ACCEPTED if config.verifier.accept_forgeable else ""
    warnings = (contamination_warning(problems), untested_warning(problems, config.verifier), accepted)
    return [warning for warning in warnings if warning]


def check_verifiers(config: RaftConfig, problems: Sequence[Problem]) -> None:
    """Raises VerifierError when the verifier of a cycle cannot judge the training problems.

    Or when it could be forged on all of them, so that nothing would ever be trained on.
    """
    of_cycles = dict.fromkeys(config.of_cycle(number).verifier for number in range(1, len(config.cycles) + 1))
    for section in of_cycles:
        with open_verifier(section) as verifier:
            verifier.check(problems)
    for section in dict.fromkeys((config.verifier, *of_cycles)):
        _refuse_forgeable(section, problems)


def _refuse_forgeable(section: VerifySettings, problems: Sequence[Problem]) -> None:
    if section.accept_forgeable:
        return
    if section.type == "custom" and not section.unforgeable:
        raise VerifierError(
            "RAFT leaves out verdicts that a solution could forge, and those of verifier 'custom' are such; set "
            "verifier.unforgeable: true if your command judges a solution without running it, or apart from it, or "
            "verifier.accept_forgeable: true to train on them all the same"
        )
    if section.type != "custom" and problems and all(_runs_beside_its_tests(section, problem) for problem in problems):
        raise VerifierError(
            "RAFT leaves out verdicts that a solution could forge, and all of these problems have tests of kind "
            "'program', which run in the solution's own process; give problems with tests of another kind, or set "
            "verifier.accept_forgeable: true to train on them all the same"
        )


def _runs_beside_its_tests(section: VerifySettings, problem: Problem) -> bool:
    return problem.tests.kind == "program" and compiler_for(section.type, problem.language) is not None
