"""Benchmark a checkpoint: n samples per problem, verified while more are sampled; pass@k with intervals."""

from contextlib import closing

from haloforge.config import BenchmarkConfig
from haloforge.stages.benchmark.aliasing import rescued
from haloforge.stages.benchmark.results import make_result, refuse_taken_result, summary, write_result
from haloforge.stages.benchmark.work import benchmark_problems, benchmark_work
from haloforge.stages.shared.engines import Engines
from haloforge.stages.shared.judging import verify_settings
from haloforge.stages.shared.phases import Facts, hold_settings, once
from haloforge.stages.shared.sampling import sample_and_verify
from haloforge.store import Report
from haloforge.verify import open_verifier


def run(config: BenchmarkConfig, report: Report) -> None:
    """Write `config.output` and the samples beside it. Raises Stopped when the user asked for it."""
    refuse_taken_result(config, report.run_id)
    problems = benchmark_problems(config)
    work = benchmark_work(config, problems)

    def sample() -> Facts:
        sample_and_verify(report, work, lambda: engines.at(config.model), verifier)
        return {"samples": work.size}

    def alias() -> Facts:
        return rescued(problems, report.store.programs(report.run_id, purpose="benchmark"), verifier)

    engines = Engines(report.log, config.protocol)
    with open_verifier(verify_settings(config.verifier)) as verifier, closing(engines):
        verifier.check(problems)
        hold_settings(report, config, problems)
        report.store.save_problems(report.run_id, problems, held_out=True)
        once(report, 0, "sample", sample)
        if config.aliased:
            once(report, 0, "alias", alias)
    result = make_result(config, problems, report)
    write_result(config, result, problems, report)
    report.metric("benchmark", 0, {f"pass@{k}": found["value"] for k, found in result["pass_at_k"].items()})
    report.log(summary(result))
