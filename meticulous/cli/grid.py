"""Columns of text beside each other: on a terminal with rich, elsewhere as plain aligned lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from meticulous.cli.rendering import STATUS_STYLES, aligned
from meticulous.cli.wording import ABSENT

LEAST_ROOM = 24
"""Characters that a column of free text must at least have."""

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        cells: One for each row, on one line.
        style: How rich shall print it.
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
        return max(map(cell_len, (self.title, *self.cells)))

    @property
    def least_width(self) -> int:
        """The characters it needs at least."""
        return min(self.width, LEAST_ROOM) if self.flexible else self.width


def room(columns: Iterable[Column], *, at_least: bool = True) -> int:
    """Return how many characters a line of the columns takes, at least or at most."""
    widths = [column.least_width if at_least else column.width for column in columns]
    return sum(widths) + _GAP * (len(widths) - 1)


def fitting(columns: Sequence[Column], width: int) -> int:
    """Return how many of the columns, from the left, fit into a width."""
    count = 0
    while count < len(columns) and room(columns[: count + 1]) <= width:
        count += 1
    return count


def as_table(columns: Sequence[Column], details: Sequence[Text] | None = None) -> Table:
    """Return the columns as a table for a terminal; `details` become a last column of lines."""
    table = Table(
        box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, show_edge=False, header_style="dim"
    )
    for column in columns:
        table.add_column(
            Text(column.title),
            style=column.style,
            justify="right" if column.right else "left",
            no_wrap=not column.flexible,
            overflow="fold",
        )
    if details:
        table.add_column(Text("args, summary"), overflow="fold")
    for number in range(len(columns[0].cells)):
        row = [styled(column, number) for column in columns]
        table.add_row(*row, *(details[number : number + 1] if details else ()))
    return table


def as_lines(columns: Sequence[Column]) -> Iterable[str]:
    """Yield the columns as lines of plain text, the headings first."""
    rows = [
        [column.title for column in columns],
        *(list(row) for row in zip(*(column.cells for column in columns), strict=True)),
    ]
    return aligned(rows, [column.right for column in columns])


def styled(column: Column, number: int) -> Text:
    """Return a cell in its colours."""
    cell = column.cells[number]
    if column.is_status:
        return status_text(cell)
    return Text(cell, style="dim" if cell == ABSENT else "")


def status_text(cell: str) -> Text:
    """Return a status in its colour."""
    return Text(cell, style=STATUS_STYLES.get(cell, ""))
