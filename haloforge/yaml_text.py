"""YAML that somebody wrote, dropped or sent, read with limits: a few lines can mean more than memory holds."""

from typing import Any

import yaml

from haloforge.errors import ConfigError

MOST_CHARACTERS = 1_000_000
_DEEPEST = 50
_MOST_VALUES = 100_000
"""With what aliases stand for: each is counted as often as it is referred to."""


class _Refused(yaml.MarkedYAMLError):
    """YAML that is valid, and more than a config can mean."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which counts what it composes."""

    depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node with all that is in it."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.depth >= _DEEPEST:
            raise _Refused(problem=f"it is nested more than {_DEEPEST} deep", problem_mark=mark)
        is_alias = self.check_event(yaml.AliasEvent)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        if is_alias and id(node) not in self.sizes:
            raise _Refused(problem="it refers to itself", problem_mark=mark)
        self.sizes.setdefault(id(node), 1 + sum(self.sizes[id(child)] for child in _children(node)))
        if self.sizes[id(node)] > _MOST_VALUES:
            raise _Refused(problem=f"it means more than {_MOST_VALUES:,} values", problem_mark=mark)
        return node


def _children(node: Any) -> list[Any]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def load(text: str) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError for whatever is wrong with it."""
    if len(text) > MOST_CHARACTERS:
        raise _Refused(problem=f"it is too long for a config: {len(text):,} characters")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except ValueError as error:  # a date with a 13th month, a number of 5,000 digits
        raise yaml.YAMLError(str(error)) from error
    finally:
        loader.dispose()


def load_config(text: str, where: str) -> Any:
    """The value of a config; `where` is its name. Raises ConfigError with the line."""
    try:
        return load(text)
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        advice = "this is not valid YAML; check indentation and colons there"
        said = error.problem if isinstance(error, _Refused) else advice
        raise ConfigError(f"{where}{line}: {said}") from error
    except yaml.reader.ReaderError as error:
        raise ConfigError(f"{where} holds characters that YAML cannot have") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} holds a date or number that cannot be; put it in quotes if it is text") from error
