"""The `Modelfile` beside a GGUF: what `ollama create` reads. Ollama has templates in a language of its own."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haloforge.models.ending import end_token_ids
from haloforge.models.loading import LoadedModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ROLES = ("system", "user", "assistant")
_MARK = "\N{BLACK SQUARE}{}\N{BLACK SQUARE}"
"""Stands for the text of a message while a template is taken apart; no template has such a text of its own."""


@dataclass(frozen=True, slots=True)
class TurnTexts:
    """A chat template as plain pieces: what stands before and after the text of each role, and what starts an answer.

    `before_all` stands once at the start; `default_system` is the system message of a chat that has none, or empty.
    """

    before: dict[str, str]
    after: dict[str, str]
    answer: str
    before_all: str = ""
    default_system: str = ""

    def render(self, messages: list[dict[str, str]]) -> str:
        """The prompt for an answer to these messages."""
        if self.default_system and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": self.default_system}, *messages]
        turns = (self.before[m["role"]] + m["content"] + self.after[m["role"]] for m in messages)
        return self.before_all + "".join(turns) + self.answer


def modelfile(loaded: LoadedModel, file: str) -> str:
    """Where the weights are, how a chat becomes a prompt, and the strings that end an answer.

    A chat template that is more than pieces around each message is left to what Ollama makes of the one in the GGUF.
    """
    tokenizer = loaded.tokenizer
    texts = turn_texts(tokenizer)
    ends = sorted(end_token_ids(loaded.model, tokenizer))
    lines = [f"FROM ./{file}"]
    if texts:
        lines += [f'TEMPLATE """{_go_template(texts)}"""']
        lines += [f'SYSTEM """{texts.default_system}"""'] if texts.default_system else []
    else:
        lines += ["# The chat template is not one piece per message; Ollama uses what it makes of the one in the GGUF."]
    lines += [f'PARAMETER stop "{token}"' for token in map(tokenizer.convert_ids_to_tokens, ends) if '"' not in token]
    return "\n".join(lines) + "\n"


def turn_texts(tokenizer: "PreTrainedTokenizerBase") -> TurnTexts | None:
    """The pieces of a chat template, tried on whole chats; None where it is not made of such pieces."""
    try:
        found = _pieces(tokenizer)
        chats = [_chat(*roles) for roles in (("user",), _ROLES, (*_ROLES, "user"), ("user", "assistant", "user"))]
        return found if found and all(found.render(chat) == _rendered(tokenizer, chat) for chat in chats) else None
    except _template_errors():
        return None


def _pieces(tokenizer: "PreTrainedTokenizerBase") -> TurnTexts | None:
    """Told from one chat whose texts are marks: what stands between two marks ends one turn and begins the next."""
    alone = _rendered(tokenizer, _chat("system", "user"))
    answer_starts = _rendered(tokenizer, _chat("user"), answer=False)
    answer = _rendered(tokenizer, _chat("user")).removeprefix(answer_starts)
    whole = _rendered(tokenizer, _chat("user", "assistant", "user", "assistant"), answer=False)
    marks = [_MARK.format(index) for index in range(4)]
    pieces: list[str] = []
    for mark in marks:
        piece, found, whole = whole.partition(mark)
        if not found:
            return None
        pieces.append(piece)
    first, to_assistant, to_user, _ = pieces
    user_end, assistant_end = _shared_end(to_assistant, answer), whole
    if user_end is None or not to_user.startswith(assistant_end):
        return None
    user_start = to_user.removeprefix(assistant_end)
    system_start, _, rest = alone.partition(marks[0])
    system_end = rest.partition(marks[1])[0].removesuffix(user_start)
    opening = first.removesuffix(user_start)
    default = opening.removeprefix(system_start).removesuffix(system_end) if system_start in opening else ""
    before_all = "" if default else opening
    return TurnTexts(
        {"system": system_start.removeprefix(before_all), "user": user_start, "assistant": answer},
        {"system": system_end, "user": user_end, "assistant": assistant_end},
        answer,
        before_all,
        default,
    )


def _shared_end(piece: str, answer: str) -> str | None:
    """What ends the user's turn: the piece before the assistant's text without what starts an answer."""
    return piece.removesuffix(answer) if answer and piece.endswith(answer) else None


def _chat(*roles: str) -> list[dict[str, str]]:
    return [{"role": role, "content": _MARK.format(index)} for index, role in enumerate(roles)]


def _rendered(tokenizer: "PreTrainedTokenizerBase", chat: list[dict[str, str]], *, answer: bool = True) -> str:
    text: Any = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=answer)
    return str(text)


def _template_errors() -> tuple[type[Exception], ...]:
    """What a template raises for roles that it refuses; Mistral's first ones have no system."""
    from jinja2 import TemplateError

    return (TemplateError, ValueError)


def _go_template(texts: TurnTexts) -> str:
    """In the language of Go's text/template; literal braces do not occur in chat templates' pieces."""
    turns = "".join(
        f'{{{{ {"else if" if place else "if"} eq .Role "{role}" }}}}{texts.before[role]}'
        f"{{{{ .Content }}}}{texts.after[role]}"
        for place, role in enumerate(_ROLES)
    )
    return f"{texts.before_all}{{{{ range .Messages }}}}{turns}{{{{ end }}}}{{{{ end }}}}{texts.answer}"
