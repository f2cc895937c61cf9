"""What a plot shows, in words and lines, before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meticulous.cli.wording import count_text, pairs_text, visible
from meticulous.reader import Record
from meticulous.reader.series.curves import Curve, for_axes

_LONGEST_LABEL = 60

_MOST_ARGS = 3
"""Arguments in the label of an experiment, at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve and what it is called.

    Attributes:
        label: Which experiment, or which group of them.
        number: Its position among all labels; lines of several panels with one label share it.
        curve: What is drawn.
    """

    label: str
    number: int
    curve: Curve


@dataclass(frozen=True, slots=True)
class Panel:
    """The lines of one metric, which have their own axis."""

    metric: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Plot:
    """Panels below each other, with one horizontal axis.

    Attributes:
        panels: One for each metric.
        x_label: What the horizontal axis is.
        log_x: Whether it is logarithmic.
        log_y: Whether the vertical axes are.
        remarks: What a person should know about what is not drawn.
    """

    panels: list[Panel]
    x_label: str
    log_x: bool
    log_y: bool
    remarks: list[str]

    @property
    def labels(self) -> list[str]:
        """The labels of all lines, each at the position that is its lines' number."""
        numbered = {line.number: line.label for panel in self.panels for line in panel.lines}
        return [numbered[number] for number in sorted(numbered)]


def make_plot(
    curves: Sequence[Curve], records: Sequence[Record], x: str, log_x: bool, log_y: bool
) -> Plot:
    """Return what is to be drawn of curves.

    Args:
        curves: The curves, metric by metric.
        records: The experiments.
        x: What they are drawn against, as `read_curves` takes it.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical axes are.
    """
    names = _telling_args(records)
    by_id = {record.id: record for record in records}
    numbers: dict[str, int] = {}
    panels: dict[str, Panel] = {}
    skipped = left_out = 0
    for curve in curves:
        label = _label(curve, by_id[curve.ids[0]], names)
        number = numbers.setdefault(label, len(numbers))
        drawn, hidden = for_axes(curve, log_x, log_y)
        skipped += curve.skipped
        left_out += hidden
        panel = panels.setdefault(curve.metric, Panel(curve.metric, []))
        panel.lines.append(Line(label, number, drawn))
    remarks = []
    if skipped:
        remarks.append(f"{count_text(skipped, 'value')} left out: no finite number.")
    if left_out:
        remarks.append(
            f"{count_text(left_out, 'value')} left out, for which the axes have no place: zero and "
            "less on a logarithmic one, and what is larger than 1e300."
        )
    label = "seconds since the start" if x == "time" else x
    return Plot([*panels.values()], visible(label), log_x, log_y, remarks)


def _telling_args(records: Sequence[Record]) -> list[str]:
    """Return the arguments that tell the experiments from each other."""
    names = dict.fromkeys(name for record in records for name in record.args)
    telling = [
        name
        for name in names
        if len({repr(record.args.get(name, KeyError)) for record in records}) > 1
    ]
    return telling[:_MOST_ARGS]


def _label(curve: Curve, record: Record, names: Sequence[str]) -> str:
    if curve.counts is None:
        pairs = pairs_text({name: record.args[name] for name in names if name in record.args})
        text = f"{visible(record.id)}  {pairs}" if pairs else visible(record.id)
    else:
        group = {_without_part(name): value for name, value in curve.group.items()}
        text = f"{pairs_text(group) or 'the others'} ({count_text(len(curve.ids), 'run')})"
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 3]}..."


def _without_part(name: str) -> str:
    return name.removeprefix("args.").removeprefix("summary.").removeprefix("metadata.")
