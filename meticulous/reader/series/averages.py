"""Curves with less noise: smoothed along themselves, or averaged over repetitions."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meticulous.errors import InvalidOptionError
from meticulous.reader.record import Record
from meticulous.reader.series.curves import Curve, as_float
from meticulous.reader.table.columns import resolve
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import make_table

LONGEST_GRID = 2000
"""Points of an average over experiments that logged at different places, at most."""


def smooth(curve: Curve, amount: float) -> Curve:
    """Return a curve with less noise; gaps stay gaps.

    Args:
        curve: The curve of one experiment.
        amount: Between 0 and 1 the weight of the past in an exponential moving average, which is
            corrected for its beginning, as in TensorBoard; a whole number from 1 on: the mean of so
            many values, up to the place.

    Raises:
        InvalidOptionError: The amount is neither.
    """
    if 0 < amount < 1:
        values = _exponential(curve.y, amount)
    elif amount >= 1 and float(amount).is_integer():
        values = _window(curve.y, int(amount))
    else:
        raise InvalidOptionError(
            f"Curves cannot be smoothed by {amount:g}. Give a whole number of values to average, "
            "such as 10, or the weight of the past between 0 and 1, such as 0.9."
        )
    return replace(curve, y=values)


def _exponential(values: Sequence[float], weight: float) -> list[float]:
    average = share = 0.0
    smoothed = []
    for value in values:
        if math.isnan(value):
            smoothed.append(value)
            continue
        average = weight * average + (1 - weight) * value
        share = weight * share + (1 - weight)
        smoothed.append(average / share)
    return smoothed


def _window(values: Sequence[float], length: int) -> list[float]:
    smoothed = []
    recent: list[float] = []
    for value in values:
        if not math.isnan(value):
            recent.append(value)
            del recent[:-length]
        smoothed.append(value if math.isnan(value) else _mean(recent))
    return smoothed


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # the sum is more than a float can hold, and the mean is not
        return math.fsum(value / len(values) for value in values)


def group_curves(
    curves: Iterable[Curve], records: Iterable[Record], columns: Sequence[str]
) -> list[Curve]:
    """Return for each metric and group the average of the curves.

    Experiments that logged at different places are compared on all of them: between its own
    places a curve is taken to be straight, and it counts nowhere before its first and after its
    last.

    Args:
        curves: The curves of single experiments.
        records: The experiments.
        columns: Columns of `make_table`, such as `args.lr`; experiments with equal values are one
            group.

    Raises:
        UnknownColumnError: There is no such column.
    """
    table = make_table(records)
    names = [resolve(name, ["id", *table.columns]) for name in columns]
    groups: dict[str, dict[str, Any]] = {}
    for row, experiment_id in enumerate(table.ids):
        values = {name: table.column(name)[row] for name in names}
        groups[experiment_id] = {n: v for n, v in values.items() if v is not MISSING}
    gathered: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        key = (curve.metric, repr([*map(_key, groups[curve.ids[0]].items())]))
        gathered.setdefault(key, []).append(curve)
    averages = [_average(members, groups[members[0].ids[0]]) for members in gathered.values()]
    order = {name: number for number, name in enumerate(dict.fromkeys(c.metric for c in averages))}
    return sorted(averages, key=lambda curve: (order[curve.metric], _position(curve.group, names)))


def _key(entry: tuple[str, Any]) -> tuple[str, Any]:
    """Return an entry such that 1 and 1.0, the same number in JSON, are equal, but not true."""
    name, value = entry
    return (name, int(value)) if isinstance(value, float) and value.is_integer() else entry


def _position(group: Mapping[str, Any], names: Iterable[str]) -> list[tuple[int, float, str]]:
    """Return what groups are sorted by: numbers first, then texts, then what has no value."""
    position = []
    for name in names:
        number = as_float(group.get(name))
        kind = 2 if name not in group else int(math.isnan(number))
        position.append((kind, number if kind == 0 else 0.0, str(group.get(name))))
    return position


def _average(curves: Sequence[Curve], group: Mapping[str, Any]) -> Curve:
    grid = _grid(curves)
    rows = [_interpolated(curve, grid) for curve in curves]
    means, deviations, counts = [], [], []
    for column in zip(*rows, strict=True):
        values = [value for value in column if not math.isnan(value)]
        counts.append(len(values))
        mean = _mean(values) if values else math.nan
        means.append(mean)
        deviations.append(_deviation(values, mean))
    return Curve(
        curves[0].metric,
        [curve.ids[0] for curve in curves],
        dict(group),
        grid,
        means,
        deviations,
        counts,
        sum(curve.skipped for curve in curves),
    )


def _deviation(values: Sequence[float], mean: float) -> float:
    if len(values) < 2:
        return 0.0
    scale = max(abs(value - mean) for value in values)
    if scale == 0 or not math.isfinite(scale):
        return 0.0 if scale == 0 else math.nan
    squares = math.fsum(((value - mean) / scale) ** 2 for value in values)
    return scale * math.sqrt(squares / (len(values) - 1))


def _grid(curves: Sequence[Curve]) -> list[float]:
    places = sorted({place for curve in curves for place in curve.x})
    if len(places) <= max([LONGEST_GRID, *(len(curve.x) for curve in curves)]):
        return places
    last = len(places) - 1
    return [places[number * last // (LONGEST_GRID - 1)] for number in range(LONGEST_GRID)]


def _interpolated(curve: Curve, grid: Sequence[float]) -> list[float]:
    known = [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if not math.isnan(y)]
    if not known:
        return [math.nan] * len(grid)
    places = [x for x, _ in known]
    values = []
    for place in grid:
        after = bisect.bisect_left(places, place)
        if after < len(places) and places[after] == place:
            values.append(known[after][1])
        elif 0 < after < len(places):
            (x0, y0), (x1, y1) = known[after - 1], known[after]
            share = (place - x0) / (x1 - x0)
            values.append(y0 * (1 - share) + y1 * share)
        else:
            values.append(math.nan)
    return values
