"""CSV and TSV tables, compared cell by cell without being held in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import IO

from meticulous.reader.wording import count_text
from meticulous.reproduce.comparison.digits import NUMERAL, compare_digits, is_number
from meticulous.reproduce.comparison.formats.choosing import NotComparableError
from meticulous.reproduce.comparison.places import Places
from meticulous.reproduce.comparison.tally import Tallies, Tally
from meticulous.reproduce.comparison.text import encoding_of, is_text

DELIMITERS = ",;\t|"
"""What may part the cells of a .csv; the one that its first line has most."""

_Order = tuple[Sequence[int] | None, Sequence[int] | None]
_AS_THEY_STAND: _Order = (None, None)
_WIDEST = 10_000
"""Columns that are told apart."""


def compare(recorded: str, reproduced: str, tallies: Tallies, places: Places) -> None:
    """Compare two tables; the columns by name where the first row names them."""
    if not (is_text(recorded) and is_text(reproduced)):
        raise NotComparableError("one of the files is no text")
    encodings = encoding_of(recorded), encoding_of(reproduced)
    if encodings[0] != encodings[1] and not {"utf-8", "latin-1"} >= set(encodings):
        tallies[""].remark(f"in another encoding ({encodings[1]} instead of {encodings[0]})")
    with _open(recorded, encodings[0]) as one, _open(reproduced, encodings[1]) as other:
        try:
            _compare_rows(_rows(one, recorded), _rows(other, reproduced), tallies, places)
        except csv.Error as error:
            raise NotComparableError(
                f"one of the files is not readable as a table: {error}"
            ) from None


def _compare_rows(
    rows: Iterator[list[str]], other_rows: Iterator[list[str]], tallies: Tallies, places: Places
) -> None:
    head, other_head = next(rows, None), next(other_rows, None)
    if head is None or other_head is None:
        if head is not other_head:
            tallies[""].remark("only one of the files has any rows")
            tallies[""].unequal(None, None)
        return
    names, order = _columns(head, other_head, tallies)
    columns = [tallies[name] for name in names]
    number = 1
    if not _is_header(head):
        _compare_cells(head, other_head, columns, "row 1", places)
    same = missing = added = 0
    for number, (row, other) in enumerate(zip_longest(rows, other_rows), 2):
        if row is None or other is None:
            missing += other is None
            added += row is None
            continue
        row, other = _ordered(row, order[0]), _ordered(other, order[1])
        if row == other and len(row) == len(names):
            same += 1
        else:
            _compare_cells(row, other, columns, f"row {number}", places)
    for column in columns:
        column.same(same)
    if number == 1:
        tallies[""].same()  # the names of the columns are all there is
    for count, what in ((missing, "missing"), (added, "added")):
        if count:
            tally = tallies[""]
            tally.remark(f"{count_text(count, 'row')} {what} at the end")
            tally.unequal(None, None, count=count)


def _columns(head: list[str], other: list[str], tallies: Tallies) -> tuple[list[str], _Order]:
    """Return the names of the columns that both tables have, and where they stand in the rows."""
    if max(len(head), len(other)) > _WIDEST:
        return [""] * len(head), _AS_THEY_STAND
    if not _is_header(head):
        return [f"column {number}" for number in range(1, len(head) + 1)], _AS_THEY_STAND
    names = [name.strip() or f"column {number}" for number, name in enumerate(head, 1)]
    if head == other:
        return names, _AS_THEY_STAND
    if not _is_header(other) or not set(head) & set(other):
        tallies[""].remark("the first row differs")
        tallies[""].unequal(", ".join(head), ", ".join(other), "row 1")
        return names, _AS_THEY_STAND
    for name in head:
        if name not in other:
            tallies[name].remark("the reproduction does not have the column")
            tallies[name].unequal(None, None)
    for name in other:
        if name not in head:
            tallies[name].remark("only the reproduction has the column")
            tallies[name].unequal(None, None)
    if set(head) == set(other):
        tallies[""].remark("the columns stand in another order")
    kept = [at for at, name in enumerate(head) if name in other]
    return [names[at] for at in kept], (kept, [other.index(head[at]) for at in kept])


def _ordered(row: list[str], order: Sequence[int] | None) -> list[str]:
    if order is None:
        return row
    return [row[at] if 0 <= at < len(row) else "" for at in order]


def _compare_cells(
    row: list[str], other: list[str], columns: list[Tally], place: str, places: Places
) -> None:
    for at, (cell, other_cell) in enumerate(zip_longest(row, other)):
        tally = columns[min(at, len(columns) - 1)]
        if cell == other_cell:
            tally.compared += 1
        elif cell is None or other_cell is None:
            tally.remark("rows of another length")
            tally.unequal(cell, other_cell, place)
        elif is_number(cell.strip()) and is_number(other_cell.strip()):
            if places.are_marks(float(cell), float(other_cell)):
                tally.mark(cell, other_cell, place)
            else:
                compare_digits(cell.strip(), other_cell.strip(), tally, place)
        elif places.is_same(cell, other_cell):
            tally.remark("the same but for the folder in its path")
            tally.same()
        elif places.is_alike(cell, other_cell):
            tally.mark(cell, other_cell, place)
        else:
            tally.unequal(cell, other_cell, place)


def _is_header(row: list[str]) -> bool:
    """Say whether a row names its columns: none is a number, and none is named twice."""
    cells = [cell.strip() for cell in row]
    named = [cell for cell in cells if cell]
    return (
        bool(named)
        and len(set(named)) == len(named)
        and not any(NUMERAL.fullmatch(cell) for cell in cells)
    )


def _rows(file: IO[str], path: str) -> Iterator[list[str]]:
    delimiter = "\t" if path.lower().endswith(".tsv") else _delimiter(file)
    return csv.reader(file, delimiter=delimiter)


def _delimiter(file: IO[str]) -> str:
    line = file.readline(2**16)
    file.seek(0)
    return max(DELIMITERS, key=line.count)


def _open(path: str, encoding: str) -> IO[str]:
    return open(path, encoding=encoding, errors="backslashreplace", newline="")
