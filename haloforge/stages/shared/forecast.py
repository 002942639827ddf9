"""What a plan will take, memory and time, told before it starts; refused where it cannot fit; how far off it was."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from haloforge.cores import is_busy, usable_cores
from haloforge.errors import ForgeError
from haloforge.estimates import Adapting, PhaseTime, calibrated, duration, highest, time_text
from haloforge.models import config_folder, load_tokenizer
from haloforge.stages.shared.earlier import earlier_run
from haloforge.stages.shared.lengths import Lengths
from haloforge.stages.shared.memory import NeedsIn, Room, checked_needs, memory_text, peak
from haloforge.stages.shared.pace import Pace
from haloforge.stages.shared.phases import recorded
from haloforge.store import Report

_NOT_HERE = "not known: the model is not on this machine yet, or of a kind that cannot be counted"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stage will do with one model: the memory that its phases need, and the seconds that they take.

    `samples` and `adapting` say which of the model's rates must be known. `in_4bit`: nothing is measured in 4 bits.
    `served`: servers sample, and how fast they are is not known here.
    """

    model: str
    needs_in: NeedsIn
    times_in: Callable[[Pace], Sequence[PhaseTime]]
    samples: bool = True
    adapting: Adapting | None = None
    in_4bit: bool = False
    served: bool = False


class Forecast(NamedTuple):
    """The phases' seconds, by the clock and in CPU time, and what they rest on; or why nothing is known."""

    wall: Sequence[PhaseTime]
    cpu: Sequence[PhaseTime]
    assumed: Sequence[str]
    unknown: str = ""

    def text(self) -> str:
        """For the dry run."""
        if self.unknown:
            return self.unknown
        return "; ".join([time_text(self.wall), *self.assumed, *_busy()])


class _Outcome(NamedTuple):
    """The phases that were done without a break: what they took and what was expected, by the clock and in CPU time.

    The verifier's processes are not in the CPU time of a phase.
    """

    seconds: float
    estimated: float
    cpu: float
    estimated_cpu: float

    @classmethod
    def of(cls, report: Report, expected: Forecast) -> "_Outcome | None":
        """None where nothing was expected, or nothing was done from its beginning to its end."""
        sums = [0.0] * 4
        for wall, cpu in zip(expected.wall, expected.cpu, strict=True):
            record = recorded(report.store, report.run_id, wall.cycle, wall.phase)
            if record and not record.cost.is_resumed:
                own_cpu = cpu.total - cpu.parts.get("verification", 0.0)
                found = (record.cost.seconds, wall.total, record.cost.cpu_s or 0.0, own_cpu)
                sums = [total + more for total, more in zip(sums, found, strict=True)]
        return cls(*sums) if sums[0] else None

    def line(self) -> str:
        """For the log."""
        off = self.estimated / self.seconds - 1
        return f"time: {duration(self.seconds)}, {duration(self.estimated)} estimated ({off:+.0%})"

    def values(self) -> dict[str, float]:
        """For the records."""
        return {
            "seconds": self.seconds,
            "estimated_seconds": self.estimated,
            "cpu_s": self.cpu,
            "estimated_cpu_s": self.estimated_cpu,
        }


def memory_and_time(plan: Plan, *, measures: bool) -> tuple[str, str]:
    """For the dry run. Raises ConfigError where the plan needs more memory than there is.

    Unless this `measures`, nobody reads the time, and it is not computed: no time is a reason to refuse a plan.
    """
    memory = memory_text(plan.model, plan.needs_in)
    return memory, forecast(plan).text() if measures else "not asked for"


def forecast(plan: Plan, run: Report | None = None, *, measures: bool = True) -> Forecast:
    """How long the plan takes; `run` is the run that asks. Never raises.

    By a measurement of some seconds, which is kept for the next time; unless this `measures`, it must be there already.
    """
    from jinja2 import TemplateError

    try:
        return _forecast(plan, run, measures)
    except (ForgeError, OSError, LookupError, ValueError, TypeError, RuntimeError, TemplateError) as error:
        _log.info("the time of a run of %s cannot be estimated: %s", plan.model, error)
        return Forecast((), (), (), f"not known: {error}")


@contextmanager
def watched(report: Report, plan: Plan) -> Iterator[None]:
    """Refuse what cannot fit, with ConfigError; when the block ended well, log how far off the estimates were."""
    room = Room.of(plan.model)
    needs = checked_needs(report, room, plan.needs_in) if room else ()
    expected = forecast(plan, report, measures=False)
    for phase in expected.wall:
        report.metric("forecast", phase.cycle, {phase.phase: phase.total})
    yield
    found = _Outcome.of(report, expected)
    if room:
        most, estimated = peak(room.device) / 2**30, highest(needs).total / 2**30
        report.log(f"memory: {most:.2f} GiB at its peak, {estimated:.2f} GiB estimated ({estimated / most - 1:+.0%})")
        values = {"peak_gib": most, "estimated_peak_gib": estimated}
        report.metric("estimate", 0, values | (found.values() if found else {}))
    if found:
        report.log(found.line())


def _forecast(plan: Plan, run: Report | None, measures: bool) -> Forecast:
    room, folder = Room.of(plan.model), config_folder(plan.model)
    if room is None or folder is None:
        return Forecast((), (), (), _NOT_HERE)
    if plan.served:
        return Forecast((), (), (), "not known: how fast the vLLM servers sample is not measured")
    if plan.in_4bit:
        return Forecast((), (), (), "not known: how fast a model in 4 bits is, is not measured")
    rates = calibrated(folder, sampling=plan.samples, adapting=plan.adapting, measures=measures)
    if plan.samples and rates.wall.sampling is None:
        return Forecast((), (), (), _unmeasured(plan, run))
    if plan.adapting and rates.wall.training is None:
        return Forecast((), (), (), "not known: how fast this model trains could not be measured")
    tokenizer, earlier = load_tokenizer(str(folder)), earlier_run(plan.model, run)
    lengths = Lengths(tokenizer)
    paces = [Pace(each, room, lengths, earlier, measures=measures) for each in rates]
    wall, cpu = (plan.times_in(pace) for pace in paces)
    return Forecast(wall, cpu, list(paces[0].assumed))


def _busy() -> list[str]:
    """Others' work makes a plan slower than it is told."""
    if not is_busy():
        return []
    return [f"longer while {os.getloadavg()[0]:.0f} processes share {usable_cores()} cores, as they do now"]


def _unmeasured(plan: Plan, run: Report | None) -> str:
    earlier = earlier_run(plan.model, run)
    speed = earlier and earlier.tokens_per_s
    why = "not known: how fast it samples could not be measured, as only models that run in the engine's slots can be"
    return why + (f"; in run {earlier.run} it sampled {speed:.0f} tokens per second" if earlier and speed else "")
