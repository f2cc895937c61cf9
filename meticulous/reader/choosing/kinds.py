"""Values of the kind that a filter compares; what is of another kind is passed over."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from typing import Any

from meticulous.folder.allocation import is_number
from meticulous.folder.plain import LARGEST_INTEGER, SMALLEST_INTEGER
from meticulous.reader.table.flattening import MISSING

ANY = ""
"""Values as they are; only whole numbers that were read as digits become numbers."""

NUMBER = "number"

TEXT = "text"

ORDER = "order"
"""Of columns that are compared with each other: numbers where each has some, otherwise text."""

_LONG_NUMBER = re.compile("-?[1-9][0-9]{18,}", re.ASCII)
"""How a record is read that holds a whole number beyond 64 bits; some of these are within them."""

_SURELY_BEYOND = 21
"""Characters of which every such number is beyond 64 bits."""

_LARGEST = 2**63 - 1


def as_number(value: Any, *, is_id: bool = False) -> Any:
    """Return a number that pandas calculates with; MISSING where the value is none.

    Args:
        value: Any value; the digits of a whole number beyond 64 bits are a number.
        is_id: Whether it is an id: those that are numbers are text.
    """
    if isinstance(value, str):
        if is_id and is_number(value) and len(value) < 19:
            return int(value)
        number = number_in(value)
        return MISSING if number is None else number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    return value if abs(value) <= _LARGEST or isinstance(value, float) else as_float(value)


def number_in(text: str) -> float | None:
    """Return the whole number beyond 64 bits that a record holds as digits; None for other text."""
    if not _LONG_NUMBER.fullmatch(text):
        return None
    if len(text) < _SURELY_BEYOND and SMALLEST_INTEGER <= int(text) <= LARGEST_INTEGER:
        return None
    return float(text)


def of_kind(values: Iterable[Any], kind: str, *, is_id: bool = False) -> list[Any]:
    """Return the values, MISSING in the place of those of another kind.

    Args:
        values: The values, some of them MISSING.
        kind: ANY, NUMBER or TEXT.
        is_id: Whether they are ids.
    """
    if kind == NUMBER:
        return [as_number(value, is_id=is_id) for value in values]
    if kind == TEXT:
        return [value if isinstance(value, str) else MISSING for value in values]
    values = list(values)
    if any(isinstance(value, int | float) for value in values):
        return [
            value if not isinstance(value, str) or (number := number_in(value)) is None else number
            for value in values
        ]
    return values


def common_kind(columns: Iterable[Collection[Any]]) -> str:
    """Return what columns are compared as: numbers where each has at least one, else text."""
    return NUMBER if all(any(map(_is_number, values)) for values in columns) else TEXT


def _is_number(value: Any) -> bool:
    return as_number(value, is_id=True) is not MISSING


def as_float(value: Any) -> float:
    """Return a number as a float; an infinity for a whole number that no float can hold."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
