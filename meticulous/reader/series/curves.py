"""Metrics of experiments as curves: read, and made ready to be drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from meticulous.errors import UnknownColumnError
from meticulous.reader.record import Record
from meticulous.reader.series.metrics import STEP, TIME, MetricsLog, choose_names, read_metrics

LARGEST = 1e300
"""Larger numbers are not drawn: libraries fail where a length is more than a float can hold."""

_SEARCHED = 200
"""Experiments with metrics that are looked at, from the latest, to find one with a given metric."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot.

    Attributes:
        metric: What was logged.
        ids: The experiments it was made from: one, or those of a group.
        group: Names and values that the experiments of a group share; empty for a single one.
        x: Where the values belong, in ascending order.
        y: The values; NaN where there is none to draw, as for NaN and the infinities themselves.
        deviation: Of an average, the sample standard deviation at each place, 0 where only one
            experiment counts; None for the values of a single experiment.
        counts: Of an average, how many experiments count at each place.
        skipped: Values that were left out, since they or their places are no finite numbers.
    """

    metric: str
    ids: list[str]
    group: dict[str, Any]
    x: list[float]
    y: list[float]
    deviation: list[float] | None = None
    counts: list[int] | None = None
    skipped: int = 0

    @property
    def low(self) -> list[float]:
        """The lower edge of the band: the average less one standard deviation."""
        return [y - d for y, d in zip(self.y, self.deviation or [0.0] * len(self.y), strict=True)]

    @property
    def high(self) -> list[float]:
        """The upper edge of the band: the average and one standard deviation."""
        return [y + d for y, d in zip(self.y, self.deviation or [0.0] * len(self.y), strict=True)]


def with_metrics(
    records: Sequence[Record], metrics: Sequence[str], count: int | None
) -> list[Record]:
    """Return the experiments that have logged one of the metrics, in the order given.

    Args:
        records: The experiments, the latest last.
        metrics: Names; `*`, `?` and `[...]` stand for several.
        count: Return only the last so many; None for all. Then no more than the latest 200
            experiments with metrics are looked at.

    Raises:
        UnknownColumnError: None has; the message has the nearest names.
    """
    found: list[Record] = []
    known: dict[str, None] = {}
    searched = 0
    for record in reversed(records):
        names = read_metrics(record.directory).names
        known.update(dict.fromkeys(names))
        searched += bool(names)
        if any(_matches(metric, names) for metric in metrics):
            found.append(record)
        if count is not None and (len(found) == count or searched == _SEARCHED):
            break
    if not found:
        choose_names(metrics, list(known))  # explains which names there are
        raise UnknownColumnError(f"Nothing was logged under the name {', '.join(metrics)!r}.")
    return found[::-1]


def _matches(metric: str, names: list[str]) -> bool:
    from fnmatch import fnmatchcase

    return metric in names or any(fnmatchcase(name, metric) for name in names)


def read_curves(
    records: Iterable[Record], metrics: Sequence[str], x: str = STEP
) -> tuple[list[Curve], list[str]]:
    """Read the curves of experiments: for each metric one of each experiment that logged it.

    A place at which a value was logged again, as after a run was resumed, counts with its last
    value.

    Args:
        records: The experiments.
        metrics: Names; `*`, `?` and `[...]` stand for several.
        x: What the values are drawn against: `step`; `time`, the seconds since the experiment
            started; or another metric of the same line.

    Returns:
        The curves, metric by metric; and what could not be read, one sentence each.

    Raises:
        UnknownColumnError: Nothing was logged under one of the names.
    """
    records = list(records)
    logs = [read_metrics(record.directory) for record in records]
    known = list(dict.fromkeys(name for log in logs for name in log.names))
    names = choose_names(metrics, known)
    if not names:
        raise UnknownColumnError(
            f"{' and '.join(metrics)} are what others are drawn against. Name a metric, such as "
            f"{', '.join(known[:3]) or 'loss'}."
        )
    if x not in (STEP, TIME):
        (x,) = choose_names([x], known)[:1]
    curves = []
    for name in names:
        for record, log in zip(records, logs, strict=True):
            curve = _curve(record, log, name, x)
            if curve is not None:
                curves.append(curve)
    problems = [
        f"{record.id}: {problem}"
        for record, log in zip(records, logs, strict=True)
        for problem in log.problems
    ]
    return curves, problems


def _curve(record: Record, log: MetricsLog, metric: str, x: str) -> Curve | None:
    series = log.series(metric)
    if not series.values:
        return None
    if x == STEP:
        places: list[Any] = list(series.steps)
    elif x == TIME:
        places = _since_start(record, log, series.times)
    else:
        places = [row.get(x) for row in log.rows if metric in row]
    points: dict[float, float] = {}
    skipped = 0
    for place, value in zip(places, series.values, strict=True):
        at, number = as_float(place), as_float(value)
        skipped += not (math.isfinite(at) and math.isfinite(number))
        if math.isfinite(at):
            points[at] = number if math.isfinite(number) else math.nan
    ordered = sorted(points)
    return Curve(metric, [record.id], {}, ordered, [points[at] for at in ordered], skipped=skipped)


def _since_start(
    record: Record, log: MetricsLog, times: Sequence[float | None]
) -> list[float | None]:
    """Return seconds since the start; since the first line where the start is not known, or later.

    It is later where the experiment was resumed.
    """
    known = [time for row in log.rows if math.isfinite(time := as_float(row.get(TIME)))]
    first = min(known, default=0.0)
    start = record.start.timestamp() if record.start else first
    start = min(start, first)
    return [None if time is None else time - start for time in times]


def as_float(value: Any) -> float:
    """Return a number as a float; NaN for what is none, and for what no float can hold."""
    if not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def for_axes(curve: Curve, log_x: bool, log_y: bool) -> tuple[Curve, int]:
    """Return what of a curve has a place on the axes, and how many values have none.

    A logarithmic axis has none for zero and less, and no axis for what is larger than 1e300.
    """

    def fits(value: float, is_log: bool) -> bool:
        return abs(value) <= LARGEST and not (is_log and value <= 0)

    y = list(curve.y)
    kept = []
    left_out = 0
    for number, (place, value) in enumerate(zip(curve.x, curve.y, strict=True)):
        has_place = fits(place, log_x)
        if has_place:
            kept.append(number)
        if not math.isnan(value) and not (has_place and fits(value, log_y)):
            y[number] = math.nan
            left_out += 1
    if left_out or len(kept) < len(y):
        curve = _taken(replace(curve, y=y), kept)
    return curve, left_out


def thin(curve: Curve, count: int, log_x: bool = False) -> Curve:
    """Return a curve of no more than some 2 `count` points that looks the same so many wide.

    Of the points that share a column the lowest and the highest are kept, so no peak gets lost.

    Args:
        curve: The curve.
        count: How many columns of points the drawing has.
        log_x: Whether the columns are equally wide on a logarithmic axis.
    """
    if len(curve.x) <= 2 * count:
        return curve
    scale: Callable[[float], float] = math.log if log_x else float
    low, high = scale(curve.x[0]), scale(curve.x[-1])
    width = (high - low) / count
    if not 0 < width < math.inf:
        return curve
    kept: set[int] = {0, len(curve.x) - 1}
    column: list[int] = []
    edge = low + width
    for number, place in enumerate(curve.x):
        if scale(place) > edge:
            kept.update(_extremes(curve.y, column))
            column = []
            edge += width * (1 + (scale(place) - edge) // width)
        column.append(number)
    kept.update(_extremes(curve.y, column))
    return _taken(curve, sorted(kept))


def _extremes(values: Sequence[float], numbers: Sequence[int]) -> Iterable[int]:
    present = [number for number in numbers if not math.isnan(values[number])]
    if not present:
        return numbers[:1]  # one NaN, so that the gap stays
    return min(present, key=values.__getitem__), max(present, key=values.__getitem__)


def _taken(curve: Curve, numbers: Sequence[int]) -> Curve:
    return replace(
        curve,
        x=[curve.x[number] for number in numbers],
        y=[curve.y[number] for number in numbers],
        deviation=None if curve.deviation is None else [curve.deviation[n] for n in numbers],
        counts=None if curve.counts is None else [curve.counts[n] for n in numbers],
    )


def runs_of_points(x: Sequence[float], y: Sequence[float]) -> list[tuple[list[float], list[float]]]:
    """Return the parts of a line between its gaps, each as its places and its values."""
    ends = [-1, *(number for number, value in enumerate(y) if math.isnan(value)), len(y)]
    return [
        (list(x[first + 1 : last]), list(y[first + 1 : last]))
        for first, last in pairwise(ends)
        if last - first > 1
    ]
