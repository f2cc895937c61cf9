"""Many JSON objects as columns, one for each path of keys, and the same objects again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from meticulous.reader.table.flattening import MISSING, is_nested

Path = tuple[str, ...]
Rows = Sequence[int]


@dataclass(slots=True)
class Column:
    """The values that some of the objects have under one path.

    Attributes:
        rows: The numbers of the objects, not always in order; None for all of them.
        values: As many values.
        place: Where it stands among the columns: the first object that has it, and where in it.
    """

    rows: Rows | None
    values: Sequence[Any]
    place: tuple[int, ...]

    def dense(self, count: int) -> list[Any]:
        """Return one value for each of `count` objects, MISSING where it has none."""
        if self.rows is None:
            return list(self.values)
        full = [MISSING] * count
        for row, value in zip(self.rows, self.values, strict=True):
            full[row] = value
        return full


@dataclass(slots=True)
class Shape:
    """Objects that have the same keys in the same order.

    Attributes:
        keys: The keys.
        rows: The numbers of the objects; None for all.
    """

    keys: Path
    rows: Rows | None


@dataclass(slots=True)
class Columns:
    """Objects taken apart.

    Attributes:
        count: How many objects there are.
        leaves: The values, under the path of keys that leads to them.
        shapes: The keys of the objects themselves, under the empty path, and of nested ones.
    """

    count: int
    leaves: dict[Path, Column] = field(default_factory=dict)
    shapes: dict[Path, list[Shape]] = field(default_factory=dict)


def take_apart(objects: Sequence[dict[str, Any]]) -> Columns:
    """Return the values of JSON objects as columns.

    Nested objects are taken apart as `flatten` does it; lists stay one value.

    Raises:
        RecursionError: Objects are nested too deeply.
    """
    columns = Columns(len(objects))
    pieces: dict[Path, list[Column]] = {}
    _take_apart((), range(len(objects)), objects, (), columns, pieces)
    for path, found in pieces.items():
        columns.leaves[path] = found[0] if len(found) == 1 else _joined(found)
    return columns


def _take_apart(
    path: Path,
    rows: Rows,
    objects: Sequence[dict[str, Any]],
    place: tuple[int, ...],
    columns: Columns,
    pieces: dict[Path, list[Column]],
) -> None:
    groups: dict[Path, list[int]] = {}
    for number, keys in enumerate(map(tuple, objects)):
        if keys in groups:
            groups[keys].append(number)
        else:
            groups[keys] = [number]
    shapes = columns.shapes[path] = []
    for keys, numbers in groups.items():
        whole = len(numbers) == columns.count
        members = objects if len(groups) == 1 else [objects[number] for number in numbers]
        own = rows if len(groups) == 1 else [rows[number] for number in numbers]
        shapes.append(Shape(keys, None if whole else own))
        by_key = zip(*[member.values() for member in members], strict=True)
        for position, (key, values) in enumerate(zip(keys, by_key, strict=True)):
            inner = (*path, key)
            here = (*place, position)
            if dict in set(map(type, values)):
                others, kept = _nested(inner, own, values, here, columns, pieces)
                if others:
                    column = Column(kept, others, (kept[0], *here))
                    pieces.setdefault(inner, []).append(column)
            else:
                column = Column(None if whole else own, values, (own[0], *here))
                pieces.setdefault(inner, []).append(column)


def _nested(
    path: Path,
    rows: Rows,
    values: Sequence[Any],
    place: tuple[int, ...],
    columns: Columns,
    pieces: dict[Path, list[Column]],
) -> tuple[list[Any], list[int]]:
    """Take the objects among the values apart; return the others, and whose they are."""
    objects, owners, others, kept = [], [], [], []
    for row, value in zip(rows, values, strict=True):
        if type(value) is dict and is_nested(value):
            objects.append(value)
            owners.append(row)
        else:
            others.append(value)
            kept.append(row)
    if objects:
        shapes = columns.shapes.pop(path, [])
        _take_apart(path, owners, objects, place, columns, pieces)
        columns.shapes[path] = shapes + columns.shapes[path]
    return others, kept


def _joined(found: Sequence[Column]) -> Column:
    rows = [row for column in found for row in column.rows or ()]
    values = [value for column in found for value in column.values]
    return Column(rows, values, min(column.place for column in found))


def put_together(columns: Columns) -> list[dict[str, Any]]:
    """Return the objects that were taken apart, equal in everything; no two share a part."""
    return _put_together((), columns)


def _put_together(path: Path, columns: Columns) -> list[Any]:
    result: list[Any] = [MISSING] * columns.count
    parts: dict[str, list[Any]] = {}
    for shape in columns.shapes[path]:
        for key in shape.keys:
            if key not in parts:
                parts[key] = _dense((*path, key), columns)
        if shape.rows is None:
            members = [parts[key] for key in shape.keys]
            rows: Rows = range(columns.count)
        else:
            rows = shape.rows
            members = [[parts[key][row] for row in rows] for key in shape.keys]
        if not members:
            for row in rows:
                result[row] = {}
            continue
        keys = shape.keys
        for row, values in zip(rows, zip(*members, strict=True), strict=True):
            result[row] = dict(zip(keys, values, strict=True))
    return result


def _dense(path: Path, columns: Columns) -> list[Any]:
    leaf = columns.leaves.get(path)
    values = [MISSING] * columns.count if leaf is None else leaf.dense(columns.count)
    if path in columns.shapes:
        for row, value in enumerate(_put_together(path, columns)):
            if value is not MISSING:
                values[row] = value
    return values
