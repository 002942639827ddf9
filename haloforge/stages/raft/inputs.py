"""What a RAFT run starts from, checked before anything is sampled."""

from collections.abc import Sequence

from haloforge.config import RaftConfig
from haloforge.errors import ConfigError
from haloforge.languages import default_language
from haloforge.models import refuse_without_bitsandbytes
from haloforge.records import Problem
from haloforge.stages.raft.cycles import refuse_taken_output
from haloforge.stages.raft.experiments import configs_of
from haloforge.stages.raft.splits import Split, read_split
from haloforge.stages.raft.training_set import check_replay_file
from haloforge.stages.shared.engines import refuse_unservable
from haloforge.stages.shared.forgeable import refuse_forgeable
from haloforge.stages.shared.provenance import contamination_warning
from haloforge.stages.shared.reproducibility import hold_settings
from haloforge.stages.shared.scores import untested_warning
from haloforge.stages.shared.weak_tests import weak_tests_warning
from haloforge.store import Report
from haloforge.train import one_of_several_gpus, refuse_unsupported
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
    refuse_unservable(config.generation, config.sft_checkpoint)
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
    if hint := one_of_several_gpus(config.training.launch):
        report.log(hint)
    report.store.save_problems(report.run_id, split.train)
    report.store.save_problems(report.run_id, split.held_out, held_out=True)


def training_warnings(config: RaftConfig, problems: Sequence[Problem]) -> list[str]:
    """What makes it doubtful to train on these problems, a sentence each."""
    accepted = _ACCEPTED if config.verifier.accept_forgeable else ""
    warnings = (
        contamination_warning(problems),
        untested_warning(problems, config.verifier),
        weak_tests_warning(config.prompts),
        accepted,
    )
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
        refuse_forgeable(section, problems, "RAFT")
