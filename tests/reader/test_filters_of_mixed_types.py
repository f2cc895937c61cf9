"""Filters on columns whose values differ in type from experiment to experiment."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest

from meticulous.errors import InvalidQueryError
from meticulous.reader.choosing.conditions import parse_condition
from meticulous.reader.choosing.filters import parse_filter
from meticulous.reader.choosing.kinds import as_number
from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.table import Table

NOW = datetime(2026, 11, 22, tzinfo=UTC)

TABLE = Table(
    ["1", "2", "x", "bad\udcff"],
    {
        "args.lr": [0.1, "high", MISSING, 3],
        "args.name": ["adam", "sgd", 5, "\ud800"],
        "args.flag": [True, 1, 0, "a"],
        "summary.loss": [0.5, 1, 2, [1, 2]],
        "summary.huge": [1, "9" * 400, "-" + "9" * 30, 2**63],
    },
)


def chosen(text: str) -> list[str]:
    found = parse_filter(text, TABLE.columns, NOW).matching(TABLE)
    return [name for name, holds in zip(TABLE.ids, found, strict=True) if holds]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr > 0.05", ["1", "bad\udcff"]),
        ("not lr > 0.05", []),
        ("0.05 < lr < 1", ["1"]),
        ("lr + 1 > 2", ["bad\udcff"]),
        ("abs(lr) > 0 or lr == 'high'", ["1", "2", "bad\udcff"]),
        ("lr.between(0, 1)", ["1"]),
        ("name > 'b'", ["2"]),
        ("name.str.startswith('a')", ["1"]),
        ("lr < loss", ["1"]),
        ("name < loss", []),
        ("flag > 0", ["2"]),
        ("id + 1 > lr", ["1"]),
        ("id + 1 > 2", ["2"]),
        ("id > lr", ["1"]),
        ("huge > 0", ["1", "2", "bad\udcff"]),
        ("huge < -1e20", ["x"]),
        ("huge >= 9223372036854775808", ["2", "bad\udcff"]),
    ],
)
def test_a_value_of_another_type_does_not_meet_the_condition(text: str, expected: list[str]):
    assert chosen(text) == expected


def test_whole_numbers_beyond_floats_are_infinite():
    assert [as_number(10**400), as_number(-(10**400))] == [math.inf, -math.inf]


def test_whole_numbers_beyond_64_bits_meet_conditions_as_numbers():
    assert parse_condition("huge > 3").matching(TABLE) == [False, True, False, True]


def test_what_was_passed_over_is_said():
    wanted = parse_filter("lr > 0.05 and id > 0", TABLE.columns, NOW)
    assert wanted.passed_over(TABLE) == (
        "The filter 'lr > 0.05 and id > 0' passes over values of another type: "
        "args.lr in experiment 2."
    )
    assert parse_filter("lr == 0.1", TABLE.columns, NOW).passed_over(TABLE) == ""


def test_a_column_without_any_value_of_the_type_is_a_mistake():
    with pytest.raises(InvalidQueryError, match=r"args\.lr is"):
        parse_filter("lr > 'a'", TABLE.columns, NOW).matching(TABLE.take([0, 3]))


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**20 - 1, -(10**19) + 1, 10**400])
def test_so_do_those_that_are_barely_beyond(number: int):
    table = Table(["1", "2"], {"summary.n": [str(number), 0]})
    for condition in ("n > 5" if number > 0 else "n < -5", "n > 1e10 or n < -1e10"):
        assert parse_filter(condition, table.columns, NOW).matching(table) == [True, False]
    digits = Table(["1"], {"summary.n": ["1234567890123456789"]})
    with pytest.raises(InvalidQueryError, match="is text"):
        parse_filter("n > 5", digits.columns, NOW).matching(digits)
