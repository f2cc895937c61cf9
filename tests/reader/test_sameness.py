"""Which JSON values are the same, and which are numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.reader.table.flattening import MISSING
from meticulous.reader.table.sameness import is_numeric, is_same, kinship

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -0.0, math.nan])
    | st.sampled_from(["", "1", "NaN"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)  # fmt: skip


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ([1, [2.0]], [1.0, [2]], True),
        ([1], [True], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": math.nan}, {"a": math.nan}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
        ("1", 1, False),
        (None, MISSING, False),
        (MISSING, MISSING, True),
        ([], {}, False),
    ],
)
def test_values_are_the_same_as_json_has_it(a: Any, b: Any, expected: bool):
    assert is_same(a, b) is is_same(b, a) is expected


@given(VALUES, VALUES)
def test_what_is_quickly_seen_is_what_a_closer_look_finds(a: Any, b: Any):
    assert is_same(a, b) is (kinship(a, b) is not None)
    assert is_same(a, a)


def test_values_may_be_nested_deeper_than_any_stack():
    one: list[Any] = []
    other: list[Any] = []
    for _ in range(100_000):
        one, other = [one], [other]
    assert is_same(one, other)


def test_true_and_false_are_no_numbers():
    assert [is_numeric(value) for value in (1, 1.5, math.nan, True, "1", None)] == [
        *(True, True, True),
        *(False, False, False),
    ]
