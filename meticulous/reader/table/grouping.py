"""Rows with the same values as one: how many there are, and statistics of their numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from meticulous.folder.plain import plain
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.sameness import is_numeric

RUNS = "runs"
"""The name of the column that counts the rows of a group."""


def _mean(numbers: Sequence[float]) -> Any:
    return _sum(numbers) / len(numbers) if numbers else MISSING


def _std(numbers: Sequence[float]) -> Any:
    """Return the standard deviation of a sample; there is none of a single number."""
    if len(numbers) < 2:
        return MISSING
    mean = _mean(numbers)
    try:
        return math.sqrt(_sum([(number - mean) ** 2 for number in numbers]) / (len(numbers) - 1))
    except OverflowError:
        return math.inf


def _median(numbers: Sequence[float]) -> Any:
    if not numbers:
        return MISSING
    if any(number != number for number in numbers):
        return math.nan
    ordered, middle = sorted(numbers), len(numbers) // 2
    return ordered[middle] if len(numbers) % 2 else _mean(ordered[middle - 1 : middle + 1])


def _extreme(choose: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], Any]:
    def extreme(numbers: Sequence[float]) -> Any:
        if any(number != number for number in numbers):
            return math.nan  # nobody knows how large it would have been
        return choose(numbers) if numbers else MISSING

    return extreme


def _sum(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):  # out of range, or infinities of both signs
        return sum(map(_as_float, numbers))


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


STATISTICS: dict[str, Callable[[Sequence[float]], Any]] = {
    "mean": _mean,
    "std": _std,
    "min": _extreme(min),
    "max": _extreme(max),
    "count": len,
    "median": _median,
    "sum": lambda numbers: _sum(numbers) if numbers else MISSING,
}
"""What can be computed of the numbers of a group."""

USUAL = ("mean", "std", "min", "max", "count")


def group(
    columns: Mapping[str, Sequence[Any]],
    by: Sequence[str],
    numbers: Sequence[str],
    statistics: Sequence[str] = USUAL,
) -> dict[str, list[Any]]:
    """Return one row for each group of rows with the same values.

    Args:
        columns: One value a row under each name.
        by: The columns whose values make a group. A row without the value is in the group of those
            without it.
        numbers: The columns of which statistics are computed; values that are no numbers are passed
            over, and a column without any number is left out.
        statistics: Some of `STATISTICS`.

    Returns:
        The columns of `by`, then `runs`, then `NAME.STATISTIC`; groups in the order in which they
        first occur.
    """
    length = len(next(iter(columns.values()), ()))
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in range(length):
        groups.setdefault(tuple(_key(columns[name][row]) for name in by), []).append(row)
    grouped: dict[str, list[Any]] = {
        name: [columns[name][rows[0]] for rows in groups.values()] for name in by
    }
    grouped[RUNS] = [len(rows) for rows in groups.values()]
    for name in numbers:
        samples = [
            [value for row in rows if is_numeric(value := columns[name][row])]
            for rows in groups.values()
        ]
        if any(samples):
            for statistic in statistics:
                compute = STATISTICS[statistic]
                grouped[f"{name}.{statistic}"] = [compute(sample) for sample in samples]
    return grouped


def _key(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    # As JSON: there true is not 1, lists and objects can be told apart, and NaN is itself.
    number = float(value) if is_numeric(value) and abs(value) < 2**53 else value
    return json.dumps(plain(number), ensure_ascii=False, sort_keys=True)
