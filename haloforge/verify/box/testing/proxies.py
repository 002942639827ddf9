"""Proxies, in the tests' process, for the functions, classes and objects of a solution.

A proxy never decides a comparison with a value of the tests: it equals no plain value, and `in` asks it for its items
one by one. Where tests leave a judgement to the solution's own objects (two of them compared, a method of a returned
object called with test data), the verdict is marked as forgeable.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from ..protocol import codec


class SolutionSide(Protocol):
    """The way to the process of the solution."""

    def ask(
        self, operation: str, target: str | int, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None
    ) -> Any:
        """One operation in the solution's process. Raises what it raised."""

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""


class SolutionProxy:
    """An object, function or class of the solution.

    `_is_of_tests` tells those that the tests constructed or named from those that a function of the solution returned.
    """

    def __init__(self, solution: SolutionSide, target: str | int, handle: dict[str, Any], *, is_of_tests: bool) -> None:
        """`target` is the object's number or, for a global, its name; `handle` says its class and kind."""
        object.__setattr__(self, "_solution", solution)
        object.__setattr__(self, "_target", target)
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_is_of_tests", is_of_tests)
        object.__setattr__(self, "_is_method", False)
        object.__setattr__(self, "_was_read", False)

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._solution.ask(operation, self._target, arguments)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        result = self._solution.ask("call", self._target, arguments, keywords)
        if self._is_method and not self._is_of_tests and (arguments or keywords or result is True):
            self._solution.mark_forgeable()
        if isinstance(result, SolutionProxy) and self._handle["kind"] == "class":
            object.__setattr__(result, "_is_of_tests", True)
        return result

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)  # numpy, copy and typing ask for such names, and obey the answer
        result = self._ask("get", name)
        if isinstance(result, SolutionProxy):
            object.__setattr__(result, "_is_method", True)
            object.__setattr__(result, "_is_of_tests", self._is_of_tests)
        return result

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", name, value)

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, SolutionProxy):
            return False
        return other is self or self._compare("eq", other)

    def __lt__(self, other: object) -> Any:
        return self._compare("lt", other)

    def __le__(self, other: object) -> Any:
        return self._compare("le", other)

    def __gt__(self, other: object) -> Any:
        return self._compare("gt", other)

    def __ge__(self, other: object) -> Any:
        return self._compare("ge", other)

    def __add__(self, other: object) -> Any:
        return self._compare("add", other)

    def __sub__(self, other: object) -> Any:
        return self._compare("sub", other)

    def __mul__(self, other: object) -> Any:
        return self._compare("mul", other)

    def _compare(self, operation: str, other: object) -> Any:
        if not isinstance(other, SolutionProxy):
            return NotImplemented
        self._solution.mark_forgeable()
        return self._ask(operation, other)

    def _read(self, operation: str, *arguments: Any) -> Any:
        """What it contains. An object that a function returned may answer otherwise when it is read again."""
        value = self._ask(operation, *arguments)
        if self._was_read and not self._is_of_tests:
            self._solution.mark_forgeable()
        object.__setattr__(self, "_was_read", True)
        return value

    def __hash__(self) -> int:
        return hash(("solution", self._target))

    def __bool__(self) -> bool:
        return bool(self._ask("bool"))

    def __len__(self) -> int:
        return int(self._read("len"))

    def __iter__(self) -> Iterator[Any]:
        return self._read("iter")  # type: ignore[no-any-return]

    def __next__(self) -> Any:
        return self._ask("next")

    def __getitem__(self, key: Any) -> Any:
        return self._read("item", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("put", key, value)

    def __delitem__(self, key: Any) -> None:
        self._ask("drop", key)

    def __contains__(self, item: object) -> bool:
        if not self._is_of_tests:
            self._solution.mark_forgeable()  # it may go on until it comes to that item
        return any(item is own or item == own for own in self)

    def __str__(self) -> str:
        return str(self._ask("str"))

    def __repr__(self) -> str:
        return str(self._ask("repr"))

    def __enter__(self) -> Any:
        return self._ask("enter")

    def __exit__(self, *error: object) -> None:
        self._ask("exit")

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, SolutionProxy | _PlainValue) and bool(self._ask("isinstance", value))

    def __subclasscheck__(self, value: object) -> bool:
        return isinstance(value, SolutionProxy) and bool(self._ask("issubclass", value))

    def __copy__(self) -> Any:
        return self._ask("copy")

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._ask("deepcopy")

    @property
    def __name__(self) -> str:
        return str(self._ask("get", "__name__"))


def same(left: Any, right: Any) -> bool:
    """`left is right`, for the tests; whether two proxies are for one object, the solution is asked."""
    if isinstance(left, SolutionProxy) and isinstance(right, SolutionProxy) and left is not right:
        return bool(left._compare("is", right))
    return left is right


class _PlainValue:
    """Mixed into plain values whose class is the solution's own (a named tuple, a subclass of dict)."""

    def __getattr__(self, name: str) -> Any:
        if name == "_proxy" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._proxy, name)


def plain_value(value: Any, class_name: str, proxy: SolutionProxy) -> Any:
    """The plain value; for attributes that it lacks, it asks the solution's object behind `proxy`."""
    base = type(value)
    if base not in codec.PLAIN_BASES:
        return value
    copy = type(class_name, (_PlainValue, base), {})(value)
    copy._proxy = proxy
    return copy
