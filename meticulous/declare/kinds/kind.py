"""Kind: what a parameter of one type accepts, and how its values are read and written as text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from meticulous.declare.kinds.splitting import UnbalancedError, end_of_quotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NULLS = ("null", "None", "~")
"""The texts that mean None where None is possible."""

_PLAIN = re.compile(
    r"[^\s,:#|&*!%@`'\"\[\]{}()=<>~?-](?:[^,:#|\[\]{}()\n'\"\\=]*[^\s,:#|\[\]{}()'\"\\=])?"
)
"""A text that needs no quotes as an item of a list."""


class UnfitError(ValueError):
    """A value does not fit a type; becomes a ParameterError once the parameter is known.

    Attributes:
        expected: What it should be: `must be float`.
        actual: What it is: `'abc' is a str`.
        place: Where in the value, outermost first: `.model`, `[1]`.
    """

    def __init__(self, expected: str, actual: str) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual
        self.place = ""

    def within(self, place: str) -> UnfitError:
        """Return the error as seen from one container further out."""
        self.place = place + self.place
        return self

    def about(self, name: str) -> str:
        """Return the whole message about the value called `name`."""
        return f"{name}{self.place} {self.expected}; {self.actual}."


class Kind(ABC):
    """One type, as values of parameters see it.

    Attributes:
        text: The type as one writes it.
        greedy: How much of what people type it would take; where several types are possible, the
            least greedy one reads a text first.
        stands_alone: Whether no text of it needs quotes among others, whatever stands in it.
    """

    greedy = 50
    stands_alone = False

    def __init__(self, text: str) -> None:
        self.text = text

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Say whether a value is of this type already, exactly."""

    def cast(self, value: Any) -> Any:
        """Return the value as this type has it.

        Raises:
            UnfitError: It does not fit.
        """
        if self.holds(value):
            return value
        raise self.unfit(value)

    @abstractmethod
    def parse(self, text: str) -> Any:
        """Return the value that a text of the command line means.

        Raises:
            UnfitError: It means none.
        """

    def parse_quoted(self, text: str) -> Any:
        """Return the value of a text that stood in quotes, which are off by now."""
        return self.parse(text)

    def render(self, value: Any) -> str:
        """Return the text that `parse` reads as this value."""
        return str(value)

    def parse_item(self, text: str) -> Any:
        """Return the value of a text that stands among others, in a list or mapping."""
        text = text.strip()
        if is_quoted(text):
            return self.parse_quoted(unquoted(text, self))
        return self.parse(text)

    def render_item(self, value: Any) -> str:
        """Return the text that `parse_item` reads as this value."""
        text = self.render(value)
        return text if self.is_self_contained(text) else quoted(text)

    def is_self_contained(self, text: str) -> bool:
        """Say whether a text needs no quotes among others."""
        return self.stands_alone or is_plain(text)

    def unfit(self, value: Any) -> UnfitError:
        """Return the error for a value of another type."""
        return UnfitError(f"must be {self.text}", described(value))

    def unreadable(self, text: str) -> UnfitError:
        """Return the error for a text that means no value of this type."""
        return UnfitError(f"must be {self.text}", f"{shortened(repr(text))} is none")


def same(one: Any, other: Any) -> bool:
    """Say whether two values are the same, NaN included and 1 and 1.0 told apart."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) or (one != one and other != other)


def described(value: Any) -> str:
    """Return what a value is: `'abc' is a str`."""
    if value is None:
        return "it is None"
    name = type(value).__name__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{shortened(_repr(value))} is {article} {name}"


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # objects may raise anything; the message must still come out
        return "a value without a repr"


def shortened(text: str) -> str:
    """Return a text, cut where it would swamp a message."""
    return text if len(text) <= 100 else f"{text[:99]}…"


def is_plain(text: str) -> bool:
    """Say whether a text needs no quotes among others."""
    return _PLAIN.fullmatch(text) is not None or _is_number(text)


def _is_number(text: str) -> bool:
    digits = text[1:].replace(".", "", 1).replace("e-", "", 1).replace("e+", "", 1)
    return text[:1] == "-" and digits.isalnum()


def is_quoted(text: str) -> bool:
    """Say whether a text is in quotes from its first to its last character."""
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        return False
    try:
        return end_of_quotes(text, 0) == len(text) - 1
    except UnbalancedError:
        return False


def quoted(text: str) -> str:
    """Return a text in double quotes, escaped as JSON does."""
    import json

    return json.dumps(text, ensure_ascii=False)


def unquoted(text: str, kind: Kind) -> str:
    """Return what stands between quotes: double ones as in JSON, single ones as in YAML."""
    if text[0] == "'":
        return text[1:-1].replace("''", "'")
    import json

    try:
        value = json.loads(text, strict=False)
    except ValueError:
        raise kind.unreadable(text) from None
    return str(value)
