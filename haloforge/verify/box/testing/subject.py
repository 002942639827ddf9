"""What a proxy of the tests stands for, and which of its answers leave a judgement to the solution; see `proxies`."""

import copy
import operator
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ..protocol import codec
from .about import NOTHING_KNOWN, About
from .views import Views


class SolutionSide(Protocol):
    """The way to the process of the solution."""

    named: set[str]
    """Global names of the solution that the tests use."""
    asks_truth: bool
    """Whether the tests judge by the truth value of anything but comparisons and calls."""

    def ask(
        self, operation: str, target: str | int, arguments: Sequence[Any], keywords: dict[str, Any] | None = None
    ) -> Any:
        """One operation in the solution's process. Raises what it raised."""

    def mark_forgeable(self) -> None:
        """Some judgement of these tests was left to the solution's own objects."""

    def comparable(self, value: Any) -> Any:
        """The same for two values that are the same plain data, or the same objects; asks the solution nothing."""

    def time(self) -> int:
        """How many requests there have been."""

    def proxy_for(self, subject: Any) -> Any:
        """A proxy for one of its objects."""

    def was_given(self, value: Any, since: int) -> bool:
        """Whether a call has been given this very value, since that time."""

    def may_skip_the_rest(self) -> bool:
        """Whether leaving the block of the `with` statement that is running skips nothing that judges."""


class Subject:
    """One object, function or class of the solution, as the tests know it."""

    def __init__(self, solution: SolutionSide, target: str | int, kind: str, about: About = NOTHING_KNOWN) -> None:
        """`target`: the object's number or, for a global, its name."""
        self.solution, self.target, self.kind, self.about = solution, target, kind, about
        self.class_name = kind
        self.of_tests = False
        """Whether the tests named it, made it, or found it in what they made; other objects were returned."""
        self.is_made = False
        """Whether the tests' own call of a class made it."""
        self.is_sum = False
        """Whether an operator made it from objects that the tests made. Adding to it does not mark the verdict, so that
        `a + b + c` is judged like `a + b`."""
        self.touched = False
        """Whether anything was done with it since the tests made it, or were given it."""
        self.method_of: Subject | None = None
        self.name = ""
        """Under which attribute the tests found it."""
        self.members: Mapping[str, Any] = {}
        """Of an enumeration, told before the tests began."""
        self.fields: list[Any] | None = None
        """Values of the fields of a dataclass: told when it was returned, or those that the tests made it from."""
        self.flag: int | None = None
        """Of a member of an enumeration of flags: its number, told when it was handed out."""
        self.known_since = solution.time()
        self._views: Views | None = None

    @property
    def views(self) -> Views:
        """What it has said about itself."""
        if self._views is None:
            self._views = Views(self.solution.comparable)
        return self._views

    @property
    def is_fresh(self) -> bool:
        """Whether the tests made it and did nothing with it yet: comparing it is a test of that comparison."""
        return self.is_made and not self.touched

    def ask(self, operation: str, *arguments: Any) -> Any:
        """One operation with it."""
        return self.solution.ask(operation, self.target, arguments)

    def attribute(self, name: str) -> Any:
        """An attribute; it is of the tests if this is."""
        if name in self.members:
            return self.members[name]
        result = self.ask("get", name)
        if name in ("value", "_value_") and self.flag not in (None, result):
            self.solution.mark_forgeable()
        inner = self._adopt(result)
        if inner is not None and inner.kind == "function":
            inner.method_of, inner.name = self, name
        elif not self.of_tests:
            self._judge(("get", name), result)
            if type(result) in codec.MUTABLE:
                return copy.copy(result)  # the solution may change its own one later, when it knows more
        return inner.live(result) if inner is not None and self.of_tests else result

    def _adopt(self, result: Any) -> "Subject | None":
        """What a value that came from here stands for, if anything; it is of the tests if this is."""
        inner = inner_subject(result)
        if inner is not None:
            inner.of_tests = inner.of_tests or self.of_tests
        return inner

    def live(self, value: Any) -> Any:
        """The object itself instead of a copy of its contents, for an object that has contents which can change."""
        if self.about.base in ("list", "dict", "set", "bytearray"):
            return self.proxy()
        return value

    def proxy(self) -> Any:
        """A proxy for it."""
        return self.solution.proxy_for(self)

    def _judge(self, question: Any, answer: Any) -> None:
        """An object that a function returned has answered a question about itself."""
        self.doubt(answer)
        is_truth = isinstance(answer, bool) or (self.solution.asks_truth and inner_subject(answer) is None)
        if is_truth or not self.views.agree(question, answer):
            self.solution.mark_forgeable()

    def doubt(self, answer: Any) -> None:
        """A function answers at once; an object that it returned may wait until a later call is given the answer."""
        if not self.of_tests and self.solution.was_given(answer, self.known_since):
            self.solution.mark_forgeable()

    def call(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Call it. What the tests' own call of a class makes is of the tests."""
        owner = self.method_of
        if owner is not None:
            owner.touched = True
        result = self.solution.ask("call", self.target, arguments, keywords)
        inner = inner_subject(result)
        if self.kind == "class" and self.of_tests and inner is not None:
            inner.made(arguments, keywords)
            return inner.live(result)
        if owner is not None and not owner.of_tests:
            if self.name == "send" and owner.class_name == "generator":
                return result  # it is to a generator what a call is to a function
            if arguments or keywords:
                self.solution.mark_forgeable()
            else:
                owner._judge(("method", self.name), result)
        return result

    def made(self, arguments: Sequence[Any], keywords: dict[str, Any]) -> None:
        """The tests made it, from these arguments: so they know its fields themselves."""
        self.of_tests = self.is_made = True
        self.known_since, self.fields = self.solution.time(), None
        names = self.about.fields
        if names is None or len(arguments) + len(keywords) != len(names) or self.touched:
            return
        given = dict(zip(names, arguments, strict=False)) | keywords
        if given.keys() == set(names):
            self.fields = [given[name] for name in names]

    def change(self, operation: str, *arguments: Any) -> None:
        """Set or delete an attribute or an item: after that it may answer otherwise."""
        self.touched, self._views = True, None
        self.solution.ask(operation, self.target, arguments)

    def compute(self, operation: str, *others: Any) -> Any:
        """An operator or a conversion, whose result is judged by what it is.

        What a function returned, of a class that the tests do not know, is no operand for a value of theirs.
        """
        if others and not self._is_known and inner_subject(others[0]) is None:
            return NotImplemented
        result = self.ask(operation, *others)
        inner = inner_subject(result)
        if inner is not None:
            inner.is_sum = self.of_tests or self.is_sum
        if self.is_sum and operation in ("add", "radd"):
            return result
        if not self.of_tests and others:
            self.solution.mark_forgeable()
        elif not self.of_tests:
            self._judge(("convert", operation), result)
        return result

    def compute_in_place(self, proxy: Any, operation: str, other: Any) -> Any:
        """`proxy += other` and the like."""
        self.touched = True
        result = self.compute(operation, other)
        inner = inner_subject(result)
        return proxy if inner is not None and inner.target == self.target else result

    def compare(self, operation: str, other: Any, its: "Subject | None") -> Any:
        """`==` or an order; NotImplemented where its class has none."""
        has_own = f"__{operation}__" in (self.about.own if self.about.base else self.about.special)
        if self.about.base and not has_own:
            content = its.ask("plain") if its is not None and its.about.base else other
            return getattr(operator, operation)(self.ask("plain"), content)
        if its is None:
            return self._compare_with_plain(operation, other, has_own)
        if operation == "eq":
            if self.target == its.target and not has_own:
                return True
            if not has_own and "__eq__" not in its.about.special:
                return False
            if (equal := self._equal_fields(its)) is not None:
                return equal
        elif not has_own:
            return NotImplemented
        if not (self.is_fresh and its.is_fresh):
            self.solution.mark_forgeable()
        return self.ask(operation, other)

    def compare_plainly(self, operation: str, other: Any) -> Any:
        """A plain value of the tests' own making, whose class has a comparison of its own, with another value."""
        its = inner_subject(other)
        if not (self.is_fresh and its is not None and its.is_fresh):
            self.solution.mark_forgeable()
        return self.ask(operation, other)

    @property
    def _is_known(self) -> bool:
        """Whether the tests made it, or know its class by name."""
        return self.of_tests or any(name in self.solution.named for name in self.about.mro)

    def _compare_with_plain(self, operation: str, other: Any, has_own: bool) -> Any:
        """With a value of the tests. An object that equals one is believed only if the tests know its class."""
        if has_own and self._is_known:
            self.solution.mark_forgeable()
            return self.ask(operation, other)
        return False if operation == "eq" else NotImplemented

    def _equal_fields(self, other: "Subject") -> bool | None:
        """Equality of two dataclasses by what was told of them, not by their own method; None if that is not known."""
        mine, its = self._known_fields(), other._known_fields()
        if mine is None or its is None or self.about != other.about:
            return None
        told_late = [a.known_since > b.known_since for a, b in ((self, other), (other, self)) if b.is_fresh]
        if any(told_late) and not (self.is_fresh and other.is_fresh):
            self.solution.mark_forgeable()  # when it was told, the other one's fields had been given away
        return bool(mine == its)

    def _known_fields(self) -> list[Any] | None:
        return None if self.touched else self.fields

    def hash(self) -> int:
        """Of its own only where its class has both equality and hash of its own."""
        if not {"__hash__", "__eq__"} <= set(self.about.special) or self.kind != "value":
            return hash(("solution", self.target))
        fields = self._known_fields()
        if fields is not None:
            return hash((self.about.mro, *fields))
        if not self.is_fresh:
            self.solution.mark_forgeable()
        return int(self.ask("hash"))

    def look(self, operation: str, *arguments: Any) -> Any:
        """Its text."""
        value = self.ask(operation, *arguments)
        self.doubt(value)
        if not self.of_tests and not self.views.agree((operation, *arguments), value):
            self.solution.mark_forgeable()
        return value

    def truth(self) -> bool:
        """Its truth value."""
        if not self.of_tests:
            self.solution.mark_forgeable()
        return bool(self.ask("bool"))

    def length(self) -> int:
        """How many items it has."""
        length = int(self.ask("len"))
        if not self.of_tests and not self.views.length(length):
            self.solution.mark_forgeable()
        return length

    def item(self, key: Any) -> Any:
        """What it holds under a key; of a class, what Python makes of `Class[key]`."""
        if self.members and key in self.members:
            return self.members[key]
        value = self.ask("item", key)
        self.doubt(value)
        inner = self._adopt(value)
        if self.kind == "class" and inner is not None and inner.kind == "function":
            inner.kind = "class"
        elif not self.of_tests and (isinstance(value, bool) or not self.views.item(key, value)):
            self.solution.mark_forgeable()
        return value

    def search(self, item: object) -> bool:
        """`item in it`. What a function returned may hold anything that it is asked for, or go on until it comes.

        What a flag holds was told when it was handed out, as was what is looked for; no flags at all are in each.
        """
        its = inner_subject(item)
        if self.flag is not None and its is not None and its.flag and its.about is self.about:
            return its.flag & self.flag == its.flag
        if "__contains__" in self.about.special and (self.of_tests or "__iter__" not in self.about.special):
            if not self.of_tests:
                self.solution.mark_forgeable()
            return bool(self.ask("contains", item))
        if not self.of_tests:
            self.solution.mark_forgeable()
        return any(item is own or item == own for own in self.iterate(None))

    def iterate(self, proxy: Any) -> Iterator[Any]:
        """Its items; those of what a function returned have to be the same each time."""
        iterator = self.ask("iter")
        inner = inner_subject(iterator)
        if inner is not None and inner.target == self.target and proxy is not None:
            return proxy  # type: ignore[no-any-return]
        if inner is None:
            return iterator  # type: ignore[no-any-return]
        return map(self._own_item, iterator) if self.of_tests else self._watched(iterator)

    def _own_item(self, item: Any) -> Any:
        self._adopt(item)
        return item

    def _watched(self, iterator: Iterator[Any]) -> Iterator[Any]:
        agrees = self.views.begin()
        count = 0
        for value in iterator:
            self.doubt(value)
            agrees = self.views.next_item(count, value) and agrees and not isinstance(value, bool)
            count += 1
            if not agrees:
                self.solution.mark_forgeable()
            yield value
        if not (self.views.end(count) and agrees):
            self.solution.mark_forgeable()

    def enter(self, proxy: Any) -> Any:
        """`with proxy`."""
        self.touched = True
        result = self.ask("enter")
        inner = self._adopt(result)
        return proxy if inner is not None and inner.target == self.target else result

    def leave(self, error: BaseException | None) -> bool:
        """The end of `with proxy`; True where the exception is suppressed."""
        if error is not None and not isinstance(error, Exception):
            return False
        suppressed = bool(self.ask("exit", *([] if error is None else [error]))) and error is not None
        if suppressed and (isinstance(error, AssertionError) or not self.solution.may_skip_the_rest()):
            self.solution.mark_forgeable()
        return suppressed

    def copied(self, operation: str) -> Any:
        """A copy is what this is, and has to agree with it."""
        result = self.ask(operation)
        inner = self._adopt(result)
        if inner is None:
            if not self.of_tests:
                self._judge(("copy", operation), result)
            return result
        inner.touched, inner._views = self.touched, self.views
        return inner.live(result) if self.of_tests else result

    def is_same(self, other: "Subject") -> bool:
        """Whether both are one object: each said which one it is when it came."""
        return self.target == other.target

    def has_instance(self, value: object, names: Collection[str] | None) -> bool:
        """`isinstance(value, this)`; `names` are the classes that the value said it is of when it came."""
        if names is not None and self.target in names:
            return True
        if names is None and not set(self.about.special) - {"__call__", "__getitem__"}:
            return False
        answer = bool(self.ask("isinstance", value))
        if answer:
            self.solution.mark_forgeable()
        return answer


def inner_subject(value: Any) -> Subject | None:
    """What a proxy, or a plain value with a class of the solution's own, stands for."""
    try:
        subject = object.__getattribute__(value, "_haloforge_subject")
    except AttributeError:
        return None
    return subject if isinstance(subject, Subject) else None
