"""The options of `meticulous list`, and how its words are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from meticulous.cli.choosing import choosing_options
from meticulous.cli.sections import SectionedCommand, SectionOption

USUAL_COUNT = 20
"""Rows that a table has unless more or fewer are asked for."""

_USUAL_SECONDS = 2.0

_FORMATS = ("table", "csv", "tsv", "json", "jsonl", "markdown", "latex", "html")

FOR_PEOPLE = ("table", "markdown", "latex", "html")
"""The formats whose columns and cells are chosen for people; the others hold values exactly."""

_STATISTICS = ("mean", "std", "min", "max", "count", "median", "sum")

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    _WordsType = click.ParamType[tuple[str, ...]]
else:
    _WordsType = click.ParamType


_LAST_WORD = "meticulous.last-word"


class ListCommand(SectionedCommand):
    """The command, with an option whose value may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give `--watch` its usual value where no number follows it."""
        if args:
            ctx.meta[_LAST_WORD] = args[-1]
        words = []
        for number, word in enumerate(args):
            following = "".join(args[number + 1 : number + 2])
            is_alone = word == "--watch" and not re.fullmatch(r"[0-9.]+", following)
            words.append(f"--watch={_USUAL_SECONDS:g}" if is_alone else word)
        return super().parse_args(ctx, words)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete also what begins with - as the value of an option that stands before it."""
        for option in self.get_params(ctx):
            if isinstance(option.type, _Words) and ctx.meta.get(_LAST_WORD) in option.opts:
                return option.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


class _Words(_WordsType):
    """Words separated by commas."""

    name = "words"

    def __init__(self, known: tuple[str, ...] = ()) -> None:
        self.known = known

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split the words; refuse unknown ones."""
        words = tuple(word for part in str(value).split(",") if (word := part.strip()))
        strange = [word for word in words if self.known and word not in self.known]
        one_of = f" Choose from {', '.join(self.known)}." if self.known else ""
        if strange:
            self.fail(f"{strange[0]!r} is not known here.{one_of}", param, ctx)
        if not words:
            self.fail(f"It is empty.{one_of or ' Name one, or several with commas.'}", param, ctx)
        return words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the columns, or the known words, that begin as the last word typed."""
        from meticulous.cli.completion import complete_columns, completing

        complete = completing(lambda _: self.known) if self.known else complete_columns
        return complete(ctx, param, incomplete)


def _option(
    section: str, *words: str, **settings: Any
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(*words, cls=SectionOption, section=section, **settings)


_ROWS = "How many"
_COLUMNS = "Which columns"
_SHAPE = "Order and groups"
_OUTPUT = "Output"


_OPTIONS = (
    _option(
        _ROWS,
        "--tail",
        type=click.IntRange(min=1),
        metavar="N",
        help="The N that were started last, of those that fit the conditions.  "
        f"[default: {USUAL_COUNT} in a table; all in other formats]",
    ),
    _option(_ROWS, "--all", "everything", is_flag=True, help="All of them, unlinked ones too."),
    _option(
        _ROWS,
        "--head",
        type=click.IntRange(min=1),
        metavar="N",
        help="The first N rows of the list in its order; the N best with --sort.",
    ),
    _option(
        _COLUMNS,
        "--columns",
        type=_Words(),
        multiple=True,
        metavar="COLUMNS",
        help="These columns in this order, with commas: names (lr, summary.loss), what names begin "
        "with (args, args.model), or wildcards (*.loss). The id comes first if it is not named. "
        "Where they do not fit, the table comes in several parts.",
    ),
    _option(
        _COLUMNS,
        "--args",
        type=click.Choice(("none", "changed", "non-default", "all")),
        help="Which arguments: those that differ between the rows, those that differ from their "
        "default in some row, all, or none.  [default: changed; all in data formats]",
    ),
    _option(
        _COLUMNS, "--list-columns", is_flag=True, help="Say which columns there are, and stop."
    ),
    _option(_COLUMNS, "--wide", is_flag=True, help="Show all columns, however long the lines get."),
    _option(_COLUMNS, "--no-truncate", is_flag=True, help="Cut and round no value."),
    _option(
        _COLUMNS,
        "--digits",
        type=click.IntRange(min=1, max=17),
        metavar="N",
        help="Significant digits of numbers in table, markdown, latex and html; csv, tsv, json and "
        "jsonl stay exact.  [default: 6, for statistics of groups 4; all in a table that is piped]",
    ),
    _option(_COLUMNS, "--no-id", is_flag=True, help="Leave out the column of the ids."),
    _option(
        _SHAPE,
        "--sort",
        type=_Words(),
        multiple=True,
        metavar="COLUMN",
        help="Sort by this column, then by the next; -COLUMN for the largest first. Rows without a "
        f"value come last. Of more than {USUAL_COUNT} rows a table has the first. Of groups, a "
        "column means its mean.",
    ),
    _option(
        _SHAPE,
        "--group-by",
        type=_Words(),
        multiple=True,
        metavar="COLUMN",
        help="One row for all experiments with the same values there, in the order of these: how "
        "many, and statistics of their results and duration, or of --columns.",
    ),
    _option(
        _SHAPE,
        "--sets",
        is_flag=True,
        help="The sets that were registered, one below the other: their experiments, code, purpose "
        "and notes; then what was run without a set.",
    ),
    _option(
        _SHAPE,
        "--aggregate",
        type=_Words(_STATISTICS),
        multiple=True,
        metavar="STATISTICS",
        help=f"Which statistics: {', '.join(_STATISTICS)}.  [default: the first five]",
    ),
    _option(
        _OUTPUT,
        "--format",
        "data_format",
        type=click.Choice(_FORMATS),
        help="How to write it. csv, tsv, json and jsonl hold exact values.  [default: table]",
    ),
    _option(
        _OUTPUT,
        "--json",
        "as_json",
        is_flag=True,
        help="The same as --format json: a list with one object for each.",
    ),
    _option(
        _OUTPUT,
        "--export",
        metavar="FILE",
        help="Write it to a file whose name says the format: .csv, .tsv, .json, .jsonl, .md, .tex, "
        ".html, .parquet (needs pyarrow) or .pickle.",
    ),
    _option(
        _OUTPUT,
        "--watch",
        type=click.FloatRange(min=0.1),
        metavar="[SECONDS]",
        help="Draw it anew every few seconds until Ctrl-C, as many rows as the window has room "
        f"for.  [default: {_USUAL_SECONDS:g}]",
    ),
)


def list_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of `meticulous list`."""
    for add in reversed(_OPTIONS):
        command = add(command)
    return choosing_options(command)
