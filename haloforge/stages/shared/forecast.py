"""What a plan will take, memory and time, told before it starts; refused where it cannot fit; how far off it was."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from haloforge.errors import ForgeError
from haloforge.estimates import Adapting, PhaseTime, calibrated, duration, time_text
from haloforge.models import config_folder, load_tokenizer
from haloforge.stages.shared.earlier import earlier_run
from haloforge.stages.shared.memory import NeedsIn, Room, checked_needs, measured_line, memory_text
from haloforge.stages.shared.pace import Pace
from haloforge.stages.shared.phases import recorded
from haloforge.store import Report

_NOT_HERE = "not known: the model is not on this machine yet, or of a kind that cannot be counted"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stage will do with one model: the memory that its phases need, and the seconds that they take.

    `samples` and `adapting` say which of the model's rates must be known. `in_4bit`: nothing is measured in 4 bits.
    """

    model: str
    needs_in: NeedsIn
    times_in: Callable[[Pace], Sequence[PhaseTime]]
    samples: bool = True
    adapting: Adapting | None = None
    in_4bit: bool = False


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
        return "; ".join([time_text(self.wall), *self.assumed])


def memory_and_time(plan: Plan) -> tuple[str, str]:
    """For the dry run. Raises ConfigError where the plan needs more memory than there is."""
    memory = memory_text(plan.model, plan.needs_in)
    return memory, forecast(plan).text()


def forecast(plan: Plan, *, but: str = "") -> Forecast:
    """How long the plan takes; `but` is the run that asks, which is no earlier run. Takes some seconds the first time.

    Never raises where a run could go on without an estimate.
    """
    try:
        return _forecast(plan, but)
    except (ForgeError, OSError, ValueError, KeyError, TypeError) as error:
        _log.info("the time of a run of %s cannot be estimated: %s", plan.model, error)
        return Forecast((), (), (), f"not known: {error}")


@contextmanager
def watched(report: Report, plan: Plan) -> Iterator[None]:
    """Refuse what cannot fit, with ConfigError; when the block ended well, log how far off the estimates were."""
    room = Room.of(plan.model)
    needs = checked_needs(report, room, plan.needs_in) if room else ()
    expected = forecast(plan, but=report.run_id)
    yield
    if room:
        report.log(measured_line(needs, room.device))
    if line := _time_line(report, expected.wall):
        report.log(line)


def _forecast(plan: Plan, but: str) -> Forecast:
    room, folder = Room.of(plan.model), config_folder(plan.model)
    if room is None or folder is None:
        return Forecast((), (), (), _NOT_HERE)
    if plan.in_4bit:
        return Forecast((), (), (), "not known: how fast a model in 4 bits is, is not measured")
    rates = calibrated(folder, sampling=plan.samples, adapting=plan.adapting)
    if plan.samples and rates.wall.sampling is None:
        return Forecast((), (), (), _unmeasured(plan, but))
    if plan.adapting and rates.wall.training is None:
        return Forecast((), (), (), "not known: how fast this model trains could not be measured")
    tokenizer, earlier = load_tokenizer(str(folder)), earlier_run(plan.model, but=but)
    paces = [Pace(each, room, tokenizer, earlier) for each in rates]
    wall, cpu = (plan.times_in(pace) for pace in paces)
    return Forecast(wall, cpu, list(paces[0].assumed))


def _unmeasured(plan: Plan, but: str) -> str:
    earlier = earlier_run(plan.model, but=but)
    speed = earlier and earlier.tokens_per_s
    why = "not known: how fast it samples is measured only for models that run in the engine's slots"
    return why + (f"; in run {earlier.run} it sampled {speed:.0f} tokens per second" if earlier and speed else "")


def _time_line(report: Report, expected: Sequence[PhaseTime]) -> str:
    """Over the phases that were done without a break; empty where there is none."""
    pairs = [(recorded(report.store, report.run_id, phase.cycle, phase.phase), phase.total) for phase in expected]
    whole = [(record.cost.seconds, seconds) for record, seconds in pairs if record and not record.cost.is_resumed]
    took, estimated = (sum(pair[place] for pair in whole) for place in (0, 1))
    if not took:
        return ""
    return f"time: {duration(took)}, {duration(estimated)} estimated ({estimated / took - 1:+.0%})"
