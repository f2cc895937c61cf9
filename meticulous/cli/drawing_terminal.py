"""Draw a plot in the terminal, with plotext."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from meticulous.cli.drawing import Line, Panel, Plot
from meticulous.cli.wording import visible
from meticulous.errors import MissingExtraError
from meticulous.reader.series.curves import runs_of_points, thin

COLOURS = ("blue+", "orange+", "green+", "magenta+", "cyan+", "red+", "gray+", "white")
"""Of the lines, in their order; then they begin anew."""

MARKS = "*o+x#@%&=~"
"""What lines are drawn with where there are no colours to tell them apart."""

_LEAST_WIDTH, _LEAST_HEIGHT = 20, 8
_USUAL_HEIGHT = 20

_PLAIN = str.maketrans("─│┌┐└┘├┤┬┴┼", "-|+++++++++")


class _Part(NamedTuple):
    """A part of a line between two gaps; on logarithmic axes of the logarithms."""

    number: int
    x: list[float]
    y: list[float]
    is_band: bool


class _Scale(NamedTuple):
    """An axis from `low` to `high`, which plotext is given as one from 0 to 1.

    It stumbles over numbers that are very large, or very close to each other.
    """

    low: float
    high: float
    is_log: bool

    @classmethod
    def around(cls, values: list[float], is_log: bool) -> _Scale:
        """Return the axis on which some values just have room."""
        low, high = min(values, default=0.0), max(values, default=1.0)
        if low == high:
            around = 0.5 if is_log else abs(low) * 0.1 or 1.0
            low, high = low - around, high + around
        return cls(low, high, is_log)

    def place(self, value: float) -> float:
        """Return where a value belongs, between 0 and 1."""
        length = self.high / 2 - self.low / 2  # half of it, which no float is too small for
        return (value / 2 - self.low / 2) / length if length > 0 else 0.0

    def label(self, ruler: Any, count: int) -> None:
        """Put ticks at round numbers, which plotext does not."""
        low, high = self.low, self.high
        if self.is_log:
            low, high = 10.0**low, 10.0**high
        places = round_places(low, high, max(2, count), self.is_log)
        shown = [math.log10(place) for place in places] if self.is_log else places
        ruler.lim(0.0, 1.0)
        ruler.ticks([self.place(value) for value in shown], [f"{place:.6g}" for place in places])


def draw(
    plot: Plot, width: int, height: int | None, has_colours: bool, has_unicode: bool
) -> list[str]:
    """Return the lines of text that show a plot, its legend below it.

    Args:
        plot: The plot.
        width: Characters that a line of text may have.
        height: Lines of text that the panels may have together; each gets at least 8, at most 20.
            None where there is no end to the room.
        has_colours: Whether the terminal shows colours.
        has_unicode: Whether it shows other characters than those of ASCII.

    Raises:
        MissingExtraError: plotext is not installed.
    """
    plotext = _plotext()
    width = max(width, _LEAST_WIDTH)
    legend = [_legend(plotext, plot, n, width, has_colours) for n in range(len(plot.labels))]
    share = _USUAL_HEIGHT
    if height is not None:
        share = min(max((height - len(legend)) // len(plot.panels), _LEAST_HEIGHT), share)
    lines = []
    for panel in plot.panels:
        is_last = panel is plot.panels[-1]
        lines += _draw_panel(plotext, plot, panel, (width, share), has_colours, is_last)
    lines += legend
    return lines if has_unicode else [line.translate(_PLAIN) for line in lines]


def _plotext() -> Any:
    try:
        import plotext  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtraError(
            "A plot in the terminal needs the package plotext, which is not installed. "
            "`pip install 'meticulous-ml[plot]'` installs it; --json needs nothing."
        ) from error
    if not hasattr(plotext, "figure") or not hasattr(plotext, "terminal"):
        raise MissingExtraError(
            "A plot in the terminal needs plotext 6 or later, and an older one is installed. "
            "`pip install --upgrade plotext` gets it."
        )
    return plotext


def _draw_panel(
    plotext: Any,
    plot: Plot,
    panel: Panel,
    size: tuple[int, int],
    has_colours: bool,
    is_last: bool,
) -> list[str]:
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)
    figure.theme("simple")
    figure.plot_size(*size)
    parts: list[_Part] = []
    for line in panel.lines:
        curve = thin(line.curve, size[0], plot.log_x)
        for edge in () if curve.deviation is None else (curve.low, curve.high):
            parts += _parts(line, curve.x, edge, plot, is_band=True)
        parts += _parts(line, curve.x, curve.y, plot)
    x = _Scale.around([value for part in parts for value in part.x], plot.log_x)
    y = _Scale.around([value for part in parts for value in part.y], plot.log_y)
    for part in parts:
        _draw_part(plotext, part, x, y, has_colours)
    title = visible(panel.metric)
    figure.title(title if len(title) <= size[0] else f"{title[: size[0] - 3]}...")
    if is_last:
        figure.label(plot.x_label)
    x.label(figure.ruler("x"), size[0] // 12)
    y.label(figure.ruler("y"), size[1] // 4)
    text = str(figure.build())
    figure.clear()
    if not has_colours:
        text = plotext.uncolorize(text)
    return [line.rstrip() for line in text.rstrip("\n").split("\n")]


def _parts(
    line: Line, x: list[float], y: list[float], plot: Plot, is_band: bool = False
) -> list[_Part]:
    # Plotext ignores ticks of one's own on its logarithmic axes; so these are not used.
    if plot.log_x:
        x = [math.log10(value) for value in x]
    if plot.log_y:
        y = [math.log10(value) if value > 0 else math.nan for value in y]
    return [_Part(line.number, part, values, is_band) for part, values in runs_of_points(x, y)]


def _draw_part(plotext: Any, part: _Part, x: _Scale, y: _Scale, has_colours: bool) -> None:
    if has_colours:
        colour = COLOURS[part.number % len(COLOURS)]
        marker = plotext.marker("·" if part.is_band else "braille", colour)
    else:
        marker = plotext.marker("." if part.is_band else MARKS[part.number % len(MARKS)])
    places = ([x.place(value) for value in part.x], [y.place(value) for value in part.y])
    signal = plotext.figure.signal(*places, marker=marker)
    plotext.figure.draw(signal if part.is_band else signal.lines())


def round_places(low: float, high: float, count: int, is_log: bool) -> list[float]:
    """Return about `count` round numbers between two, both included."""
    if is_log:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        if last - first >= 1:
            every = max(1, math.ceil((last - first) / count))
            return [10.0**power for power in range(first, last + 1, every)]
    raw = (high / count) - (low / count)
    if not 0 < raw < math.inf:
        return [low]
    size = 10.0 ** math.floor(math.log10(raw))
    step = next((size * n for n in (1.0, 2.0, 5.0, 10.0) if size * n >= raw * 0.999), raw) or raw
    if math.ceil(low / step) + 3 * count < math.floor(high / step):
        return [low, high]
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    places = [float(f"{number * step:.12g}") for number in numbers]
    return [place for place in places if low <= place <= high] or [low]


def _legend(plotext: Any, plot: Plot, number: int, width: int, has_colours: bool) -> str:
    mark = "──" if has_colours else MARKS[number % len(MARKS)]
    label = plot.labels[number]
    room = width - len(mark) - 2
    label = label if len(label) <= room else f"{label[: room - 3]}..."
    if has_colours:
        mark = str(plotext.colorize(mark, COLOURS[number % len(COLOURS)]))
    return f" {mark} {label}"
