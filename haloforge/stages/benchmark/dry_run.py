"""The dry run of a benchmark: what a run would do, and everything that would stop it."""

from haloforge.config import BenchmarkConfig
from haloforge.stages.benchmark.results import refuse_taken_result, samples_path
from haloforge.stages.benchmark.work import benchmark_problems, benchmark_work
from haloforge.stages.shared.dry_run import detects_line, model_line, problems_text, time_line
from haloforge.verify import open_verifier


def check_output(config: BenchmarkConfig) -> None:
    """Raises ConfigError when another run's result is where this one's would be."""
    refuse_taken_result(config, "")


def plan(config: BenchmarkConfig) -> list[str]:
    """What a benchmark would do. Raises ForgeError for what would stop it."""
    check_output(config)
    problems = benchmark_problems(config)
    with open_verifier(config.verifier) as verifier:
        verifier.check(problems)
    work = benchmark_work(config, problems)
    return [
        model_line(config.model),
        f"problems  {problems_text(problems)} from {config.prompts}",
        f"sampling  {config.samples} completions each, {work.size} in {len(work.batches)} batches",
        f"estimate  {', '.join(f'pass@{k}' for k in config.k)}, with 95 % intervals over problems",
        detects_line(problems, config.samples),
        f"output    {config.output} and {samples_path(config)}",
        time_line(config.model, work.size, config.generation.max_new_tokens),
    ]
