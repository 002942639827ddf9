"""One commit of a Hub model for the whole of a run, whenever it goes on and whatever its branch has become."""

from pathlib import Path

from haloforge.models import fetched, resolve
from haloforge.stages.shared.phases import once
from haloforge.store import Report


def pinned_model(report: Report, name: str) -> str:
    """The name with the commit that it stood for when the run began (`org/name@1f2e...`), recorded with the run.

    What is not from the Hub stays as it is. Raises ModelError.
    """
    if not is_from_hub(name):
        return name

    def ask() -> dict[str, str]:
        pinned = fetched(name, report.log)
        report.log(f"the model {name} is commit {resolve(pinned).revision} of the Hub")
        return {"model": pinned}

    return str(once(report, 0, "pin", ask).findings["model"])


def is_from_hub(name: str) -> bool:
    """Whether a model's name is a Hub id. Raises ModelError for what is no model's name."""
    path = resolve(name).path
    return "/" in path and not Path(path).is_absolute()
