from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.cli.wording import (
    age_text,
    count_text,
    duration_text,
    pairs_text,
    short_value,
    size_text,
    value_text,
    visible,
)


@given(st.text())
def test_visible_text_is_one_line_that_moves_no_cursor(text: str):
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    shown.encode()


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"])))
def test_ordinary_text_stays_as_it_is(text: str):
    assert visible(text) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0342, "34 ms"),
        (0.9996, "1.0 s"),
        (3.21, "3.2 s"),
        (59.96, "1 min 00 s"),
        (250, "4 min 10 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86399, "1 d 00 h"),
        (400_000, "4 d 15 h"),
    ],
)
def test_durations_have_the_two_units_that_matter(seconds: float, text: str):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_sizes_have_the_fitting_unit(size: int, text: str):
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "just now"), (59, "just now"), (61, "1 minute ago"), (7300, "2 hours ago")],
)
def test_ages_have_one_unit(seconds: float, text: str):
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert age_text(now - timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.30000000000000004, "0.30000000000000004"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ("NaN", "NaN"),
        ("1e3", "'1e3'"),
        ("-", "'-'"),
        ("plain words", "plain words"),
        ([1, "a", None], '[1, "a", null]'),
        ({"__repr__": "<object>", "__type__": "object"}, "<object>"),
        (True, "True"),
        (None, "None"),
    ],
)
def test_values_are_told_apart(value: object, text: str):
    assert value_text(value) == text


def test_short_values_keep_what_matters():
    assert short_value(0.9733333333333334) == "0.973333"
    assert short_value(12345.678) == "12345.7"
    assert short_value(0.1) == "0.1"
    assert short_value("x" * 100) == "x" * 29 + "..."


def test_pairs_quote_what_has_spaces():
    assert pairs_text({"a": "b c", "d": 1, "e": [1, 2]}) == 'a="b c" d=1 e=[1, 2]'


def test_counts_agree_with_their_noun():
    assert count_text(1, "line") == "1 line"
    assert count_text(12_345, "line") == "12,345 lines"
