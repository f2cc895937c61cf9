"""`meticulous plot`: metrics as curves, in the terminal or a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.choosing import NO_CHOICE, narrowed, some_choosing_options
from meticulous.cli.completion import (
    complete_columns,
    complete_ids,
    complete_metrics,
    complete_metrics_and_ids,
)
from meticulous.cli.identifiers import ID, CountsBackwards, directory_option, folders_of

if TYPE_CHECKING:
    from meticulous.cli.drawing import Plot
    from meticulous.reader import Record
    from meticulous.reader.series.curves import Curve

USUAL_COUNT = 5

_EXAMPLES = """\b
Examples:
  meticulous plot loss
  meticulous plot loss accuracy 3-5 12 --smooth 0.9
  meticulous plot 'val/*' -1 --log-y --output curves.html
  meticulous plot loss --group-by args.lr --output curves.png
  meticulous plot loss --tag baseline --where "lr < 0.1" --tail 10
"""


@click.command(
    cls=CountsBackwards, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EXAMPLES
)
@click.argument(
    "words",
    metavar="METRIC... [ID]...",
    type=ID,
    nargs=-1,
    required=True,
    shell_complete=complete_metrics_and_ids,
)
@click.option(
    "--id",
    "ids",
    metavar="ID",
    multiple=True,
    shell_complete=complete_ids,
    help="An experiment, or several as in 3-9,12; repeatable. All words are then metrics.",
)
@click.option(
    "--tail",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Without an ID, take the last N that logged a METRIC.  [default: {USUAL_COUNT}; all with "
    "--group-by]",
)
@some_choosing_options("--filter", "--where", "--status", "--tag")
@directory_option
@click.option(
    "--x",
    metavar="NAME",
    shell_complete=complete_metrics,
    default="step",
    show_default=True,
    help="Draw against step; time, the seconds since the start; or another metric.",
)
@click.option(
    "--smooth",
    type=float,
    metavar="N",
    help="From 1 on: draw the mean of the last N values. Between 0 and 1: draw an exponential "
    "moving average in which the past has the weight N.",
)
@click.option("--log-x", is_flag=True, help="Make the horizontal axis logarithmic.")
@click.option("--log-y", is_flag=True, help="Make the vertical axis logarithmic.")
@click.option(
    "--group-by",
    metavar="COLUMN",
    shell_complete=complete_columns,
    multiple=True,
    help="Draw the mean of the experiments that have the same value, such as args.lr, and a band "
    "of one standard deviation; repeatable.",
)
@click.option(
    "--output", metavar="FILE", help="Write a file instead: .png, .svg, .pdf, or .html for a page."
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print the curves as a JSON list, one object for each."
)
def plot(
    words: tuple[str, ...],
    ids: tuple[str, ...],
    tail: int | None,
    directory: str | None,
    x: str,
    smooth: float | None,
    log_x: bool,
    log_y: bool,
    group_by: tuple[str, ...],
    output: str | None,
    as_json: bool,
    **conditions: Any,
) -> None:
    """Draw each METRIC of the experiments ID over its steps.

    The first word is a metric. A later word is an ID when it is a number, a range such as 3-9, -1
    for the latest, or the name or path of an experiment; else it is a further metric. Where that
    is not meant, name the experiments with --id. In a METRIC, * stands for any letters and ? for
    one, as in 'val/*'. Without an ID, the last experiments that logged one are drawn; --filter,
    --where, --status and --tag narrow down which, as in `meticulous list`.

    Values that are no finite numbers are gaps. Smoothing comes before averaging. Needs
    `pip install 'meticulous-ml[plot]'`, but not for --json.
    """
    if as_json and output is not None:
        raise click.UsageError("--json and --output exclude each other; give one of them.")
    if output is not None:
        from meticulous.cli.drawing_file import check_output

        check_output(output)
    metrics, named = (words, ids) if ids else _split(words, directory)
    if named and tail is not None:
        raise click.UsageError("--tail is for plots without an ID; leave out one of them.")
    records = _records(named, directory, conditions)
    if not named:
        from meticulous.reader.series.curves import with_metrics

        records = with_metrics(records, metrics, tail if tail or group_by else USUAL_COUNT)
    curves = _curves(records, metrics, x, smooth, group_by)
    if as_json:
        from meticulous.cli.rendering import print_json

        print_json([_as_object(curve, x) for curve in curves])
        return
    from meticulous.cli.drawing import make_plot

    drawing = make_plot(curves, records, x, log_x, log_y)
    if output is None:
        _show(drawing)
    else:
        _write(drawing, output)


def _curves(
    records: list[Record],
    metrics: tuple[str, ...],
    x: str,
    smooth: float | None,
    group_by: tuple[str, ...],
) -> list[Curve]:
    from meticulous.reader.series import averages
    from meticulous.reader.series.curves import read_curves

    curves, problems = read_curves(records, metrics, x)
    if smooth is not None:
        curves = [averages.smooth(curve, smooth) for curve in curves]
    if group_by:
        curves = averages.group_curves(curves, records, group_by)
    for problem in problems:
        click.echo(f"meticulous: warning: {problem}", err=True)
    return curves


def _split(
    words: tuple[str, ...], directory: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    metrics, ids = [words[0]], []
    for word in words[1:]:
        if _is_id(word, directory):
            ids.append(word)
        else:
            metrics.append(word)
    return tuple(metrics), tuple(ids)


def _is_id(word: str, directory: str | None) -> bool:
    if re.fullmatch(r"-?[0-9][0-9,-]*", word):
        return True
    from meticulous.errors import ExperimentNotFoundError

    try:
        folders_of((word,), directory)
    except ExperimentNotFoundError:
        return False
    return True


def _records(
    named: tuple[str, ...], directory: str | None, conditions: dict[str, Any]
) -> list[Record]:
    from meticulous.reader import by_start, locate, read_record
    from meticulous.reader.index import read_records

    if named:
        records = [read_record(folder) for folder in folders_of(named, directory)]
    else:
        records = by_start(read_records(locate(directory)))
    if any(conditions.values()):
        records = _narrowed(records, conditions)
    ids = [record.id for record in records] if named else []
    for name in ids:
        if ids.count(name) > 1:
            raise click.UsageError(
                f"Two of the experiments are called {name!r} and could not be told apart."
            )
    return records


def _narrowed(records: list[Record], conditions: dict[str, Any]) -> list[Record]:
    from meticulous.cli.wording import count_text

    chosen, _ = narrowed("", {**NO_CHOICE, **conditions}, records)
    for remark in chosen.remarks:
        click.echo(f"meticulous: warning: {remark}", err=True)
    if chosen.emptied_by is not None:
        raise click.UsageError(
            f"{chosen.emptied_by} leaves none of the {count_text(chosen.before, 'experiment')}. "
            "`meticulous list` shows what there is to choose by."
        )
    return chosen.records


def _as_object(curve: Curve, x: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"metric": curve.metric, "ids": curve.ids}
    if curve.counts is not None:
        shown["group"] = curve.group
    shown.update({"against": x, "x": curve.x, "y": curve.y})
    if curve.counts is not None:
        shown.update({"deviation": curve.deviation, "counts": curve.counts})
    return shown


def _show(drawing: Plot) -> None:
    from meticulous.cli.drawing_terminal import draw
    from meticulous.cli.rendering import terminal
    from meticulous.cli.screen import print_remark

    console = terminal()
    encoding = (console.encoding or "").lower()
    has_colours = console.is_terminal and console.color_system is not None and not console.no_color
    height = console.height - 2 if console.is_terminal else None
    lines = draw(drawing, console.width, height, has_colours, encoding.startswith("utf"))
    for line in lines:
        click.echo(line, color=has_colours)
    for remark in drawing.remarks:
        print_remark(remark)


def _write(drawing: Plot, output: str) -> None:
    from meticulous.cli.drawing_file import write_plot
    from meticulous.cli.wording import visible

    write_plot(drawing, output)
    for remark in drawing.remarks:
        click.echo(remark, err=True)
    click.echo(f"Wrote {visible(output)}.", err=True)
