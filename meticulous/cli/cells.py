"""The headings and cells of a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from meticulous.cli.wording import (
    ABSENT,
    age_text,
    duration_text,
    minute_text,
    number_text,
    rounded_text,
    short_value,
    value_text,
    visible,
)
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.grouping import RUNS
from meticulous.reader.table.reasons import REASON
from meticulous.reader.table.sameness import is_numeric
from meticulous.reader.table.table import ID

_TITLES = {"start": "started", "end": "ended"}

_NESTED = ("args", "summary", "metadata")

_COUNTS = ("count",)

_TEXTS = (ID, "status", "program", "directory", "description", "metadata.reproduces")
"""Columns whose texts are never taken for values of another kind, such as the id "1"."""

_LONGEST_REASON = 90
"""Characters of a reason that are shown on a terminal."""


def titles(names: Sequence[str]) -> list[str]:
    """Return the heading of each column: its name, without its part where that is no loss."""
    short = [_title(name) for name in names]
    return [
        visible(title if short.count(title) == 1 else name)
        for name, title in zip(names, short, strict=True)
    ]


def cells(
    name: str,
    values: Iterable[Any],
    *,
    full: bool = False,
    digits: int | None = None,
    now: datetime | None = None,
    before_age: str = ", ",
) -> list[str]:
    """Return the cells of a column, each on one line.

    Args:
        name: The column.
        values: Its values.
        full: Whether nothing is cut.
        digits: How many significant digits numbers have; None for all.
        now: The present; with it, times tell how long ago they were.
        before_age: What stands before that; a line end only where it is given here.
    """
    ages = (before_age, now) if now else None
    return [_cell(name, value, full, digits, ages) for value in values]


def value_cell(value: Any, full: bool, digits: int | None) -> str:
    """Return a value of an argument or result; see `cells`."""
    if isinstance(value, float):
        return number_text(value) if digits is None else rounded_text(value, digits)
    return value_text(value) if full else short_value(value)


def is_right_aligned(name: str, values: Iterable[Any]) -> bool:
    """Say whether a column is aligned to the right, as numbers are."""
    present = [value for value in values if value is not MISSING and value is not None]
    if name == ID:
        return all(str(value).isdecimal() for value in present)
    return name == "duration" or (bool(present) and all(map(is_numeric, present)))


def _title(name: str) -> str:
    part, dot, rest = name.partition(".")
    return rest if dot and part in _NESTED else _TITLES.get(name, name)


def _cell(
    name: str, value: Any, full: bool, digits: int | None, ages: tuple[str, datetime] | None
) -> str:
    if value is MISSING or (value in ("", []) and name in ("description", "tags", "problems")):
        return ABSENT
    if isinstance(value, datetime):
        text = minute_text(value)
        return f"{text}{ages[0]}{age_text(value, ages[1])}" if ages else text
    if isinstance(value, list) and name in ("tags", "problems"):
        return visible(("; " if name == "problems" else ", ").join(map(str, value)))
    if name == REASON and isinstance(value, str):
        is_short = full or len(value) <= _LONGEST_REASON
        return visible(value if is_short else f"{value[:_LONGEST_REASON]}...")
    if isinstance(value, str) and name in _TEXTS:
        return visible(value)
    if name == RUNS:
        return str(value)
    if _is_duration(name) and is_numeric(value):
        return duration_text(value)
    return value_cell(value, full, digits)


def _is_duration(name: str) -> bool:
    first, _, statistic = name.partition(".")
    return first == "duration" and statistic not in _COUNTS
