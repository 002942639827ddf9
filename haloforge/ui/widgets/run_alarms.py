"""What is wrong with a cycle, and what to do about it."""

from haloforge.records import Run
from haloforge.settings import value_at
from haloforge.store import Store
from haloforge.ui.markup import Html, h, note

ADVICE = {
    "duplicates": "Raise the temperature (now {temperature}), ask for more problems, or lower samples per prompt.",
    "entropy": "Raise the temperature (now {temperature}), or lower the learning rate (now {rate}).",
    "timeouts": "Look at the samples that timed out; raise the time limit only if honest programs need it.",
    "length": "Look at the shortest kept answers; lower the learning rate (now {rate}).",
    "substance": "Look at what is kept: give problems with tests, for such answers pass without doing much.",
    "near_empty": "Look at what is kept: give problems with tests, for such answers pass without doing much.",
    "one_answer": "One answer serves too many problems: give problems whose tests tell them apart.",
    "brevity": "Kept answers are shorter than the others: look at them before the next cycle.",
    "cheats": "Look at the samples with the verdict violation; they are never trained on.",
    "reward_without_gain": "Stop here and take an earlier cycle: held-out problems are not solved more often.",
    "no_signal": "Give problems of another difficulty: where all samples pass or none does, nothing is learned.",
}
"""Name of an alarm -> what to do."""


def render(store: Store, run: Run) -> list[Html]:
    """The alarms of the newest cycle that has any."""
    raised = store.metrics(run.id, "alarm")
    if not raised:
        return []
    cycle, names = int(raised[-1].data["step"]), list(raised[-1].data["values"])
    start = f"alarm in cycle {cycle}: "
    texts = [str(event.data["text"]) for event in store.events(run.id, kind="log")]
    texts = [text.removeprefix(start) for text in texts if text.startswith(start)][-len(names) :]
    return [_alarm(run, cycle, name, text) for name, text in zip(names, texts, strict=False)]


def _alarm(run: Run, cycle: int, name: str, text: str) -> Html:
    advice = ADVICE.get(name, "").format(
        temperature=value_at(run.config, "generation.temperature"),
        rate=value_at(run.config, "training.learning_rate"),
    )
    return note([f"Cycle {cycle}: {text}. ", h("span", advice, cls="muted")], "error")
