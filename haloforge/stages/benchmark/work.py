"""What a benchmark samples: its problems as the protocol asks them, in batches."""

from haloforge.config import BenchmarkConfig
from haloforge.errors import DataError
from haloforge.generate import protocol_named
from haloforge.problems import load_problems
from haloforge.records import Problem
from haloforge.stages.shared.judging import default_language
from haloforge.stages.shared.sampling import Work, plan_work


def benchmark_problems(config: BenchmarkConfig) -> list[Problem]:
    """The problems of a benchmark's file, as far as `limit` goes. Raises DataError for one that cannot be asked so."""
    found = load_problems(config.prompts, default_language=default_language(config.verifier))[: config.limit]
    protocol = protocol_named(config.protocol)
    for problem in found:
        if why_not := protocol.misfit(problem):
            raise DataError(f"{config.prompts}: {problem.task_id} does not fit protocol {protocol.name}: {why_not}")
    return [protocol.as_judged(problem) for problem in found]


def benchmark_work(config: BenchmarkConfig, problems: list[Problem]) -> Work:
    """All batches of a benchmark."""
    return plan_work(problems, config.samples, config.generation, cycle=0, purpose="benchmark", seed=config.seed)
