"""Columns of text beside each other on a terminal, with rich."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from meticulous.cli.plain_table import Column
from meticulous.cli.rendering import STATUS_STYLES
from meticulous.cli.wording import ABSENT

if TYPE_CHECKING:
    from rich.table import Table

_GAP = 2


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


def as_table(
    columns: Sequence[Column], details: Sequence[Text] | None = None, title: str = ""
) -> Table:
    """Return the columns as a table for a terminal; `details` become a last one, below `title`."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

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
        table.add_column(Text(title), overflow="fold")
    for number in range(len(columns[0].cells)):
        row = [styled(column, number) for column in columns]
        table.add_row(*row, *(details[number : number + 1] if details else ()))
    return table


def styled(column: Column, number: int) -> Text:
    """Return a cell in its colours."""
    cell = column.cells[number]
    if column.is_status:
        return status_text(cell)
    return Text(cell, style="dim" if cell == ABSENT else "")


def status_text(cell: str) -> Text:
    """Return a status in its colour."""
    return Text(cell, style=STATUS_STYLES.get(cell, ""))
