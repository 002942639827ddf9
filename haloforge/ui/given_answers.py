"""What one browser's Playground has answered: the answers to edit, and the blind vote that is open or cast."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from haloforge.errors import ConfigError
from haloforge.store import Store, Vote
from haloforge.ui.generation import Answer
from haloforge.ui.markup import Html
from haloforge.ui.playground_request import Request
from haloforge.ui.widgets import answers as widget


@dataclass(frozen=True)
class Given:
    """The newest answers to a request; `hidden` while their models' names are, `said` tells what became of the vote."""

    request: Request
    answers: Sequence[Answer]
    hidden: bool = False
    said: str = ""

    def markup(self) -> Html:
        """As the page shows it."""
        return widget.render(self.answers, self.request, hidden=self.hidden, said=self.said)

    def program(self, which: str) -> str:
        """The program "MODEL:ATTEMPT", by their places. Raises ConfigError where it is not there any more."""
        model, _, attempt = which.partition(":")
        try:
            code = self.answers[int(model)].attempts[int(attempt)].code
        except (ValueError, IndexError):
            code = None
        if code is None:
            raise ConfigError("That answer is not there any more: generate again.")
        return code

    def stopped(self) -> "Given":
        """As they were when they were stopped."""
        ended = [each if each.is_over else replace(each, state="stopped") for each in self.answers]
        return replace(self, answers=ended)

    def revealed(self, said: str = "") -> "Given":
        """With the names of the models."""
        return replace(self, hidden=False, said=said)


def cast(store: Store, given: Given, choice: str) -> Given:
    """Store a vote for the model at that place, or for nobody, and show the names.

    Raises ConfigError for a vote that was cast already, or that is for no model of these.
    """
    if not given.hidden:
        raise ConfigError("The names are shown already, so this vote would not be blind: generate again to vote.")
    shown = [answer for answer in given.answers if answer.attempts]
    best = ""
    if choice != widget.NOBODY:
        place = int(choice) if choice.isdecimal() else -1
        if not 0 <= place < len(given.answers) or given.answers[place] not in shown:
            raise ConfigError("There is no such answer to vote for.")
        best = given.answers[place].model
    verdicts = [answer.attempts[0].verdict for answer in shown]
    store.save_vote(
        Vote(
            task_id=given.request.problem.task_id,
            prompt=given.request.problem.statement,
            models=tuple(answer.model for answer in shown),
            best=best,
            statuses=tuple(verdict.status if verdict else "" for verdict in verdicts),
            seed=given.request.seed,
        )
    )
    return given.revealed(f"Your vote is stored: {f'{best} is best' if best else 'no difference'}.")
