from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import InvalidQueryError, MeticulousError, UnknownColumnError
from meticulous.reader.choosing.conditions import parse_condition
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

TABLE = Table(
    ["1", "2", "3", "007"],
    {
        "status": ["SUCCESS", "SUCCESS", "ERROR", "SUCCESS"],
        "start": [NOW - timedelta(days=days) for days in (3, 2, 1, 0)],
        "duration": [10.0, 100.0, 4000.0, MISSING],
        "tags": [["a", "b"], [], ["b"], []],
        "args.lr": [0.1, 0.01, 1, MISSING],
        "args.flag": [True, False, MISSING, MISSING],
        "args.name": ["adam", "1", "sgd and more", None],
        "args.a b": [1, 2, 3, 4],
        "args.model.width": [1, 2, 3, 4],
        "default_args.lr": [0.1, 0.1, 0.1, 0.1],
        "summary.loss": [0.5, "diverged", float("nan"), MISSING],
        "summary.loss_max": [5, MISSING, 1, MISSING],
        "metadata.host": ["node7", "node8", "node7", "node7"],
    },
)


def chosen(text: str, table: Table = TABLE) -> list[str]:
    found = parse_condition(text).matching(table, now=NOW)
    return [name for name, holds in zip(table.ids, found, strict=True) if holds]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr < 0.1", ["2"]),
        ("lr<=0.1", ["1", "2"]),
        ("args.lr > 0.05", ["1", "3"]),
        ("1e-2 <= lr < 1", ["1", "2"]),
        ("0.05 < lr", ["1", "3"]),
        ("1 >= lr > 0.01", ["1", "3"]),
        ("lr == 1.0", ["3"]),
        ("lr = 1", ["3"]),
        ("lr != 1", ["1", "2"]),
        ("model.width >= 3", ["3", "007"]),
        ("`a b` > 3", ["007"]),
    ],
)
def test_numbers_are_compared_on_either_side_or_between(text: str, expected: list[str]):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loss < 2", ["1"]),
        ("loss > 0", ["1"]),
        ("loss == diverged", ["2"]),
        ("loss != 0.5", ["2", "3"]),
        ("name == 1", []),
        ("name == '1'", ["2"]),
        ("name < 'b'", ["1", "2"]),
        ("flag == true", ["1"]),
        ("flag == 1", []),
        ("flag != true", ["2"]),
        ("name == none", ["007"]),
        ("name != none", ["1", "2", "3"]),
        ("loss == nan", []),
    ],
)
def test_values_of_another_type_are_different_but_not_larger(text: str, expected: list[str]):
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flag", ["1", "2"]),
        ("loss_max", ["1", "3"]),
        ("l", None),
        ("los", None),
        ("l.*", ["1", "2", "3"]),
        ("loss.* < 2", []),
        ("loss.* > 0.1", ["1"]),
        ("lr|loss_max <= 5", ["1", "2", "3"]),
        ("(?!_).* == 7", []),
        ("[ls]oss == 0.5", ["1"]),
        ("(loss(?=$)) == 0.5", ["1"]),
        ("args\\.lr == 1", ["3"]),
    ],
)
def test_names_are_regular_expressions_for_the_whole_name(text: str, expected: list[str] | None):
    if expected is None:
        with pytest.raises(UnknownColumnError):
            chosen(text)
    else:
        assert chosen(text) == expected


def test_metadata_and_defaults_count_where_no_other_name_fits():
    assert chosen("host == node8") == ["2"]
    assert chosen("default_args.lr == 0.1") == TABLE.ids
    assert chosen(".*lr == 0.1") == ["1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status == ERROR or lr < 0.05", ["2", "3"]),
        ("status == SUCCESS and lr > 0.05", ["1"]),
        ("lr == 1 or lr == 0.1 and flag == true", ["1", "3"]),
        ("name == 'sgd and more'", ["3"]),
        ("name == 'sgd or more' or lr == 1", ["3"]),
    ],
)
def test_and_binds_closer_than_or_and_quotes_protect(text: str, expected: list[str]):
    assert chosen(text) == expected


def test_lists_times_durations_and_ids_are_compared_by_their_meaning():
    assert chosen("tags == a") == ["1"]
    assert chosen("tags != b") == ["2", "007"]
    assert chosen("start > 36h") == ["3", "007"]
    assert chosen("start < 2026-11-22") == ["1"]
    assert chosen("duration > 1m") == ["2", "3"]
    assert chosen("duration <= 100") == ["1", "2"]
    assert chosen("id >= 2") == ["2", "3"]
    assert chosen("id == 007") == []
    assert chosen("id == '007'") == ["007"]


@pytest.mark.parametrize(
    "text",
    ["", " ", "lr >", "< 3", "1 < 2", "'a'", "1 < a < 2 < 3", "a and", "or b", "a[", "(lr < 3"],
)
def test_what_is_no_condition_is_refused(text: str):
    with pytest.raises(InvalidQueryError, match="cannot be understood"):
        parse_condition(text)


def test_a_name_that_nothing_has_is_told_the_nearest():
    with pytest.raises(UnknownColumnError, match=r"args\.lr"):
        chosen("lrr > 3")


def test_a_time_compared_with_anything_else_is_refused():
    with pytest.raises(InvalidQueryError, match="is no time"):
        chosen("start > soon")


def test_nothing_in_a_condition_is_carried_out():
    with pytest.raises(MeticulousError):
        chosen("__import__('os').system('touch here') == 0")


def test_an_empty_table_needs_no_names():
    assert parse_condition("lr").matching(Table([], {"args.lr": []})) == []


pieces = st.sampled_from(
    [*"<>=!()[]'\"`\\ .*|&1a_", "lr", "loss", "==", "!=", " and ", " or ", "1e-3", "start", "tags"]
)


@given(st.lists(pieces, max_size=12).map("".join) | st.text(max_size=30))
def test_any_text_is_a_condition_or_refused(text: str):
    try:
        found = parse_condition(text).matching(TABLE, now=NOW)
    except MeticulousError:
        return
    assert len(found) == len(TABLE)


values = st.one_of(
    st.just(MISSING),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers() | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(
    st.lists(values, min_size=1, max_size=5),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    st.one_of(st.integers(), st.floats(), st.sampled_from(["true", "none", "text", "2d"])),
)
def test_any_value_can_be_compared_with_any_other(held: list[Any], operator: str, wanted: Any):
    table = Table([str(number) for number in range(len(held))], {"args.x": held})
    try:
        found = parse_condition(f"x {operator} {wanted}").matching(table, now=NOW)
    except InvalidQueryError:
        assert any(isinstance(value, datetime) for value in held)
        return
    for value, holds in zip(held, found, strict=True):
        if value is MISSING:
            assert not holds
        elif type(value) in (int, float) and type(wanted) in (int, float):
            assert holds == eval(f"value {operator} wanted")
