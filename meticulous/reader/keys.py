"""What may stand in the brackets of `experiments[...]`: ids, numbers, slices, truth values."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from meticulous.errors import InvalidOptionError

_TRUTHS = ("bool", "bool_")
"""The names of the types of truth values, of Python and of numpy."""

_UNKNOWN_TRUTH = "NAType"
"""The name of the type of what pandas answers where a value is missing."""


def as_id(key: object) -> str | None:
    """Return the id that a key stands for; None when it is neither text nor a whole number."""
    if isinstance(key, str):
        return key
    number = as_whole(key)
    try:
        return None if number is None else str(number)
    except ValueError:  # more digits than Python writes
        return hex(number or 0)[:40]


def as_whole(value: Any) -> int | None:
    """Return a whole number of any type as an int; None when it is none."""
    try:
        return None if type(value).__name__ in _TRUTHS else operator.index(value)
    except TypeError:
        return None


def as_truths(values: Sequence[Any]) -> list[bool] | None:
    """Return truth values of any type as bools; None when there are none or other values too.

    Where pandas does not know the answer, since a value is missing, it is false.
    """
    kinds = {type(value).__name__ for value in values}
    if not kinds or not kinds <= {*_TRUTHS, _UNKNOWN_TRUTH}:
        return None
    return [type(value).__name__ in _TRUTHS and bool(value) for value in values]


def checked_slice(key: slice) -> slice:
    """Return the slice.

    Raises:
        InvalidOptionError: It is not made of whole numbers, or has steps of 0.
    """
    for part in (key.start, key.stop, key.step):
        if part is not None and as_whole(part) is None:
            raise InvalidOptionError(
                f"A slice counts experiments in the order of their start, so {part!r} cannot "
                "stand in it. Write experiments[-3:] for the last three."
            )
    if key.step is not None and as_whole(key.step) == 0:
        raise InvalidOptionError("A slice cannot have steps of 0.")
    return key
