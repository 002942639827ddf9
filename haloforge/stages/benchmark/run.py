"""Benchmark a checkpoint: n samples per problem, verified while more are sampled; pass@k with intervals."""

from haloforge.config import BenchmarkConfig
from haloforge.errors import DataError
from haloforge.estimates import PhaseTime
from haloforge.generate.prompts import protocol_named
from haloforge.languages import default_language
from haloforge.problems import load_problems
from haloforge.records import Problem
from haloforge.stages.benchmark.aliasing import passes_with_alias, to_findings
from haloforge.stages.benchmark.judged_model import judged_model, plan_lines, refuse_unasked_protocol
from haloforge.stages.benchmark.results import make_result, refuse_taken_result, samples_path, summary, write_result
from haloforge.stages.shared.dry_run import detects_line, problems_text
from haloforge.stages.shared.forecast import Plan
from haloforge.stages.shared.memory import row_span
from haloforge.stages.shared.pace import Pace
from haloforge.stages.shared.phases import Facts, measured, once
from haloforge.stages.shared.reproducibility import hold_settings
from haloforge.stages.shared.sampling import Work, plan_work, sample_and_verify
from haloforge.stages.shared.scores import score_name, untested_share
from haloforge.store import Report
from haloforge.verify import open_verifier

_WRITE = "write"
"""The phase in which the files are written."""


def run(config: BenchmarkConfig, report: Report) -> None:
    """Write `config.output` and the samples beside it. Raises Stopped when the user asked for it."""
    is_writing = report.store.phase(report.run_id, 0, _WRITE) is not None
    refuse_taken_result(config, report.run_id, is_writing=is_writing)
    problems = _problems(config)
    work = _work(config, problems)

    def sample() -> Facts:
        sample_and_verify(report, work, model.engine, verifier)
        return {"samples": work.size}

    def alias() -> Facts:
        programs = report.store.programs(report.run_id, purpose="benchmark")
        return to_findings(passes_with_alias(problems, programs, verifier))

    model = judged_model(config, report)
    with (
        model.watched(lambda name: _plan(config, problems, name)),
        open_verifier(config.verifier) as verifier,
        model,
    ):
        verifier.check(problems)
        hold_settings(report, config, problems)
        report.store.save_problems(report.run_id, problems, held_out=True)
        once(report, 0, "sample", sample)
        if config.aliased:
            once(report, 0, "alias", alias)
    result = make_result(config, problems, report, model)
    measured(report, 0, _WRITE, lambda: write_result(config, result, problems, report))
    scores = {f"pass@{k}": estimate["value"] for k, estimate in result["pass_at_k"].items()}
    report.metric("benchmark", 0, scores | {"untested_share": result["untested_share"]})
    report.log(summary(result))


def dry_run(config: BenchmarkConfig, *, measures: bool = True) -> list[str]:
    """What `run` would do. Raises ForgeError for what would stop it."""
    check_output(config)
    problems = _problems(config)
    with open_verifier(config.verifier) as verifier:
        verifier.check(problems)
    work, untested = _work(config, problems), untested_share(problems, config.verifier)
    model, machine = plan_lines(config, lambda name: _plan(config, problems, name), measures=measures)
    return [
        model,
        f"problems  {problems_text(problems)} from {config.prompts}",
        f"sampling  {config.samples} completions each, {work.size} in all",
        f"estimate  {', '.join(score_name(untested, k) for k in config.k)}, with 95 % intervals over problems",
        detects_line(problems, config.samples, config.verifier),
        f"output    {config.output} and {samples_path(config)}",
        *machine,
    ]


def _plan(config: BenchmarkConfig, problems: list[Problem], model: str) -> Plan:
    settings, span = config.generation, row_span(problems, config.generation.max_new_tokens)
    protocol, count = protocol_named(config.protocol), len(problems) * config.samples

    def times(pace: Pace) -> list[PhaseTime]:
        parts = pace.sampled(problems, config.samples, settings, config.verifier, protocol=protocol, loads=True)
        return [PhaseTime("sample", 0, parts)]

    is_served = settings.backend == "vllm"
    return Plan(model, lambda room: [room.sampling(span, count, settings.cache_memory)], times, served=is_served)


def check_output(config: BenchmarkConfig) -> None:
    """Raises ConfigError when another run's result is where this one's would be."""
    refuse_taken_result(config, "")


def _problems(config: BenchmarkConfig) -> list[Problem]:
    """The first `config.limit` problems of the file. Raises DataError for one that the protocol cannot ask."""
    problems = load_problems(config.prompts, default_language=default_language(config.verifier.type))[: config.limit]
    refuse_unasked_protocol(config)
    protocol = protocol_named(config.protocol)
    for problem in problems:
        if why_not := protocol.misfit(problem):
            raise DataError(f"{config.prompts}: {problem.task_id} does not fit protocol {protocol.name}: {why_not}")
    return [protocol.as_judged(problem) for problem in problems]


def _work(config: BenchmarkConfig, problems: list[Problem]) -> Work:
    return plan_work(problems, config.samples, config.generation, cycle=0, purpose="benchmark", seed=config.seed)
