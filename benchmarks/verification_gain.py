"""The gain from verification: RAFT against the same loop that trains on as many samples chosen without the verifier.

Run: python benchmarks/verification_gain.py --dataset starter-labels

Every seed holds out another share of the operations of a bundled set; no problem of a held-out operation is trained on.
Every score is given twice, on the same samples of the held-out problems: strict, and aliased, where a function with
another name than the requested one counts too. Intervals are paired and clustered by operation. In the rows of all
seeds together, an operation that several seeds hold out is still one cluster. The intervals do not include how much one
training run differs from the next; the rows of single seeds show that. It can be stopped and started again: finished
runs are kept.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from haloforge.config import PrepareConfig, RaftConfig
from haloforge.errors import ForgeError
from haloforge.files import read_jsonl, write_jsonl
from haloforge.records import Purpose, Sample
from haloforge.stages import raft
from haloforge.stages.benchmark.aliasing import passes_with_alias
from haloforge.stages.data import prepare
from haloforge.stages.shared.scores import Tally, paired, tally
from haloforge.store import Report, Store, StoredTokens
from haloforge.verify import VerifySettings, open_verifier

STARTING_MODEL: tuple[tuple[int, Purpose], ...] = ((0, "eval"), (1, "train"))
"""Cycle and purpose of the samples that are taken before anything is trained."""

ARMS = {"RAFT": "none", "unverified": "unverified", "shuffled rewards": "shuffled_rewards"}


class Cell(NamedTuple):
    """One seed and arm: the rows trained on, how many of them pass their tests (`right`), and the held-out tallies
    before and after training, strict and aliased.
    """

    rows: int
    right: int
    before: list[Tally]
    after: list[Tally]
    aliased_before: list[Tally]
    aliased_after: list[Tally]


Table = Mapping[str, Mapping[str, Cell]]
"""Seed, or "all", -> arm -> cell."""


def main() -> None:
    """Run what is missing and print the table in Markdown."""
    try:
        print("\n".join(table(experiment(arguments()))))
    except ForgeError as error:
        sys.exit(str(error))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="starter-easy", choices=["starter-easy", "starter-labels"])
    parser.add_argument("--output", type=Path, help="default: runs/verification-gain/DATASET")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--seeds", default=[0, 1, 2], type=int, nargs="+")
    parser.add_argument("--arms", default=["RAFT", "unverified"], choices=ARMS, nargs="+")
    parser.add_argument("--samples", default=4, type=int, help="per problem, in training and in evaluation")
    options = parser.parse_args()
    options.output = options.output or Path("runs/verification-gain", options.dataset)
    return options


def experiment(options: argparse.Namespace) -> Table:
    """Run every seed and arm that is not done yet; returns their cells, and those of all seeds together if several."""
    cells: dict[str, dict[str, Cell]] = {}
    with Store(options.output / "records") as store:
        problems = prepared(store, options.dataset, options.output / "problems.jsonl")
        for seed in options.seeds:
            first = ""
            for arm in options.arms:
                run_id = finished(store, settings(options, problems, arm, seed), f"{arm} seed {seed}", first)
                cells.setdefault(str(seed), {})[arm] = cell(store, run_id)
                first = first or run_id
    return cells | ({"all": {arm: pooled(cells, arm) for arm in options.arms}} if len(cells) > 1 else {})


def prepared(store: Store, dataset: str, path: Path) -> Path:
    """Write all Python problems of a bundled set without their split labels, so that every seed splits them anew."""
    if not path.exists():
        whole = path.with_name(f"{dataset}.jsonl")
        config = PrepareConfig.parse({"dataset": dataset, "output": str(whole), "split": "all", "language": "python"})
        prepare.run(config, Report(store, store.create_run("data-prepare", config.to_json()).id))
        write_jsonl(path, (row | {"split": ""} for _, row in read_jsonl(whole)))
    return path


def settings(options: argparse.Namespace, problems: Path, arm: str, seed: int) -> RaftConfig:
    """One cycle on four samples a problem, of which at most three distinct ones are kept."""
    values = {
        "sft_checkpoint": options.model,
        "output_dir": str(options.output / f"{ARMS[arm]}-{seed}"),
        "prompts": str(problems),
        "raft": {
            "num_cycles": 1,
            "samples_per_prompt": options.samples,
            "keep_top_percent": 1.0,
            "max_per_prompt": 3,
            "control": ARMS[arm],
        },
        "generation": {"max_new_tokens": 96, "temperature": 0.7, "batch_size": 16},
        "training": {"epochs": 2, "batch_size": 8, "gradient_accumulation_steps": 1, "learning_rate": 5e-4},
        "evaluation": {"holdout": 0.4, "samples_per_prompt": options.samples},
        "seed": seed,
    }
    return RaftConfig.parse(values)


def finished(store: Store, config: RaftConfig, name: str, first: str) -> str:
    """Run to the end the run of that name, or go on with it if it was interrupted; returns its id.

    The samples of the starting model are the same in every arm of a seed, so they are copied from the run `first`.
    """
    run = next((r for r in store.runs(stage="raft") if r.name == name), None)
    run = run or store.create_run("raft", config.to_json(), name=name)
    if run.status != "done":
        if first:
            copy_first_samples(store, first, run.id)
        raft.run(config, Report(store, run.id))
        store.finish(run.id, "done")
    print(f"{name}: done", flush=True)
    return run.id


def copy_first_samples(store: Store, source: str, target: str) -> None:
    """Copy the samples of the starting model, held-out and for training, with their verdicts."""
    for cycle, purpose in STARTING_MODEL:
        judged = store.samples(source, cycle=cycle, purpose=purpose)
        verdicts = {(j.sample.task_id, j.sample.index): j.verdict for j in judged}
        held = {t.id: t for t in store.tokens(j.id for j in judged)}
        store.save_samples(target, cycle, purpose, [_whole(j.sample, held[j.id]) for j in judged])
        copies = store.samples(target, cycle=cycle, purpose=purpose)
        known = ((c.id, verdicts[c.sample.task_id, c.sample.index]) for c in copies)
        store.save_verdicts((sample_id, verdict) for sample_id, verdict in known if verdict)


def _whole(sample: Sample, held: StoredTokens) -> Sample:
    prompt_ids, token_ids, logprobs = tuple(held.prompt_ids), tuple(held.token_ids), tuple(held.logprobs)
    return replace(sample, prompt_ids=prompt_ids, token_ids=token_ids, logprobs=logprobs)


def cell(store: Store, run_id: str) -> Cell:
    """The numbers of a finished run; its failed held-out samples are scored again with aliases.

    Raises ForgeError for a run without scored held-out samples or without rows to train on.
    """
    held_out = store.problems(run_id, held_out=True)
    scores: list[list[Tally]] = []
    with open_verifier(VerifySettings()) as verifier:
        for cycle in (0, 1):
            samples = list(store.programs(run_id, cycle=cycle, purpose="eval"))
            strict = tally(held_out, (p.sample for p in samples))
            aliased = passes_with_alias(held_out, samples, verifier)
            if not any(t.scored for t in strict):
                raise ForgeError(
                    f"none of the {len(samples)} held-out samples of run {run_id}, cycle {cycle}, could be judged "
                    "here, so there is no score; ask `halo-forge doctor` why, then start again with another --output"
                )
            scores += [strict, [replace(t, passed=t.passed + aliased.get(t.task_id, 0)) for t in strict]]
    kept = store.samples(run_id, cycle=1, purpose="train", kept=True)
    if not kept:
        raise ForgeError(f"run {run_id} kept nothing to train on")
    right = sum(judged.verdict is not None and judged.verdict.passed for judged in kept)
    return Cell(len(kept), right, scores[0], scores[2], scores[1], scores[3])


def pooled(cells: Table, arm: str) -> Cell:
    """The cells of all seeds as one: problems of different seeds stay apart, but share the cluster of their family."""
    by_seed = [(seed, arms[arm]) for seed, arms in cells.items()]
    return Cell(
        rows=sum(c.rows for _, c in by_seed),
        right=sum(c.right for _, c in by_seed),
        before=[t for seed, c in by_seed for t in of_seed(seed, c.before)],
        after=[t for seed, c in by_seed for t in of_seed(seed, c.after)],
        aliased_before=[t for seed, c in by_seed for t in of_seed(seed, c.aliased_before)],
        aliased_after=[t for seed, c in by_seed for t in of_seed(seed, c.aliased_after)],
    )


def of_seed(seed: str, tallies: Iterable[Tally]) -> Iterator[Tally]:
    """The same tallies with task ids that no other seed has."""
    return (replace(t, task_id=f"seed {seed}: {t.task_id}") for t in tallies)


def table(cells: Table) -> Iterator[str]:
    """Lines of Markdown: a row per seed and arm, and below each seed RAFT less every other arm."""
    yield "| seed | arm | rows (right) | strict before | after | gain | aliased before | after | gain |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for seed, arms in cells.items():
        for arm, c in arms.items():
            strict = f"{rate(c.before)} | {rate(c.after)} | {gain(c.before, c.after)}"
            aliased = f"{rate(c.aliased_before)} | {rate(c.aliased_after)} | {gain(c.aliased_before, c.aliased_after)}"
            yield f"| {seed} | {arm} | {c.rows} ({c.right}) | {strict} | {aliased} |"
        for arm, c in arms.items():
            if arm != "RAFT" and "RAFT" in arms:
                ours = arms["RAFT"]
                strict, aliased = gain(c.after, ours.after), gain(c.aliased_after, ours.aliased_after)
                yield f"| {seed} | RAFT less {arm} | | | | {strict} | | | {aliased} |"


def rate(tallies: Sequence[Tally]) -> str:
    """Mean pass@1 over the problems that have a score, of which `cell` makes sure that there are some."""
    rates = [t.rate for t in tallies if t.scored]
    return f"{sum(rates) / len(rates):.3f}"


def gain(before: Sequence[Tally], after: Sequence[Tally]) -> str:
    """The paired difference, its interval, and better, worse or no detectable change."""
    comparison = paired(before, after)
    if comparison is None:
        return "nothing in common"
    d = comparison.difference
    return f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}] {comparison.verdict}"


if __name__ == "__main__":
    main()
