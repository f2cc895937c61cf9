"""Columns as data for other programs, every value exact: CSV, TSV, objects, Parquet, pickle."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from meticulous.errors import MissingExtraError
from meticulous.folder.plain import plain
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import ID, Table
from meticulous.reader.wording import number_text

Columns = Mapping[str, Sequence[Any]]
"""One value a row under each name."""


def as_csv(columns: Columns, delimiter: str = ",") -> str:
    """Return the columns as CSV with a line of names, as RFC 4180 has it but for the line ends.

    Numbers have all their digits, times are ISO 8601 with their offset, lists and objects are JSON.
    What an experiment does not have is an empty field; null is None.
    """
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_field(value) for value in row])
    return text.getvalue()


def as_objects(columns: Columns) -> list[dict[str, Any]]:
    """Return one object a row, with the columns that the row has a value in."""
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in zip(columns, row, strict=True)
            if value is not MISSING
        }
        for row in zip(*columns.values(), strict=True)
    ]


def as_parquet(columns: Columns) -> bytes:
    """Return the columns as a Parquet file.

    Parquet has one type a column; where values differ in type, the column becomes text, each value
    in JSON unless it is text.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    import importlib

    try:
        importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingExtraError(
            "Parquet files need the package pyarrow. Install it: pip install "
            "'meticulous-ml[parquet]'. CSV and pickle need nothing more."
        ) from error
    typed = {
        name: values if _is_uniform(values) else [_as_text(value) for value in values]
        for name, values in columns.items()
    }
    buffer = io.BytesIO()
    _frame(typed).to_parquet(buffer, engine="pyarrow")
    return buffer.getvalue()


def as_pickle(columns: Columns) -> bytes:
    """Return the columns as a pickled DataFrame, indexed by id where there are ids."""
    buffer = io.BytesIO()
    _frame(columns).to_pickle(buffer)
    return buffer.getvalue()


def _frame(columns: Columns) -> Any:
    from meticulous.reader.frame import to_frame

    length = len(next(iter(columns.values()), ()))
    ids = [str(value) for value in columns.get(ID, range(length))]
    others = {name: list(values) for name, values in columns.items() if name != ID}
    frame = to_frame(Table(ids, others))
    return frame if ID in columns else frame.reset_index(drop=True)


def _field(value: Any) -> str:
    if value is MISSING:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return number_text(value)
    if value is None or isinstance(value, bool | int):
        return str(value)
    return json.dumps(plain(value), ensure_ascii=False)


def _as_text(value: Any) -> Any:
    if value is MISSING or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(plain(value), ensure_ascii=False)


def _is_uniform(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values if value is not MISSING and value is not None}
    if kinds == {list}:
        return all(isinstance(item, str) for value in values if value for item in value)
    if int in kinds and any(abs(value) >= 2**63 for value in values if isinstance(value, int)):
        return False
    if kinds == {str}:
        return all(_is_valid(value) for value in values if isinstance(value, str))
    return (len(kinds) < 2 and dict not in kinds) or kinds == {int, float}


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
