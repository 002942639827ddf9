"""The `runs` commands."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from haloforge import jobs
from haloforge.cli import watch
from haloforge.cli.terminal import Lines, cost_lines, duration
from haloforge.files import read_text
from haloforge.records import Run
from haloforge.stages.shared.costs import costs
from haloforge.store import Store


def listing(args: argparse.Namespace) -> int:
    """`runs list`."""
    with Store() as store:
        jobs.reconcile(store)
        runs = store.runs(stage=args.stage)
    if args.json:
        print(json.dumps([_plain(run) for run in runs], indent=2))
    elif not runs:
        print("no runs yet; `halo-forge app` or `halo-forge sft train --help` is a start")
    else:
        width = max(len(run.id) for run in runs)
        for run in runs:
            age = duration(time.time() - run.created)
            print(f"{run.id:<{width}}  {run.status:<11}  {age:>12} ago  {run.name}".rstrip())
    return 0


def show(args: argparse.Namespace) -> int:
    """`runs show`."""
    with Store() as store:
        jobs.reconcile(store)
        run = store.run(args.run)
        if args.json:
            events = [{"time": e.time, "kind": e.kind, **e.data} for e in store.events(run.id)]
            phases, spent = store.phases(run.id), [asdict(cost) for cost in costs(store, run.id)]
            print(json.dumps(_plain(run) | {"events": events, "phases": phases, "costs": spent}, indent=2))
            return 0
        print(f"{run.id}  {run.status}  {run.name}".rstrip())
        print(read_text(store.folder(run.id) / "config.yaml").rstrip())
        lines = Lines(sys.stdout)
        if not args.follow:
            for event in store.events(run.id):
                if event.kind != "progress":
                    lines.show(event)
            for line in cost_lines(costs(store, run.id)):
                lines.note(line)
            return 0
        for event in jobs.follow(store, run.id):
            lines.show(event)
        return watch.conclude(store, run.id, lines)


def stop(args: argparse.Namespace) -> int:
    """`runs stop`."""
    with Store() as store:
        jobs.reconcile(store)
        run = jobs.request_stop(store, args.run, args.rung)
    when = {"cycle": "after this cycle", "now": "as soon as it has saved", "kill": "at once"}[args.rung]
    print(f"{run.id} is stopped" if run.is_finished else f"{run.id} will stop {when}")
    return 0


def resume(args: argparse.Namespace) -> int:
    """`runs resume`."""
    with Store() as store:
        return watch.execute(store, jobs.resume(store, args.run), detach=args.detach)


def delete(args: argparse.Namespace) -> int:
    """`runs delete`."""
    with Store() as store:
        jobs.reconcile(store)
        for name in args.run:
            run = store.run(name)
            jobs.delete(store, run.id)
            print(f"{run.id} is forgotten; what it wrote elsewhere stays")
    return 0


def _plain(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__dataclass_fields__} | {"config": dict(run.config)}
