"""What is kept of finished experiments in the user's cache directory, as packed columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from meticulous.reader.index import cachefile
from meticulous.reader.index.columnar import Column, Columns, Shape, put_together, take_apart
from meticulous.reader.index.packing import Packed, pack
from meticulous.reader.index.sound import FILES, Sound
from meticulous.reader.table import table

PARTS = ("facts", *table.PARTS)
"""The parts that are taken apart; the first holds what is derived from files and metadata."""

STAMP = 2 * len(FILES)
"""Numbers that tell of one folder whether any of its files has changed."""

_KIND = "experiments"


class Unpacked(Sequence[Any]):
    """Packed values that are unpacked when the first of them is wanted.

    Attributes:
        packed: The values as they are kept.
    """

    __slots__ = ("_values", "packed")

    def __init__(self, packed: Packed, values: Sequence[Any] | None = None) -> None:
        self.packed = packed
        self._values = values

    def __len__(self) -> int:
        return self.packed.count

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> list[Any]: ...
    def __getitem__(self, key: int | slice) -> Any:
        return self._all()[key]

    def _all(self) -> Sequence[Any]:
        if self._values is None:
            self._values = self.packed.values()
        return self._values


@dataclass(slots=True)
class Kept:
    """Finished experiments as they were when they were last read.

    Attributes:
        names: The names of their folders.
        stamps: `STAMP` numbers for each.
        parts: The columns of each of `PARTS`.
    """

    names: list[str]
    stamps: array[int]
    parts: dict[str, Columns]

    def sounds(self, rows: Sequence[int]) -> list[Sound]:
        """Return some of the experiments; none of them shares a value with another."""
        facts, *others = (put_together(self.parts[part]) for part in PARTS)
        found = []
        for row in rows:
            first = STAMP * row
            numbers = self.stamps[first : first + STAMP]
            stamps = tuple(zip(numbers[::2], numbers[1::2], strict=True))
            args, default_args, summary, metadata = (part[row] for part in others)
            found.append(Sound(facts[row], args, default_args, summary, metadata, stamps, 0))
        return found


def load(directory: str) -> Kept | None:
    """Return what is kept of an experiments directory; None when there is nothing of use."""
    found = cachefile.load(directory, _KIND)
    if found is None:
        return None
    header, (names, stamps, *blocks) = found
    numbers: array[int] = array("q")
    numbers.frombytes(stamps)
    rest = iter(blocks)
    parts = {
        part: _columns(header["count"], entry, rest) for part, entry in header["parts"].items()
    }
    return Kept(cachefile.split_names(names), numbers, parts)


def save(
    directory: str, names: Sequence[str], sounds: Sequence[Sound]
) -> dict[str, Columns] | None:
    """Keep experiments in place of what was kept before, where that is possible.

    Returns:
        The experiments, taken apart; None when they cannot be.
    """
    stamps = array("q", [number for sound in sounds for stamp in sound.stamps for number in stamp])
    blocks: list[bytes | memoryview] = [cachefile.join_names(names), stamps.tobytes()]
    try:
        parts = {part: take_apart([getattr(sound, part) for sound in sounds]) for part in PARTS}
    except RecursionError:
        return None
    try:
        entries = {part: _entry(columns, blocks) for part, columns in parts.items()}
    except TypeError:  # nothing that JSON files hold, as far as is known
        return parts
    cachefile.save(directory, _KIND, {"count": len(names), "parts": entries}, blocks)
    return parts


def _entry(columns: Columns, blocks: list[bytes | memoryview]) -> dict[str, Any]:
    """Return a description of the columns, and add what it does not hold to the blocks.

    The columns keep their values packed as well, for whoever can use them so.
    """
    leaves, shapes = [], []
    for path, column in columns.leaves.items():
        packed = pack(column.values)
        column.values = Unpacked(packed, column.values)
        blocks += (_rows_block(column.rows), packed.data, packed.choices)
        leaves.append([path, column.place, column.rows is None, packed.kind, packed.count])
    for path, found in columns.shapes.items():
        for shape in found:
            blocks.append(_rows_block(shape.rows))
            shapes.append([path, shape.keys, shape.rows is None])
    return {"leaves": leaves, "shapes": shapes}


def _columns(count: int, entry: dict[str, Any], blocks: Iterator[memoryview]) -> Columns:
    columns = Columns(count)
    for path, place, whole, kind, length in entry["leaves"]:
        rows = _rows(next(blocks), whole)
        packed = Packed(kind, length, next(blocks), next(blocks))
        columns.leaves[tuple(path)] = Column(rows, Unpacked(packed), tuple(place))
    for path, keys, whole in entry["shapes"]:
        shape = Shape(tuple(keys), _rows(next(blocks), whole))
        columns.shapes.setdefault(tuple(path), []).append(shape)
    columns.shapes.setdefault((), [])
    return columns


def _rows_block(rows: Sequence[int] | None) -> bytes:
    return b"" if rows is None else array("I", rows).tobytes()


def _rows(block: memoryview, whole: bool) -> array[int] | None:
    if whole:
        return None
    rows: array[int] = array("I")
    rows.frombytes(block)
    return rows
