"""The kinds that are one of several: enumerations, literals, unions, and anything at all."""

# ruff: noqa: D102 - the methods are those of Kind, which documents them

from __future__ import annotations

from meticulous.declare.kinds.collections import Items
from meticulous.declare.kinds.kind import (
    Kind,
    UnfitError,
    described,
    is_quoted,
    quoted,
    same,
    unquoted,
)
from meticulous.declare.kinds.scalars import Integer, Nothing, Real, Text, Truth
from meticulous.declare.kinds.splitting import (
    UnbalancedError,
    split_entry,
    split_items,
    without_brackets,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Member(Kind):
    """Members of an enumeration, by name or by value.

    Args:
        text: The type as one writes it.
        enumeration: The Enum class.
    """

    greedy = 15

    def __init__(self, text: str, enumeration: Any) -> None:
        super().__init__(text)
        self.enumeration = enumeration

    def holds(self, value: Any) -> bool:
        return isinstance(value, self.enumeration)

    def cast(self, value: Any) -> Any:
        if self.holds(value):
            return value
        if isinstance(value, str) and value in self.enumeration.__members__:
            return self.enumeration[value]
        for member in self.enumeration:
            if same(member.value, value) or _is_widened(member.value, value):
                return member
        return self._several(value, described(value))

    def parse(self, text: str) -> Any:
        text = text.strip()
        if text in self.enumeration.__members__:
            return self.enumeration[text]
        for member in self.enumeration:
            if str(member.value) == text:
                return member
        number = int(text) if text.isdecimal() else None
        return self._several(number, f"{text!r} is none of them")

    def _several(self, number: Any, actual: str) -> Any:
        """Return the combination of flags that a number means."""
        if type(number) is int and hasattr(self.enumeration, "_boundary_"):
            try:
                return self.enumeration(number)
            except ValueError:
                pass
        raise self._unknown(actual)

    def render(self, value: Any) -> str:
        name = value.name
        return name if name in self.enumeration.__members__ else str(value.value)

    def _unknown(self, actual: str) -> UnfitError:
        return UnfitError(f"must be one of {', '.join(self.enumeration.__members__)}", actual)


def _is_widened(one: Any, other: Any) -> bool:
    kinds = {type(one), type(other)}
    return kinds == {int, float} and bool(one == other)


class OneOf(Kind):
    """The values that Literal lists.

    Args:
        text: The type as one writes it.
        values: All of them.
    """

    greedy = 14

    def __init__(self, text: str, values: Sequence[Any]) -> None:
        super().__init__(text)
        self.values = tuple(values)
        self.plain = {self._spelled(value): value for value in reversed(self.values)}
        # Where 1 and "1" are both possible, the number has the text without quotes.
        for value in self.values:
            if not isinstance(value, str):
                self.plain[self._spelled(value)] = value

    @staticmethod
    def _spelled(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        return str(getattr(value, "name", value))

    def holds(self, value: Any) -> bool:
        return any(same(one, value) for one in self.values)

    def cast(self, value: Any) -> Any:
        for one in self.values:
            if same(one, value) or _is_widened(one, value):
                return one
        for one in self.values:
            # A record keeps the value of an enumeration's member, and people write its name.
            if hasattr(one, "name") and (same(value, one.name) or same(value, one.value)):
                return one
        raise self._unknown(described(value))

    def parse(self, text: str) -> Any:
        if text in self.plain:
            return self.plain[text]
        if is_quoted(text):
            return self.parse_quoted(unquoted(text, self))
        for value in self.values:
            if isinstance(value, bool) and text.lower() == str(value).lower():
                return value
        if None in self.values and text in ("None", "~"):
            return None
        raise self._unknown(f"{text!r} is none of them")

    def parse_quoted(self, text: str) -> Any:
        return text if text in self.values else self.parse(text)

    def render(self, value: Any) -> str:
        text = self._spelled(value)
        return text if same(self.plain.get(text), value) else quoted(text)

    def is_self_contained(self, text: str) -> bool:
        return super().is_self_contained(text) or is_quoted(text)

    def _unknown(self, actual: str) -> UnfitError:
        return UnfitError(f"must be one of {', '.join(map(repr, self.values))}", actual)


class Either(Kind):
    """Values of one of several kinds; one that is of a kind already stays as it is.

    Args:
        text: The type as one writes it.
        members: The kinds, in the order in which they are written.
    """

    greedy = 60

    def __init__(self, text: str, members: Sequence[Kind]) -> None:
        super().__init__(text)
        self.members = tuple(members)
        self.readers = sorted(map(self._reader, members), key=lambda kind: kind.greedy)
        self.has_text = any(isinstance(kind, Text) for kind in members)

    def _reader(self, kind: Kind) -> Kind:
        """Return the kind that reads texts for a member without taking what is another's."""
        others = [type(other) for other in self.members if other is not kind]
        if isinstance(kind, Integer):
            return Integer(kind.text, digits_only=Real in others)
        if isinstance(kind, Truth):
            return Truth(kind.text, words_only=True)
        if isinstance(kind, Items) and set(others) - {Nothing}:
            return Items(kind.text, kind.made, kind.item, brackets_only=True)
        return kind

    def holds(self, value: Any) -> bool:
        return any(kind.holds(value) for kind in self.members)

    def cast(self, value: Any) -> Any:
        if self.holds(value):
            return value
        errors = []
        for kind in self.members:
            try:
                return kind.cast(value)
            except UnfitError as error:
                errors.append(error)
        raise self._one_of(errors, self.unfit(value))

    def parse(self, text: str) -> Any:
        if is_quoted(text):
            return self.parse_quoted(unquoted(text, self))
        errors = []
        for kind in self.readers:
            try:
                return kind.parse(text)
            except UnfitError as error:
                errors.append(error)
        raise self._one_of(errors, self.unreadable(text))

    def _one_of(self, errors: list[UnfitError], general: UnfitError) -> UnfitError:
        """Return the error of the only kind besides None, which says more than `X | None`."""
        kinds = [kind for kind in self.members if not isinstance(kind, Nothing)]
        if len(kinds) != 1:
            return general
        nothing = f"must be {Nothing('None').text}"
        return next((error for error in errors if error.expected != nothing), general)

    def parse_quoted(self, text: str) -> Any:
        if self.has_text:
            return text
        for kind in reversed(self.readers):
            try:
                return kind.parse_quoted(text)
            except UnfitError:
                continue
        raise self.unreadable(text)

    def render(self, value: Any) -> str:
        kind = next((kind for kind in self.members if kind.holds(value)), None)
        text = str(value) if kind is None else kind.render(value)
        return text if self._is_read_as(text, value) else quoted(text)

    def render_item(self, value: Any) -> str:
        kind = next((kind for kind in self.members if kind.holds(value)), None)
        text = quoted(str(value)) if kind is None else kind.render_item(value)
        if self._is_read_as(text, value):
            return text
        return quoted(str(value) if kind is None else kind.render(value))

    def _is_read_as(self, text: str, value: Any) -> bool:
        try:
            return same(self.parse_item(text), value)
        except UnfitError:
            return False


class Anything(Kind):
    """Values of every type; a text is read as YAML would read it."""

    greedy = 95

    def holds(self, value: Any) -> bool:
        del value
        return True

    def parse(self, text: str) -> Any:
        if is_quoted(text):
            return unquoted(text, self)
        for kind in _SIMPLE:
            try:
                return kind.parse(text)
            except UnfitError:
                continue
        try:
            return self._collection(text)
        except UnbalancedError:
            return text

    def parse_quoted(self, text: str) -> str:
        return text

    def _collection(self, text: str) -> Any:
        inner = without_brackets(text, "[]")
        if inner is not None:
            return [self.parse_item(part) for part in split_items(inner)]
        inner = without_brackets(text, "{}")
        entries = [split_entry(part) for part in split_items(inner)] if inner is not None else None
        if entries is None or None in entries:
            return text
        pairs = [entry for entry in entries if entry is not None]
        return {self.parse_item(key): self.parse_item(item) for key, item in pairs}

    def render(self, value: Any) -> str:
        if isinstance(value, str):
            try:
                is_read_so = same(self.parse(value), value)
            except UnfitError:  # it begins and ends with quotes that are none
                is_read_so = False
            return value if is_read_so else quoted(value)
        if isinstance(value, dict):
            texts = [f"{self.render_item(key)}: {self.render_item(value[key])}" for key in value]
            return f"{{{', '.join(texts)}}}"
        if isinstance(value, (list, tuple, set, frozenset)):
            texts = [self.render_item(item) for item in value]
            if isinstance(value, (set, frozenset)):
                texts.sort()
            return f"[{', '.join(texts)}]"
        kind = next((kind for kind in _SIMPLE if kind.holds(value)), None)
        if kind is not None:
            return kind.render(value)
        return str(value.isoformat() if hasattr(value, "isoformat") else value)

    def render_item(self, value: Any) -> str:
        text = self.render(value)
        if isinstance(value, str):
            return text if is_quoted(text) or super().is_self_contained(text) else quoted(text)
        return text


_SIMPLE = (
    Nothing("None"),
    Truth("bool", words_only=True),
    Integer("int", digits_only=True),
    Real("float"),
)
