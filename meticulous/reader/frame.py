"""Tables as pandas DataFrames with proper types: the only module that imports pandas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from meticulous.reader.index.arrays import Array, array_of
from meticulous.reader.index.assembling import LazyColumns
from meticulous.reader.index.gathering import uncollected
from meticulous.reader.table.flattening import MISSING, bounded_values, flatten
from meticulous.reader.table.table import ID, Table

TIMES = ("start", "end")
DURATION = "duration"
LOGGED_TIME = "time"
STATUS = "status"

FEW = 64
"""Text with at most so many different values, each twice on average, becomes a category."""

_EXACT = 2**53
"""Integers up to here are floats without loss."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

_NANOSECONDS = 1e9


def to_frame(table: Table) -> pd.DataFrame:
    """Return a table as a DataFrame indexed by `id`, whatever its values are.

    Whole numbers become Int64, numbers float64, truth values boolean, `start` and `end` times in
    UTC, `duration` a timedelta, text with few different values a category. Columns of mixed types,
    integers beyond 64 bits, lists and other text stay Python objects. A value that an experiment
    does not have, and null among typed values, is missing (NA, NaN or NaT, as the type has it).

    Args:
        table: The table; it is not changed.
    """
    index = _index(table.ids, ID)
    with uncollected():
        columns = {
            name: _series(table.columns, index, partial(_column, name)) for name in table.columns
        }
    return pd.DataFrame(columns, index=index, copy=False)


def to_multiindex_frame(
    rows: Iterable[Mapping[str, Any]], ids: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return rows as the DataFrame that `Experiments.as_dataframe` always gave.

    Nested objects become levels of the columns, and a dot in a name separates levels as well.
    Shorter names are filled up with "" in front, so that the last level always holds the name
    itself: `("", "status")`, `("args", "lr")`.

    Args:
        rows: One mapping for each experiment, such as the attributes of a reader.
        ids: The index, named `expid`; by default the value `expid` of each row.
    """
    flat = [flatten(row) for row in rows]
    if ids is None:
        ids = [str(row.get("expid", "")) for row in flat]
    index = _index(ids, "expid")
    names = list(dict.fromkeys(name for row in flat for name in row if name != "expid"))
    columns = {
        name: _series([row.get(name, MISSING) for row in flat], index, _inferred) for name in names
    }
    frame = pd.DataFrame(columns, index=index)
    paths = [tuple(name.split(".")) for name in names]
    depth = max(2, *map(len, paths)) if paths else 2
    filled = [("",) * (depth - len(path)) + path for path in paths]
    empty = pd.MultiIndex.from_arrays([[]] * depth)
    frame.columns = pd.MultiIndex.from_tuples(filled) if filled else empty
    return frame


def to_grouped_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a DataFrame with two levels of columns, nested objects as one value each.

    Args:
        rows: One mapping for each experiment; `expid` becomes the index. The values of mappings in
            it stand below their name, `("args", "lr")`, all others below "", `("", "status")`.
    """
    flat: list[dict[tuple[str, str], Any]] = []
    ids = []
    for row in rows:
        ids.append(str(row.get("expid", "")))
        values: dict[tuple[str, str], Any] = {}
        for group, value in row.items():
            if isinstance(value, Mapping):
                values.update({(group, str(name)): inner for name, inner in value.items()})
            elif group != "expid":
                values["", group] = value
        flat.append(values)
    index = _index(ids, "expid")
    paths = list(dict.fromkeys(path for values in flat for path in values))
    columns = [
        _series([row.get(path, MISSING) for row in flat], index, _inferred) for path in paths
    ]
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    empty = pd.MultiIndex.from_arrays([[]] * 2)
    frame.columns = pd.MultiIndex.from_tuples(paths) if paths else empty
    return frame


def series_frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return columns of what was logged as a DataFrame with one row a line.

    Args:
        columns: Columns of equal length, MISSING where a line has no such value. `time`, in
            seconds since the epoch, becomes a time in UTC; others are typed as in `to_frame`.
    """
    data = {name: pd.Series(_logged(name, values)) for name, values in columns.items()}
    return pd.DataFrame(data)


def _logged(name: str, values: list[Any]) -> Any:
    kinds = set(map(type, values)) - {type(None), type(MISSING)}
    if name != LOGGED_TIME or not kinds <= {int, float}:
        return _inferred(values)
    try:
        seconds = _floats(values, {type(MISSING)})
        return pd.to_datetime(seconds, unit="s", utc=True).as_unit("ns")
    except (ValueError, OverflowError):  # outside the years 1678 to 2261
        return _inferred(values)


def matching(frame: pd.DataFrame, expression: str) -> list[bool]:
    """Say of each row whether a pandas expression holds, as in `DataFrame.query`.

    Where the answer is missing, because a value is, the row does not match.

    Args:
        frame: The rows.
        expression: Names with dots or other special characters stand in backticks.

    Raises:
        Exception: Whatever pandas raises for an expression that it cannot evaluate.
        TypeError: The expression gives something else than a truth value a row.
    """
    answer = frame.eval(expression, engine="python")
    if isinstance(answer, bool | np.bool_):
        return [bool(answer)] * len(frame)
    if not isinstance(answer, pd.Series) or len(answer) != len(frame):
        raise TypeError("the expression gives no truth value for each row")
    found = answer.tolist()
    if not all(isinstance(value, bool) or _is_missing(value) for value in found):
        raise TypeError("the expression gives other values than true and false")
    return [value is True for value in found]


def _is_missing(value: Any) -> bool:
    if value is None or value is MISSING or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and math.isnan(value)


def _index(ids: Sequence[str], name: str) -> Any:
    # As Python objects: an id may hold what a string type of pandas cannot.
    return pd.Index(_objects(ids), dtype=object, name=name)


def _series(values: Any, index: pd.Index, typed: Any) -> Any:
    array = typed(values)
    return pd.Series(array, index=index, dtype=array.dtype, copy=False)


def _column(name: str, columns: Mapping[str, list[Any]]) -> Any:
    """Return a column in its type, from packed values where that is possible."""
    if isinstance(columns, LazyColumns):
        array = array_of(columns, name)
        if array is not None and (typed := _typed_array(name, array)) is not None:
            return typed
    return _typed(name, columns[name])


def _typed_array(name: str, array: Array) -> Any:
    """Return packed values as `_typed` returns the same single ones; None where it has to."""
    if name in TIMES:
        return _packed_times(array) if array.kind == "int" else None
    if name == DURATION:
        return _durations(_with_nan(array)) if array.kind == "float" else None
    if array.kind == "float":
        return pd.arrays.NumpyExtensionArray(_with_nan(array))
    if array.kind == "int":
        return pd.arrays.IntegerArray(_writable(array.data), array.missing)
    return _packed_choices(name, array)


def _packed_times(array: Array) -> Any:
    moments = array.data.astype("datetime64[us]")
    moments[array.missing] = np.datetime64("NaT")
    index = pd.DatetimeIndex(moments).tz_localize("UTC")
    try:
        return index.as_unit("ns").array
    except (ValueError, OverflowError):  # outside the years 1678 to 2261
        return index.array


def _packed_choices(name: str, array: Array) -> Any:
    choices, missing = array.choices, array.missing
    kinds = set(map(type, choices)) - {type(None)}
    nulls = [code for code, choice in enumerate(choices) if choice is None]
    absent = missing | np.isin(array.data, nulls) if nulls else missing
    if kinds == {bool}:
        truth = np.array([bool(choice) for choice in choices])[array.data]
        return pd.arrays.BooleanArray(truth & ~absent, absent)
    most = len(missing) if name == STATUS else min(FEW, len(missing) // 2)
    texts = sorted(choice for choice in choices if choice is not None) if kinds == {str} else []
    if texts and len(texts) <= most:
        places = np.array([-1 if c is None else texts.index(c) for c in choices], dtype="int16")
        codes = places[array.data]
        codes[absent] = -1
        return pd.Categorical.from_codes(codes, categories=pd.Index(_objects(texts), dtype=object))
    values = _objects([*choices, np.nan])[np.where(missing, len(choices), array.data)]
    return pd.arrays.NumpyExtensionArray(values)


def _with_nan(array: Array) -> Any:
    values = _writable(array.data)
    values[array.missing] = np.nan
    return values


def _writable(data: Any) -> Any:
    # What was kept is read-only, and a DataFrame is not.
    return data if data.flags.writeable else data.copy()


def _typed(name: str, values: list[Any]) -> Any:
    if name in TIMES:
        return _times(values)
    if name == DURATION:
        seconds = [np.nan if _is_absent(value) else value for value in values]
        return _durations(np.array(seconds, dtype="float64"))
    if name == STATUS:
        return _category(values, len(values))
    return _inferred(values)


def _times(values: list[Any]) -> Any:
    moments: Any = [None if _is_absent(value) else value for value in values]
    try:
        return pd.to_datetime(moments, utc=True).as_unit("ns").array
    except (ValueError, OverflowError):  # outside the years 1678 to 2261
        return pd.array(pd.to_datetime(pd.Series(moments, dtype=object), utc=True)).as_unit("us")


def _durations(seconds: Any) -> Any:
    with np.errstate(invalid="ignore", over="ignore"):
        nanoseconds = np.round(seconds * _NANOSECONDS)
        known = np.abs(nanoseconds) < _LARGEST
    whole = np.where(known, nanoseconds, 0).astype("int64").astype("timedelta64[ns]")
    whole[~known] = np.timedelta64("NaT")
    return pd.array(whole)


def _is_absent(value: Any) -> bool:
    return value is None or value is MISSING


def _inferred(values: list[Any]) -> Any:
    """Return the values in the narrowest type that holds each of them unchanged."""
    kinds = set(map(type, values))
    missing = kinds & {type(None), type(MISSING)}
    kinds -= missing
    if kinds == {bool}:
        return _masked(values, missing, False, bool, pd.arrays.BooleanArray)
    if kinds == {int} and _fits(values, missing, _SMALLEST, _LARGEST):
        return _masked(values, missing, 0, "int64", pd.arrays.IntegerArray)
    if kinds == {float} or (kinds == {int, float} and _is_exact(values)):
        return _floats(values, missing)
    few = min(FEW, len(values) // 2)
    if kinds == {str} and (category := _category(values, few)) is not None:
        return category
    return _object_array(values, missing)


def _fits(values: list[Any], missing: set[type], least: int, most: int) -> bool:
    numbers = [value for value in values if value is not None and value is not MISSING]
    return bool(least <= min(numbers) and max(numbers) <= most)


def _is_exact(values: list[Any]) -> bool:
    return all(-_EXACT <= value <= _EXACT for value in values if type(value) is int)


def _masked(values: list[Any], missing: set[type], filler: Any, dtype: Any, kind: Any) -> Any:
    if not missing:
        return kind(np.array(values, dtype=dtype), np.zeros(len(values), dtype=bool))
    mask = np.array([value is None or value is MISSING for value in values], dtype=bool)
    filled = [filler if value is None or value is MISSING else value for value in values]
    return kind(np.array(filled, dtype=dtype), mask)


def _floats(values: list[Any], missing: set[type]) -> Any:
    if missing:
        values = [np.nan if value is None or value is MISSING else value for value in values]
    return pd.arrays.NumpyExtensionArray(np.array(values, dtype="float64"))


def _category(values: list[Any], most: int) -> Any:
    """Return text as a category; None where there are more than `most` different values."""
    texts = {value for value in values if type(value) is str}
    if len(texts) > most:
        return None
    categories = sorted(texts)
    places: dict[Any, int] = {text: number for number, text in enumerate(categories)}
    codes = np.array([places.get(value, -1) for value in values], dtype="int16")
    labels = pd.Index(_objects(categories), dtype=object)
    return pd.Categorical.from_codes(codes, categories=labels)


def _object_array(values: list[Any], missing: set[type]) -> Any:
    if type(MISSING) in missing:
        values = [np.nan if value is MISSING else value for value in values]
    return pd.arrays.NumpyExtensionArray(_objects(bounded_values(values)))


def _objects(values: Sequence[Any]) -> Any:
    # numpy would make two dimensions of lists of the same length.
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
