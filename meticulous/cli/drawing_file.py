"""Draw a plot into a file, with matplotlib."""

from __future__ import annotations

import html
import io
import logging
import os
import warnings
from typing import TYPE_CHECKING, Any

from meticulous.cli.drawing import Panel, Plot
from meticulous.cli.formats import write_file
from meticulous.cli.wording import visible
from meticulous.errors import InvalidOptionError, MissingExtraError
from meticulous.reader.series.curves import thin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("png", "svg", "html", "pdf")
"""What a plot can be written as, by the suffix of the file."""

_COLUMNS = 2000
"""Columns of points in a drawing: more than a printer shows in its width."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body {{ margin: 2em }} svg {{ max-width: 100%; height: auto }}</style>
</head>
<body>
{svg}
</body>
</html>
"""


def check_output(path: str) -> str:
    """Return what a plot is to be written as, from the name of the file.

    Raises:
        InvalidOptionError: The suffix is none of `FORMATS`.
    """
    suffix = os.path.splitext(path)[1].removeprefix(".").lower()
    if suffix not in FORMATS:
        raise InvalidOptionError(
            f"{path} says by its suffix how the plot is to be written, and that is none of "
            f"{', '.join('.' + name for name in FORMATS)}. Choose one of them."
        )
    return suffix


def write_plot(plot: Plot, path: str) -> None:
    """Write a plot to a file, which is replaced in one step.

    Raises:
        ExportError: The file cannot be written.
        InvalidOptionError: The suffix is none of `FORMATS`.
        MissingExtraError: matplotlib is not installed.
    """
    kind = check_output(path)
    image = _render(plot, "svg" if kind == "html" else kind)
    if kind == "html":
        svg = image.decode("utf-8")
        title = ", ".join(panel.metric for panel in plot.panels)
        page = _PAGE.format(title=html.escape(visible(title)), svg=svg[svg.index("<svg") :])
        image = page.encode("utf-8")
    write_file(path, image)


def _render(plot: Plot, kind: str) -> bytes:
    # It tells in its log when it cannot keep its list of fonts, which is nothing to a reader.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "A plot in a file needs the package matplotlib, which is not installed. "
            "`pip install 'meticulous-ml[plot]'` installs it; --json needs nothing."
        ) from error
    # Equal plots shall be equal files; a user's own settings of colours and fonts hold.
    settings: Any = {"svg.hashsalt": "meticulous", "text.usetex": False}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a font without some character of a name draws a box
        figure = Figure(figsize=(8, 1 + 3.5 * len(plot.panels)), dpi=150, layout="constrained")
        grid = figure.subplots(len(plot.panels), 1, sharex=True, squeeze=False)
        for axes, panel in zip(grid[:, 0], plot.panels, strict=True):
            _draw_panel(axes, plot, panel)
        grid[-1, 0].set_xlabel(_literal(plot.x_label), parse_math=False)
        stream = io.BytesIO()
        date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        figure.savefig(stream, format=kind, metadata=date[kind])
    return stream.getvalue()


def _draw_panel(axes: Axes, plot: Plot, panel: Panel) -> None:
    if plot.log_x:
        axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log")
    handles = []
    for line in panel.lines:
        curve = thin(line.curve, _COLUMNS, plot.log_x)
        colour = f"C{line.number}"
        is_point = len(curve.x) == 1
        handles += axes.plot(curve.x, curve.y, color=colour, marker="o" if is_point else "")
        if curve.deviation is not None:
            least = min((y for y in curve.y if y > 0), default=1.0)
            low = [max(y, least / 100) if plot.log_y else y for y in curve.low]
            axes.fill_between(curve.x, low, curve.high, color=colour, alpha=0.2, linewidth=0)
    axes.set_ylabel(_literal(visible(panel.metric)), parse_math=False)
    axes.grid(alpha=0.3)
    legend = axes.legend(handles, [_literal(line.label) for line in panel.lines], fontsize="small")
    for text in legend.get_texts():
        text.set_parse_math(False)


def _literal(label: str) -> str:
    # matplotlib leaves out of a legend what begins with an underscore.
    return f" {label}" if label.startswith("_") else label
