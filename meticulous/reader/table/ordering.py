"""Rows in the order of their values, whatever types these have."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from meticulous.folder import layout
from meticulous.folder.allocation import is_number
from meticulous.folder.plain import plain
from meticulous.reader.table.columns import resolve
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID, Table


def sorted_rows(columns: Mapping[str, Sequence[Any]], keys: Sequence[str]) -> list[int]:
    """Return the positions of the rows in the order that keys give.

    Numbers come before text, text before everything else. Rows without a value, with null or NaN
    come last in either direction. Rows that are equal stay in the order they have.

    Args:
        columns: One value a row under each name; ids under `id`.
        keys: Names of columns, the most important first, as `resolve` reads them; with - before
            the name for a descending order.

    Raises:
        UnknownColumnError: A key names no column, or could name several.
    """
    length = len(next(iter(columns.values()), ()))
    rows = list(range(length))
    for key in reversed(keys):
        descending = key.startswith("-") and key not in columns
        name = resolve(key.removeprefix("-") if descending else key, columns)
        ranks = [_rank(_number(value) if name == ID else value) for value in columns[name]]
        absent = [row for row in rows if ranks[row] is None]
        present = [(rank, row) for row in rows if (rank := ranks[row]) is not None]
        # Sorting is stable in both directions, so what is equal keeps the order of later keys.
        present.sort(key=lambda pair: pair[0], reverse=descending)
        rows = [row for _, row in present] + absent
    return rows


def rows_by_start(table: Table) -> list[int]:
    """Return the rows of a table in the order of `by_start`."""
    starts, folders = table.columns["start"], table.columns["directory"]
    began = [
        _last_sign_of_life(folder) if start is MISSING else start.timestamp()
        for start, folder in zip(starts, folders, strict=True)
    ]
    return sorted(range(len(table)), key=began.__getitem__)


def _last_sign_of_life(folder: str) -> float:
    try:
        return os.stat(os.path.join(folder, layout.STATUS)).st_mtime
    except OSError:
        return 0.0


def _rank(value: Any) -> tuple[int, Any] | None:
    if value is MISSING or value is None or value != value:
        return None
    if isinstance(value, int | float):
        return 0, value
    if isinstance(value, datetime):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return 3, json.dumps(plain(value), ensure_ascii=False)


def _number(experiment_id: str) -> int | str:
    return int(experiment_id) if is_number(experiment_id) else experiment_id
