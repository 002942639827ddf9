"""Ask a model for code, and verify code: nothing of it is stored."""

import time
from dataclasses import replace
from typing import Literal

from haloforge.errors import DataError
from haloforge.generate import SamplingParams
from haloforge.records import Problem, Tests
from haloforge.stages.answer import Completed, Question, Verified, answer, verifier_of
from haloforge.store import Store
from haloforge.ui import inventory, space
from haloforge.ui.api.shapes import Judged
from haloforge.ui.generation import engine_of
from haloforge.ui.playground_request import allowed_models, find_problem
from haloforge.ui.typed_tests import pasted_asserts

Language = Literal["python", "cpp", "c", "rust", "go", "java", "javascript", "typescript"]


def list_models(store: Store) -> list[str]:
    """The models that `generate` and the stages can use here: the embedded one, and every checkpoint, newest first."""
    return list(space.caps().models or inventory.choices("model", store.root))


def generate(
    store: Store,
    model: str,
    prompt: str = "",
    language: Language = "python",
    asserts: str = "",
    file: str = "",
    task_id: str = "",
    max_new_tokens: int = 256,
    temperature: float = 0.7,
    seed: int = 0,
) -> Judged:
    """Let a model answer a prompt, and verify the code in its answer as in training. Nothing is stored.

    Args:
        model: a model of `list_models`, a folder or Hub id, `ollama:NAME`, `openai:NAME@URL` or `anthropic:NAME`.
        prompt: what to ask; empty asks the problem that `file` and `task_id` name.
        language: the language of the answer.
        asserts: Python assert statements to test the answer with; empty without a problem means compile and run only.
        file: a problem file of `list_data`, or the name of a bundled set; its tests judge the answer.
        task_id: the problem in that file.
        max_new_tokens: at most so many tokens.
        temperature: 0 is greedy.
        seed: the same seed gives the same answer.
    """
    caps = space.caps()
    [name] = allowed_models([model], caps.models)
    problem = _problem(store, prompt, language, asserts, (file, task_id))
    params = SamplingParams(max_new_tokens=max(1, min(max_new_tokens, caps.max_new_tokens)), temperature=temperature)
    deadline = time.monotonic() + caps.seconds
    text = ""
    code: str | None = None
    with verifier_of(problem) as verify:
        question = Question(problem, params, seed)
        for event in answer(engine_of(name, store.root), question, verify, lambda: time.monotonic() > deadline):
            match event:
                case Completed(text, code):
                    pass
                case Verified(verdict):
                    return {"text": text, "code": code, "verdict": verdict.to_json()}
    raise DataError(f"the answer took longer than {caps.seconds:.0f} s and was stopped; ask for fewer tokens")


def verify_code(
    store: Store, code: str, language: Language = "python", asserts: str = "", file: str = "", task_id: str = ""
) -> Judged:
    """Judge code as training would: compile and run it in the sandbox, against the tests of a problem or asserts.

    Args:
        code: the program.
        language: its language.
        asserts: Python assert statements; empty without a problem means compile and run only.
        file: a problem file of `list_data`, or the name of a bundled set; its tests judge the code.
        task_id: the problem in that file.
    """
    with verifier_of(_problem(store, "your own code", language, asserts, (file, task_id))) as verify:
        return {"text": code, "code": code, "verdict": verify(code).to_json()}


def _problem(store: Store, prompt: str, language: str, asserts: str, place: tuple[str, str]) -> Problem:
    """The problem that is named, or one made of a prompt and asserts. Raises ForgeError."""
    if any(place):
        chosen = find_problem(store.root, *place)
        return replace(chosen, prompt=prompt) if prompt.strip() and not asserts else chosen
    if not prompt.strip():
        raise DataError("give a prompt, or the file and task_id of a problem")
    tests = pasted_asserts(asserts, language) if asserts.strip() else Tests()
    return Problem("prompt", prompt, language=language, tests=tests)
