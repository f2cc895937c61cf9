from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.reader.frame import matching, to_frame, to_multiindex_frame
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table

NAN = float("nan")

scalars = (
    st.none()
    | st.just(MISSING)
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["x", "y", "\ud800", "NaN"])
)
anything = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.text(max_size=2), scalars)
uniform = st.sampled_from(
    [st.booleans(), st.integers(-(2**65), 2**65), st.floats(), st.sampled_from("xyz"), st.text()]
).flatmap(lambda kind: st.lists(kind | st.none() | st.just(MISSING), max_size=9))
columns = st.lists(anything, max_size=9) | uniform
times = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30))]))


def frame_of(**columns: list[Any]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return to_frame(Table([str(number) for number in range(1, count + 1)], columns))


def is_same(stored: Any, given: Any) -> bool:
    """Whether a value of a DataFrame is the one that was given to it."""
    if given is None or given is MISSING or (isinstance(given, float) and math.isnan(given)):
        return stored is None or stored is pd.NA or stored is pd.NaT or stored != stored
    if isinstance(given, list | dict):
        return repr(stored) == repr(given)
    truths = [isinstance(value, bool | np.bool_) for value in (stored, given)]
    return bool(stored == given) and truths[0] == truths[1]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2], "Int64"),
        ([1, None], "Int64"),
        ([1, MISSING], "Int64"),
        ([1.5, 2.5], "float64"),
        ([1, 2.5], "float64"),
        ([1.5, MISSING], "float64"),
        ([True, False], "boolean"),
        ([True, None], "boolean"),
        (["a", "a", "b", "b"], "category"),
        (["a", "b", "c", "d"], "object"),
        ([1, "a"], "object"),
        ([1, True], "object"),
        ([2**63, 1], "object"),
        ([2**53 + 1, 0.5], "object"),
        ([[1], [2]], "object"),
        ([None, None], "object"),
        ([MISSING, MISSING], "object"),
        ([], "object"),
    ],
)
def test_columns_have_the_narrowest_type_that_holds_every_value(values: list[Any], dtype: str):
    assert str(frame_of(x=values)["x"].dtype) == dtype


@given(columns)
def test_every_value_comes_back_whatever_it_is(values: list[Any]):
    stored = frame_of(x=values)["x"]
    assert len(stored) == len(values)
    assert all(is_same(a, b) for a, b in zip(stored, values, strict=True))


@given(st.lists(times | st.just(MISSING), max_size=5))
def test_times_come_back_in_utc(moments: list[Any]):
    stored = frame_of(start=moments)["start"]
    assert str(stored.dtype).startswith("datetime64[")
    assert all(is_same(a, b) for a, b in zip(stored, moments, strict=True))


def test_times_and_durations_have_types_of_their_own():
    frame = frame_of(
        status=["SUCCESS", "LOST"],
        start=[datetime(2026, 1, 1, tzinfo=UTC), MISSING],
        end=[MISSING, MISSING],
        duration=[1.5, MISSING],
    )
    assert [str(dtype) for dtype in frame.dtypes] == [
        "category",
        "datetime64[ns, UTC]",
        "datetime64[ns, UTC]",
        "timedelta64[ns]",
    ]
    assert frame["duration"].iloc[0] == pd.Timedelta(seconds=1.5)
    assert frame.index.name == "id"


@given(st.lists(st.floats() | st.just(MISSING), max_size=5))
def test_durations_never_raise(seconds: list[Any]):
    for stored, given_ in zip(frame_of(duration=seconds)["duration"], seconds, strict=True):
        if given_ is not MISSING and abs(given_) < 1e9:
            assert abs(stored.total_seconds() - given_) < 1e-6


def test_ids_may_be_any_text():
    frame = to_frame(Table(["ünï", "a b", "\udcff"], {"x": [1, 2, 3]}))
    assert frame.index.tolist() == ["ünï", "a b", "\udcff"]


def test_rows_match_an_expression():
    frame = frame_of(
        **{"args.lr": [0.1, 0.2, MISSING], "status": ["A", "B", "A"], "n": [1, None, 3]}
    )
    assert matching(frame, "`args.lr` < 0.15") == [True, False, False]
    assert matching(frame, "status == 'A' and n > 1") == [False, False, True]
    assert matching(frame, "1 < 2") == [True, True, True]


@pytest.mark.parametrize("expression", ["n + 1", "status", "1 + 1", "'x'"])
def test_an_expression_must_be_true_or_false(expression: str):
    frame = frame_of(n=[1, 2], status=["A", "B"])
    with pytest.raises(TypeError, match="tru"):
        matching(frame, expression)


def test_the_historic_frame_has_levels_of_columns():
    frame = to_multiindex_frame(
        [
            {
                "expid": "1",
                "status": "SUCCESS",
                "args": {"lr": 0.1},
                "summary": {"loss": {"val": 1}},
            },
            {"expid": "2", "status": "ERROR", "args": {"lr": 0.2}},
        ]
    )
    assert frame.index.tolist() == ["1", "2"]
    assert frame.index.name == "expid"
    assert frame["", "args", "lr"].tolist() == [0.1, 0.2]
    assert frame["", "", "status"].tolist() == ["SUCCESS", "ERROR"]
    assert frame["summary", "loss", "val"].iloc[0] == 1
    assert to_multiindex_frame([]).empty
