"""What `re.match` and its like found, as plain data: a copy answers for it without the pattern being run again."""

from typing import Any

from . import codec


class FoundMatch:
    """A copy of a match object of `re`."""

    def __init__(self, string: str, spans: list[Any], names: dict[str, int], lastindex: int | None) -> None:
        """`spans`: start and end of the whole match and of each group, -1 for a group that took no part."""
        self.string, self.lastindex = string, lastindex
        self._spans = [(int(start), int(end)) for start, end in spans]
        self._names = {str(name): int(index) for name, index in names.items()}

    def span(self, group: Any = 0) -> tuple[int, int]:
        """Where a group was found. Raises IndexError for a group that does not exist."""
        index = self._names.get(group) if isinstance(group, str) else group
        if not isinstance(index, int) or not 0 <= index < len(self._spans):
            raise IndexError("no such group")
        return self._spans[index]

    def start(self, group: Any = 0) -> int:
        """Where a group begins."""
        return self.span(group)[0]

    def end(self, group: Any = 0) -> int:
        """Where a group ends."""
        return self.span(group)[1]

    def __getitem__(self, group: Any) -> Any:
        start, end = self.span(group)
        return self.string[start:end] if start >= 0 else None

    def group(self, *groups: Any) -> Any:
        """The text of one group, or of several."""
        if len(groups) > 1:
            return tuple(self[group] for group in groups)
        return self[groups[0] if groups else 0]

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        """The texts of all groups."""
        texts = [self[index] for index in range(1, len(self._spans))]
        return tuple(default if text is None else text for text in texts)

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        """The texts of the groups that have names."""
        return {name: default if self[name] is None else self[name] for name in self._names}


def told(match: Any, export: codec.Export) -> list[Any]:
    """What a match object found."""
    if not isinstance(match.string, str):
        return [codec.encode(list(match.string), export), [], {}, None]
    return [match.string, [list(s) for s in match.regs], dict(match.re.groupindex), match.lastindex]


def found(body: Any, resolve: codec.Resolve) -> FoundMatch:
    """The copy of it. Raises ValueError or TypeError for what `told` never says."""
    string, spans, names, lastindex = body
    return FoundMatch(str(string), spans, names, lastindex)
