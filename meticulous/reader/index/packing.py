"""JSON values of one column as compact bytes, and back."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

Kind = Literal["float", "int", "choice", "list", "object", "json"]

MOST_CHOICES = 2**16
"""Different values that a column of choices may have: what two bytes can number."""

MOST_PLACES = 64
"""Values in a list or object that are packed place by place; longer ones are written as JSON."""

_SAMPLE = 1000

_CODES = {"float": "d", "int": "q"}

_SIMPLE = {str, bool, type(None)}
"""Types of which no two values are equal that JSON would write differently."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The values of a column.

    Attributes:
        kind: `float` and `int` are numbers of 8 bytes each; `choice` numbers of 2 bytes, each the
            place in `choices`; `list` and `object` lists of one length and objects with the same
            keys, packed place by place; `json` one JSON list.
        count: How many values there are.
        data: The numbers, the packed places or the list.
        choices: A JSON list of the different values; of the keys and of how each place is packed;
            otherwise empty.
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
        if self.kind in ("list", "object"):
            return self._containers()
        if self.kind != "choice":
            return self.numbers().tolist()
        choices: list[Any] = orjson.loads(self.choices)
        if not {dict, list}.isdisjoint(map(type, choices)):
            texts = [orjson.dumps(choice) for choice in choices]
            return [orjson.loads(texts[code]) for code in self.numbers()]
        if len(choices) == 1:
            return choices * self.count
        return list(map(choices.__getitem__, self.numbers()))

    def _containers(self) -> list[Any]:
        keys, entries = orjson.loads(self.choices)
        places = []
        rest = memoryview(self.data)
        for kind, length, choices in entries:
            end = length + choices
            packed = Packed(kind, self.count, rest[:length], rest[length:end])
            places.append(packed.values())
            rest = rest[end:]
        rows = zip(*places, strict=True)
        if self.kind == "list":
            return list(map(list, rows))
        return [dict(zip(keys, row, strict=True)) for row in rows]

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
    packed = None
    if not _are_many(list(map(orjson.dumps, values[:_SAMPLE]))):
        texts = list(map(orjson.dumps, values))
        packed = _choice(texts, lambda found: b"[%b]" % b",".join(found))
    return packed or _places(values, kinds) or Packed("json", count, orjson.dumps(values))


def _places(values: Sequence[Any], kinds: set[type]) -> Packed | None:
    """Return lists of one length, or objects with the same keys, packed place by place."""
    keys = None
    if kinds == {list} and len(set(map(len, values))) == 1:
        columns = zip(*values, strict=True)
    elif kinds == {dict} and len(set(map(tuple, values))) == 1:
        keys = list(values[0])
        columns = zip(*[value.values() for value in values], strict=True)
    else:
        return None
    if not 0 < len(values[0]) <= MOST_PLACES:
        return None
    places = [pack(column) for column in columns]
    entries = [[place.kind, len(place.data), len(place.choices)] for place in places]
    data = b"".join(part for place in places for part in (place.data, place.choices))
    return Packed("object" if keys else "list", len(values), data, orjson.dumps([keys, entries]))


def _choice(values: Sequence[Any], dumps: Any) -> Packed | None:
    """Return the values as choices; None where there are too many different ones."""
    count = len(values)
    if count and values.count(values[0]) == count:
        return Packed("choice", count, bytes(2 * count), dumps([values[0]]))
    if count > _SAMPLE and _are_many(values[:_SAMPLE]):
        return None
    distinct = dict.fromkeys(values)
    if len(distinct) > min(MOST_CHOICES, max(1, count // 2)):
        return None
    codes = {value: code for code, value in enumerate(distinct)}
    numbers = array("H", map(codes.__getitem__, values))
    return Packed("choice", count, numbers.tobytes(), dumps(list(distinct)))


def _are_many(sample: Sequence[Any]) -> bool:
    """Say whether most of some values differ, so that those of all of them need not be counted."""
    return len(sample) == _SAMPLE and len(set(sample)) > _SAMPLE * 3 // 4
