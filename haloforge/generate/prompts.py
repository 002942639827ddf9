"""What a model is asked and how a right answer looks: the named prompt protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from haloforge.answers import defines, extract_code
from haloforge.errors import ConfigError
from haloforge.generate import mbpp_3shot
from haloforge.languages import language_of
from haloforge.models import FALLBACK_CHAT_TEMPLATE
from haloforge.problems import EXAMPLE_INTRO
from haloforge.python_source import defined_names, parse
from haloforge.records import Message, Problem

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, slots=True)
class PromptProtocol:
    """One published way of asking; a score only compares with scores of the same protocol.

    `prefill` begins the model's answer for it (local engine only: servers do not continue a started answer), `stop`
    ends it in a chat, and `base_prompt` is what a base model without a chat template continues instead, up to
    `base_stop`; where `is_plain`, every model does. `extract` finds the program in an answer; `misfit` says why a
    problem cannot be asked so, if it cannot; `as_judged` is the problem with the tests that the protocol judges by.
    """

    name: str
    messages: Callable[[Problem], list[Message]]
    prefill: str = ""
    stop: tuple[str, ...] = ()
    base_prompt: Callable[[Problem], str] | None = None
    base_stop: Callable[[Problem], tuple[str, ...]] = lambda problem: ()
    is_plain: bool = False
    extract: Callable[[str, Problem], str | None] = extract_code
    misfit: Callable[[Problem], str] = lambda problem: ""
    as_judged: Callable[[Problem], Problem] = lambda problem: problem


def messages(problem: Problem) -> list[Message]:
    """The chat of the protocol `halo`: the task, and the wish for the whole program in one code block.

    A prompt that already is a chat is used word for word.
    """
    if not isinstance(problem.prompt, str):
        return list(problem.prompt)
    language = language_of(problem.language).display_name
    parts = [_task(problem, language), *_interface(problem)]
    if problem.tests.kind == "stdio":
        parts.append("The program reads from standard input and writes to standard output.")
    parts.append(f"Reply with the whole {language} program in one code block.")
    return [{"role": "user", "content": "\n\n".join(parts)}]


def completion_text(problem: Problem, solution: str) -> str:
    """The answer that a training row should have: the whole program in one fenced block.

    A solution that only continues the problem's starter code is put after it.
    """
    code = solution.strip("\n")
    if _continues_starter(problem, code):
        code = problem.starter_code.rstrip("\n") + "\n" + code
    return f"```{language_of(problem.language).name}\n{code}\n```"


def render(
    tokenizer: "PreTrainedTokenizerBase", problem: Problem, protocol: "PromptProtocol | None" = None
) -> list[int]:
    """Token ids of a problem's prompt, up to where the model goes on writing."""
    protocol = protocol or HALO
    if protocol.base_prompt is not None and _is_plain(tokenizer, protocol):
        return list(tokenizer(protocol.base_prompt(problem))["input_ids"])
    return render_messages(tokenizer, protocol.messages(problem), protocol.prefill)


def stop_strings(tokenizer: "PreTrainedTokenizerBase", problem: Problem, protocol: PromptProtocol) -> tuple[str, ...]:
    """What ends an answer to a problem."""
    if protocol.base_prompt is None or not _is_plain(tokenizer, protocol):
        return protocol.stop
    return protocol.base_stop(problem)


def _is_plain(tokenizer: "PreTrainedTokenizerBase", protocol: PromptProtocol) -> bool:
    return protocol.is_plain or tokenizer.chat_template == FALLBACK_CHAT_TEMPLATE


def render_messages(tokenizer: "PreTrainedTokenizerBase", chat: Sequence[Message], prefill: str = "") -> list[int]:
    """Token ids of a chat, up to where the assistant goes on after `prefill`."""
    plain = [dict(message) for message in chat]
    text = tokenizer.apply_chat_template(plain, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(str(text) + prefill, add_special_tokens=False)["input_ids"])


def protocol_named(name: str) -> PromptProtocol:
    """Raises ConfigError for an unknown name."""
    if name not in PROTOCOLS:
        raise ConfigError(f"Unknown prompt protocol {name!r}; use one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def _task(problem: Problem, language: str) -> str:
    starter = problem.starter_code.strip("\n")
    if not starter:
        return problem.statement.strip()
    block = f"```{language_of(problem.language).name}\n{starter}\n```"
    if problem.meta.get("prompt_is_code"):
        return f"Complete this {language} code:\n\n{block}"
    return f"{problem.statement.strip()}\n\nStart from this code:\n\n{block}"


def _interface(problem: Problem) -> list[str]:
    """The first visible test, where the statement does not name the function that the tests will call."""
    visible = problem.tests.code if problem.tests.kind == "asserts" else ()
    if not visible or not problem.entry_point or problem.entry_point in problem.statement:
        return []
    return [f"Your code should satisfy this test:\n{visible[0]}"]


def _continues_starter(problem: Problem, code: str) -> bool:
    starter, name = problem.starter_code, problem.entry_point
    if not starter or not name:
        return False
    if language_of(problem.language).syntax == "python":
        return not _defines(code, name)
    return f"{name}(" not in code and not defines(code, name, problem.language)


def _defines(code: str, name: str) -> bool:
    return name in defined_names(code) if parse(code) else f"def {name}" in code


def _evalplus_task(problem: Problem) -> str:
    """The code to complete; of MBPP a docstring with the task and its first assert."""
    text, is_mbpp, assertion = problem.statement.partition(f"\n{EXAMPLE_INTRO}\n")
    return f'"""\n{text}\n{assertion}\n"""' if is_mbpp else problem.statement.strip()


def _evalplus_base_stop(problem: Problem) -> tuple[str, ...]:
    is_mbpp = EXAMPLE_INTRO in problem.statement
    own = ('\n"""', "\nassert") if is_mbpp else ("\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert ")
    return (*_EVALPLUS_STOP, *own)


def _evalplus_messages(problem: Problem) -> list[Message]:
    task = _evalplus_task(problem)
    ask = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
    return [{"role": "user", "content": f"{ask}\n```\n{task}\n```\n"}]


_EVALPLUS_STOP = ("<|endoftext|>", "<|endofmask|>", "</s>", "\nif __name__", "\ndef main(", "\nprint(")

HALO = PromptProtocol(name="halo", messages=messages)
"""Ours: a chat with no prefill that asks for the whole program; what RAFT samples and trains on."""

EVALPLUS = PromptProtocol(
    name="evalplus",
    messages=_evalplus_messages,
    prefill=(
        "Below is a Python script with a self-contained function that solves the problem and passes corresponding "
        "tests:\n```python\n"
    ),
    stop=(*_EVALPLUS_STOP, "\n```\n"),
    base_prompt=lambda problem: _evalplus_task(problem) + "\n",
    base_stop=_evalplus_base_stop,
)
"""The chat prompt of evalplus 0.3, word for word; base models continue the bare problem."""

MBPP_3SHOT = PromptProtocol(
    name="mbpp-3shot",
    messages=lambda problem: [{"role": "user", "content": mbpp_3shot.prompt(problem)}],
    stop=(mbpp_3shot.END,),
    base_prompt=mbpp_3shot.prompt,
    base_stop=lambda problem: (mbpp_3shot.END,),
    is_plain=True,
    extract=mbpp_3shot.extract,
    misfit=mbpp_3shot.misfit,
    as_judged=mbpp_3shot.as_judged,
)
"""The prompt of the MBPP paper: plain text with three solved tasks, which the model continues."""

PROTOCOLS: Mapping[str, PromptProtocol] = {protocol.name: protocol for protocol in (HALO, EVALPLUS, MBPP_3SHOT)}
