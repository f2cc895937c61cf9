"""Columns as numpy arrays straight from what was kept, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson

from meticulous.folder.encoding import SPECIAL_NUMBERS
from meticulous.reader.index.assembling import LazyColumns, Piece
from meticulous.reader.index.kept import Unpacked
from meticulous.reader.index.packing import Packed, pack

_SIMPLE = {"float", "int", "choice"}


@dataclass(frozen=True, slots=True)
class Array:
    """The values of a column.

    Attributes:
        kind: What the data are: numbers of 8 bytes, or places in `choices`.
        data: One for each row; of no meaning where there is no value.
        missing: Where the column has no value.
        choices: The different values that occur, where the kind is `choice`.
    """

    kind: Literal["float", "int", "choice"]
    data: Any
    missing: Any
    choices: list[Any]


def array_of(columns: LazyColumns, name: str) -> Array | None:
    """Return a column as an array; None when it has to be made of its single values.

    Args:
        columns: The columns of a table.
        name: The name of the column.
    """
    pieces, count = columns.pieces(name), columns.count
    # What was just read has single values already; only a few of them are worth packing.
    if not any(isinstance(piece.values, Unpacked) for piece in pieces):
        return None
    packed = [_packed(piece) for piece in pieces]
    kinds = {values.kind for values in packed if values is not None}
    if None in packed or len(kinds) != 1 or not kinds <= _SIMPLE:
        return None
    parts = [(piece, values) for piece, values in zip(pieces, packed, strict=True) if values]
    if kinds != {"choice"}:
        dtype = "float64" if kinds == {"float"} else "int64"
        data, missing = _spread(
            parts, [_numbers(values, dtype) for _, values in parts], dtype, count
        )
        return Array("float" if dtype == "float64" else "int", data, missing, [])
    return _choices(parts, count, name.startswith("summary."))


def _packed(piece: Piece) -> Packed | None:
    if isinstance(piece.values, Unpacked):
        return piece.values.packed
    try:
        return pack(piece.values)
    except TypeError:
        return None


def _numbers(values: Packed, dtype: str) -> Any:
    return np.frombuffer(values.data, dtype=dtype)


def _spread(
    parts: Sequence[tuple[Piece, Packed]], numbers: Sequence[Any], dtype: str, count: int
) -> tuple[Any, Any]:
    data = np.zeros(count, dtype=dtype)
    missing = np.ones(count, dtype=bool)
    for (piece, _), values in zip(parts, numbers, strict=True):
        if piece.rows is None:
            return values, np.zeros(count, dtype=bool)
        rows = np.array(piece.rows, dtype="int64")
        kept = rows >= 0
        data[rows[kept]] = values[kept]
        missing[rows[kept]] = False
    return data, missing


def _choices(parts: Sequence[tuple[Piece, Packed]], count: int, revive: bool) -> Array | None:
    places: dict[Any, int] = {}
    codes = []
    for _, packed in parts:
        choices = orjson.loads(packed.choices)
        if not {dict, list}.isdisjoint(map(type, choices)):
            return None
        if revive and any(choice in SPECIAL_NUMBERS for choice in choices):
            return None
        if not set(map(type, choices)) <= {str, bool, type(None)}:
            return None
        own = [places.setdefault(choice, len(places)) for choice in choices]
        codes.append(np.array(own, dtype="int64")[_numbers(packed, "uint16")])
    data, missing = _spread(parts, codes, "int64", count)
    # Of what is kept some may have gone, and with it the last that had this value.
    used = np.flatnonzero(np.bincount(data[~missing], minlength=len(places)))
    moved = np.zeros(len(places), dtype="int64")
    moved[used] = np.arange(len(used))
    known = list(places)
    return Array("choice", moved[data], missing, [known[place] for place in used])
