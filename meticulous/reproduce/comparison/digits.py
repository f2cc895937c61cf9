"""Numbers as a text holds them, compared by all their digits."""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MIN_EMIN, Context

from meticulous.reproduce.comparison.tally import Tally

NUMERAL = re.compile(
    r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE
)
"""A text that is a number."""

_IDENTIFIER = re.compile(r"[+-]?0\d")
"""How a number begins that is a name: 007 is not 7."""

_LONGEST = 4000
"""Digits; Python does not make integers of more."""


def is_number(text: str) -> bool:
    """Say whether a text is a number, and not a name such as 007."""
    return NUMERAL.fullmatch(text) is not None and _IDENTIFIER.match(text) is None


def compare_digits(text: str, other: str, tally: Tally, place: str) -> None:
    """Count a pair of numbers; the same number in other digits agrees and is not identical."""
    numbers = [_number(one) for one in (text, other)]
    is_same = numbers[0] == numbers[1] or (numbers[0] != numbers[0] and numbers[1] != numbers[1])
    if not is_same or (numbers[0] == 0 and text.startswith("-") != other.startswith("-")):
        tally.numbers(numbers[0], numbers[1], place)
        return
    exact = Context(prec=len(text) + len(other), Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
    then, now = (exact.create_decimal(one) for one in (text, other))
    if then == now or (then.is_nan() and now.is_nan()):
        # Another text may be another thing: 1e2 the name of a run, and 100 a number.
        tally.remark("the same numbers, written differently")
        tally.difference(text, other, 0.0, 0.0, place)
        return
    absolute = exact.abs(exact.subtract(then, now))
    relative = exact.divide(absolute, exact.abs(then))
    tally.remark("the same as floats, but not in all their digits")
    tally.difference(text, other, float(absolute), float(relative), place)


def _number(text: str) -> float:
    if len(text) < _LONGEST:
        try:
            return int(text)
        except ValueError:
            pass
    return float(text)
