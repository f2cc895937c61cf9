"""Columns of text beside each other on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from meticulous.cli.plain_table import Column
from meticulous.cli.screen import Line, Span, wrapped
from meticulous.cli.widths import cell_width
from meticulous.cli.wording import ABSENT
from meticulous.folder import status

STATUS_STYLES = {
    status.REGISTERED: "cyan",
    status.RUNNING: "bold cyan",
    status.SUCCESS: "green",
    status.ERROR: "bold red",
    status.INTERRUPTED: "yellow",
    status.KILLED: "red",
    status.TIMEOUT: "yellow",
    status.REQUEUED: "yellow",
    status.LOST: "bold magenta",
    status.UNKNOWN: "magenta",
}

_GAP = 2
_RULE = "─"


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
    columns: Sequence[Column], width: int, details: Sequence[Line] = (), title: str = ""
) -> list[Line]:
    """Return the lines of a table that is no wider than `width`.

    Args:
        columns: Its columns, for which there must be `room`.
        width: The characters in a line.
        details: The cells of a last column, which takes the room that is left; none by default.
        title: The heading of that.
    """
    cells = [
        [styled(column, number) for column in columns] for number in range(len(columns[0].cells))
    ]
    heads: list[Line] = [[(column.title, "dim")] for column in columns]
    if details:
        cells = [[*row, detail] for row, detail in zip(cells, details, strict=True)]
        heads.append([(title, "dim")])
    widths = _widths(columns, width, details, title)
    is_right = [column.right for column in columns] + [False] * bool(details)
    lines = _beside(heads, widths, is_right)
    lines.append([(_RULE * (sum(widths) + _GAP * (len(widths) - 1)), "")])
    for row in cells:
        lines += _beside(row, widths, is_right)
    return lines


def styled(column: Column, number: int) -> Line:
    """Return a cell in its colours."""
    cell = column.cells[number]
    if column.is_status:
        return [(cell, STATUS_STYLES.get(cell, ""))]
    return [(cell, f"dim {column.style}" if cell == ABSENT else column.style)]


def _widths(
    columns: Sequence[Column], width: int, details: Sequence[Line], title: str
) -> list[int]:
    """Return how wide each column becomes: those that may be broken as narrow as they must."""
    natural = [column.width for column in columns]
    can_shrink = [column.flexible for column in columns]
    if details:
        texts = [title, *("".join([text for text, _ in detail]) for detail in details)]
        natural.append(max(cell_width(line) for text in texts for line in text.split("\n")))
        can_shrink.append(True)
    left = width - _GAP * (len(natural) - 1)
    left -= sum(one for one, can in zip(natural, can_shrink, strict=True) if not can)
    flexible = [one for one, can in zip(natural, can_shrink, strict=True) if can]
    shrunken = iter(_shrunken(flexible, left))
    return [next(shrunken) if can else one for one, can in zip(natural, can_shrink, strict=True)]


def _shrunken(widths: Sequence[int], left: int) -> list[int]:
    """Return the widths with the largest of them made equal, so that all have room."""
    result = [*widths]
    by_width = sorted(range(len(widths)), key=widths.__getitem__)
    for count, number in enumerate(by_width):
        result[number] = max(1, min(widths[number], left // (len(widths) - count)))
        left -= result[number]
    return result


def _beside(cells: Sequence[Line], widths: Sequence[int], is_right: Sequence[bool]) -> list[Line]:
    """Return the lines of cells that stand beside each other."""
    parts = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines: list[Line] = []
    for row in zip_longest(*parts, fillvalue=()):
        line: list[Span] = []
        gap = ""
        for part, width, right in zip(row, widths, is_right, strict=True):
            space = " " * (width - sum([cell_width(text) for text, _ in part]))
            line += [(gap + space if right else gap, ""), *part]
            gap = " " * _GAP if right else space + " " * _GAP
        lines.append(line)
    return lines
