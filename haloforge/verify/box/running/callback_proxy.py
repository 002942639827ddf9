"""Proxies, in the solution's process, for the functions and objects that tests pass to it: calls go back there."""

from collections.abc import Iterator
from typing import Any, Protocol


class TestsSide(Protocol):
    """The way to the process of the tests."""

    def use_test_object(self, operation: str, number: int, arguments: tuple[Any, ...]) -> Any:
        """One operation with an object of the tests' process."""


class CallbackProxy:
    """An object of the tests' process, passed to the solution: calls and public attributes go back there."""

    def __init__(self, tests: TestsSide, number: int) -> None:
        object.__setattr__(self, "_tests", tests)
        object.__setattr__(self, "_number", number)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._tests.use_test_object(operation, self._number, arguments)

    def __call__(self, *arguments: Any) -> Any:
        return self._ask("call", *arguments)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._ask("get", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __len__(self) -> int:
        return int(self._ask("len"))

    def __bool__(self) -> bool:
        return bool(self._ask("bool"))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ask("list"))

    def __getitem__(self, key: Any) -> Any:
        return self._ask("item", key)

    def __str__(self) -> str:
        return str(self._ask("str"))

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CallbackProxy) and other._number == self._number or bool(self._ask("eq", other))

    def __hash__(self) -> int:
        return hash(("foreign", self._number))

    def __lt__(self, other: object) -> bool:
        return bool(self._ask("lt", other))

    def __le__(self, other: object) -> bool:
        return bool(self._ask("le", other))

    def __gt__(self, other: object) -> bool:
        return bool(self._ask("gt", other))

    def __ge__(self, other: object) -> bool:
        return bool(self._ask("ge", other))

    def __contains__(self, item: object) -> bool:
        return bool(self._ask("contains", item))

    def __add__(self, other: object) -> Any:
        return self._ask("add", other)

    def __sub__(self, other: object) -> Any:
        return self._ask("sub", other)

    def __mul__(self, other: object) -> Any:
        return self._ask("mul", other)

    def __neg__(self) -> Any:
        return self._ask("neg")
