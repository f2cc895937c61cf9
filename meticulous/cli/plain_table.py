"""Columns of text, printed as plain lines where no terminal is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from meticulous.cli import cells
from meticulous.cli.aligning import aligned
from meticulous.cli.view import View
from meticulous.cli.widths import cell_width
from meticulous.reader.progress import PROGRESS
from meticulous.reader.table.reasons import REASON
from meticulous.reader.table.table import ID

LEAST_ROOM = 24
"""Characters that a column of free text must at least have."""

_FLEXIBLE = (REASON, "description", "tags", "problems")
_STYLES = {
    ID: "bold",
    "description": "dim",
    "tags": "dim",
    "problems": "red",
    REASON: "red",
    PROGRESS: "cyan",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        cells: One for each row, on one line.
        style: How it is printed on a terminal; see `meticulous.cli.screen.Span`.
        right: Whether it is aligned to the right.
        flexible: Whether its cells may be broken into several lines.
        is_status: Whether its cells are statuses, which have their own colours.
    """

    title: str
    cells: list[str]
    style: str = ""
    right: bool = False
    flexible: bool = False
    is_status: bool = False

    @property
    def width(self) -> int:
        """The characters that its longest cell takes."""
        return max(cell_width(line) for cell in (self.title, *self.cells) for line in _lines(cell))

    @property
    def least_width(self) -> int:
        """The characters it needs at least."""
        return min(self.width, LEAST_ROOM) if self.flexible else self.width


def print_lines(view: View, digits: int | None) -> None:
    """Print for a pipe: every column, nothing cut, no colours; `digits` None for all of them."""
    for line in as_lines(make_columns(view, list(view.columns), full=True, digits=digits)):
        click.echo(line)


def make_columns(
    view: View,
    names: Sequence[str],
    full: bool,
    now: datetime | None = None,
    digits: int | None = None,
    age_below: bool = False,
) -> list[Column]:
    """Return columns of a view as text.

    Args:
        view: The view.
        names: The columns.
        full: Whether nothing is cut, nor rounded unless `digits` says so.
        now: The present; with it, times tell how long ago they were.
        digits: How many significant digits numbers have.
        age_below: Whether they tell that in a second line.
    """
    return [
        Column(
            title,
            cells.cells(
                name,
                view.columns[name],
                full=full,
                digits=digits or (None if full else view.digits(name)),
                now=now,
                before_age="\n" if age_below else ", ",
            ),
            style=_STYLES.get(name, "cyan" if part_of(name) == "args" else ""),
            right=cells.is_right_aligned(name, view.columns[name]),
            flexible=name in _FLEXIBLE,
            is_status=name == "status",
        )
        for name, title in zip(names, cells.titles(names), strict=True)
    ]


def as_lines(columns: Sequence[Column]) -> Iterable[str]:
    """Yield the columns as lines of plain text, the headings first."""
    rows = [
        [column.title for column in columns],
        *(list(row) for row in zip(*(column.cells for column in columns), strict=True)),
    ]
    return aligned(rows, [column.right for column in columns])


def _lines(cell: str) -> list[str]:
    return cell.split("\n")


def part_of(name: str) -> str:
    """Return "args" or "summary" for the columns of these, "" for every other."""
    part, dot, _ = name.partition(".")
    return part if dot and part in ("args", "summary") else ""
