from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import UnknownColumnError
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.grouping import RUNS, STATISTICS, group
from meticulous.reader.table.ordering import sorted_rows

values = st.one_of(
    st.just(MISSING),
    st.none(),
    st.booleans(),
    st.integers() | st.sampled_from([10**400, -(10**400)]),
    st.floats(),
    st.text(max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers() | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def order(held: list[Any], *keys: str) -> list[Any]:
    return [held[row] for row in sorted_rows({"args.x": held}, keys or ("x",))]


def test_numbers_come_before_times_before_text_before_the_rest():
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    held = [[1], "b", 2.5, moment, "a", -1, {"a": 1}, True]
    assert order(held) == [-1, True, 2.5, moment, "a", "b", [1], {"a": 1}]


def test_what_is_missing_null_or_nan_comes_last_either_way():
    held = [MISSING, 1, None, 2, float("nan")]
    assert order(held)[:2] == [1, 2]
    assert order(held, "-x")[:2] == [2, 1]
    assert order(held)[2:][:2] == [MISSING, None]


def test_equal_rows_keep_their_order_and_later_keys_decide():
    columns = {"a": [1, 1, 0, 1], "b": [1, 2, 3, 1]}
    assert sorted_rows(columns, ["a"]) == [2, 0, 1, 3]
    assert sorted_rows(columns, ["-a"]) == [0, 1, 3, 2]
    assert sorted_rows(columns, ["a", "-b"]) == [2, 1, 0, 3]


def test_ids_that_are_numbers_are_sorted_as_numbers():
    assert sorted_rows({"id": ["10", "9", "b", "007"]}, ["id"]) == [1, 0, 3, 2]


def test_a_name_that_begins_with_a_dash_can_be_sorted_by():
    assert sorted_rows({"-a": [2, 1]}, ["-a"]) == [1, 0]
    assert sorted_rows({"-a": [1, 2]}, ["--a"]) == [1, 0]


def test_an_unknown_column_is_refused():
    with pytest.raises(UnknownColumnError):
        sorted_rows({"args.x": [1]}, ["y"])


@given(st.lists(values, max_size=8), st.sampled_from(["x", "-x"]))
def test_values_of_any_types_can_be_sorted(held: list[Any], key: str):
    assert sorted(sorted_rows({"args.x": held}, [key])) == [*range(len(held))]


@given(st.lists(st.tuples(values, values), max_size=8))
def test_values_of_any_types_can_be_grouped(pairs: list[tuple[Any, Any]]):
    keys, numbers = [key for key, _ in pairs], [number for _, number in pairs]
    found = group({"a": keys, "b": numbers}, ["a"], ["b"], [*STATISTICS])
    assert sum(found[RUNS]) == len(pairs)
    assert len({len(column) for column in found.values()}) == 1


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=8))
def test_statistics_are_those_of_the_library(numbers: list[int]):
    import statistics

    rows = {"a": [1] * len(numbers), "b": numbers}
    found = group(rows, ["a"], ["b"], [*STATISTICS])
    assert found["b.mean"][0] == pytest.approx(statistics.fmean(numbers))
    assert found["b.std"][0] == pytest.approx(statistics.stdev(numbers))
    assert found["b.median"][0] == statistics.median(numbers)
    assert (found["b.min"][0], found["b.max"][0]) == (min(numbers), max(numbers))
    assert (found["b.count"][0], found["b.sum"][0]) == (len(numbers), sum(numbers))


def test_a_single_number_has_no_deviation():
    found = group({"a": [1], "b": [3]}, ["a"], ["b"])
    assert found["b.std"] == [MISSING]
