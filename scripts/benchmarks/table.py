"""What was measured, as rows of a table with the target beside each figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

HEADINGS = ("measured", "without", "with", "figure", "target", "met")


@dataclass(frozen=True)
class Row:
    """One comparison: the same thing without and with what is examined."""

    name: str
    without: str = ""
    with_: str = ""
    figure: float | None = None
    """The number that a target speaks of: a ratio, or a difference in `unit`."""
    unit: str = ""
    target: float | None = None
    """The largest figure that is accepted; None where the row only informs."""
    note: str = ""
    """What is said below the table, where there is no figure or it needs explaining."""

    @property
    def met(self) -> bool | None:
        """Whether the figure is within the target; None where there is none."""
        if self.target is None or self.figure is None:
            return None
        return self.figure <= self.target

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, one cell a heading."""
        met = {None: "", True: "yes", False: "NO"}[self.met]
        figure = _quantity(self.figure, self.unit)
        target = _quantity(self.target, self.unit)
        return (self.name, self.without, self.with_, figure, target and f"≤ {target}", met)

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values."""
        return {**asdict(self), "met": self.met}


def times(
    name: str,
    without: Sequence[float],
    with_: Sequence[float],
    target: float | None = None,
) -> Row:
    """Return a row about durations in seconds whose figure is the ratio of their medians."""
    figure = statistics.median(with_) / statistics.median(without)
    return Row(name, _duration(without), _duration(with_), figure, "x", target)


def added(
    name: str,
    without: Sequence[float],
    with_: Sequence[float],
    target: float | None = None,
) -> Row:
    """Return a row about durations in seconds whose figure is what came on top, in milliseconds.

    It is the median of the rounds' differences: the members of a round met the same machine.
    """
    figure = statistics.median(b - a for a, b in zip(without, with_, strict=True)) * 1e3
    return Row(name, _duration(without), _duration(with_), figure, "ms", target)


def added_at_best(name: str, without: Sequence[float], with_: Sequence[float]) -> Row:
    """Return a row like `added` about the fastest of each: what an idle machine comes close to."""
    best_without, best_with = min(without), min(with_)
    figure = (best_with - best_without) * 1e3
    return Row(name, _duration([best_without]), _duration([best_with]), figure, "ms")


def alone(name: str, seconds: Sequence[float]) -> Row:
    """Return a row that tells one duration and compares it with nothing."""
    return Row(name, figure=statistics.median(seconds) * 1e3, unit="ms")


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table that people can read and Markdown understands, notes below."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return "| " + " | ".join(padded) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    table = [line(lines[0]), line(rule), *(line(cells) for cells in lines[1:])]
    notes = [f"- {row.name.strip()}: {row.note}" for row in rows if row.note]
    return "\n".join([*table, "", *notes] if notes else table)


def _duration(seconds: Sequence[float]) -> str:
    middle = statistics.median(seconds)
    return f"{middle * 1e6:.2f} µs" if middle < 1e-4 else f"{middle * 1e3:.1f} ms"


def _quantity(value: float | None, unit: str) -> str:
    """Write `1.23x` for a ratio and `12.3 ms` for a difference."""
    if value is None:
        return ""
    return f"{value:.2f}x" if unit == "x" else f"{value:.1f} {unit}"
