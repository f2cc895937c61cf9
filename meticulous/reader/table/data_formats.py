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
    # The writer quotes what holds a character of its line end, so that has to have both of them.
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    lines = []
    for row in (columns, *zip(*columns.values(), strict=True)):
        writer.writerow([_field(value) for value in row])
        lines.append(text.getvalue().removesuffix("\r\n"))
        text.seek(0)
        text.truncate()
    return "".join(f"{line}\n" for line in lines)


def as_objects(columns: Columns) -> list[dict[str, Any]]:
    """Return one object a row; what an experiment does not have is null."""
    return [
        {name: _json_value(value) for name, value in zip(columns, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def _json_value(value: Any) -> Any:
    if value is MISSING:
        return None
    return value.isoformat() if isinstance(value, datetime) else value


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
    if ID in typed:
        typed[ID] = [_encodable(str(value)) for value in typed[ID]]
    typed = {_encodable(name): values for name, values in typed.items()}
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
    if value is MISSING:
        return value
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(plain(value), ensure_ascii=False)


def _encodable(text: str) -> str:
    """Return text with escapes for what UTF-8 does not have, such as undecodable bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _is_uniform(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values if value is not MISSING and value is not None}
    if kinds == {list}:
        return all(
            isinstance(item, str) and _is_valid(item) for value in values for item in value or ()
        )
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
