"""Plain text in aligned columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meticulous.cli.widths import cell_width


def aligned(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> Iterable[str]:
    """Yield the rows as lines of aligned columns.

    Args:
        rows: The cells, each row as long as the first.
        right: For each column, whether it is aligned to the right.
    """
    widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for cell, width, is_right in zip(row, widths, right, strict=True):
            space = " " * (width - cell_width(cell))
            cells.append(space + cell if is_right else cell + space)
        yield "  ".join(cells).rstrip()
