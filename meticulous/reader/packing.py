"""JSON values of one column as compact bytes, and back."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Kind = Literal["float", "int", "choice", "json"]

MOST_CHOICES = 2**16
"""Different values that a column of choices may have: what two bytes can number."""

_CODES = {"float": "d", "int": "q"}

_SIMPLE = {str, bool, type(None)}
"""Types of which no two values are equal that JSON would write differently."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The values of a column.

    Attributes:
        kind: `float` and `int` are numbers of 8 bytes each; `choice` numbers of 2 bytes, each the
            place in `choices`; `json` one JSON list.
        count: How many values there are.
        data: The numbers or the list.
        choices: A JSON list; empty unless the kind is `choice`.
    """

    kind: Kind
    count: int
    data: bytes | memoryview
    choices: bytes | memoryview = b""

    def values(self) -> list[Any]:
        """Return the values; none of them is a part of another."""
        if self.kind == "json":
            found: list[Any] = orjson.loads(self.data)
            return found
        if self.kind != "choice":
            return self.numbers().tolist()
        choices: list[Any] = orjson.loads(self.choices)
        if not {dict, list}.isdisjoint(map(type, choices)):
            texts = [orjson.dumps(choice) for choice in choices]
            return [orjson.loads(texts[code]) for code in self.numbers()]
        if len(choices) == 1:
            return choices * self.count
        return list(map(choices.__getitem__, self.numbers()))

    def numbers(self) -> array[Any]:
        """Return the numbers of 8 bytes, or the places in `choices`."""
        numbers = array(_CODES.get(self.kind, "H"))
        numbers.frombytes(self.data)
        return numbers


def pack(values: Sequence[Any]) -> Packed:
    """Return JSON values as bytes.

    Args:
        values: What a JSON document held: no NaN and no infinity, except where all are floats.

    Raises:
        TypeError: A value cannot be written, or would be changed by it.
    """
    kinds = set(map(type, values))
    count = len(values)
    if kinds == {float}:
        return Packed("float", count, array("d", values).tobytes())
    if kinds == {int}:
        try:
            return Packed("int", count, array("q", values).tobytes())
        except OverflowError:
            return Packed("json", count, orjson.dumps(values))
    if kinds <= _SIMPLE:
        return _choice(values, orjson.dumps) or Packed("json", count, orjson.dumps(values))
    texts = [orjson.dumps(value) for value in values]
    packed = _choice(texts, lambda found: b"[%b]" % b",".join(found))
    return packed or Packed("json", count, b"[%b]" % b",".join(texts))


def _choice(values: Sequence[Any], dumps: Any) -> Packed | None:
    """Return the values as choices; None where there are too many different ones."""
    distinct = dict.fromkeys(values)
    if len(distinct) > min(MOST_CHOICES, max(1, len(values) // 2)):
        return None
    codes = {value: code for code, value in enumerate(distinct)}
    numbers = array("H", map(codes.__getitem__, values))
    return Packed("choice", len(values), numbers.tobytes(), dumps(list(distinct)))


BYTE_ORDER = sys.byteorder
"""How the numbers are laid out; what was packed elsewhere cannot be read here."""
