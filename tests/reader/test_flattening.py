from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.folder.plain import plain
from meticulous.reader.index.columnar import put_together, take_apart
from meticulous.reader.index.packing import pack
from meticulous.reader.table.flattening import MISSING, bounded, bounded_values, flatten

keys = st.sampled_from(["a", "b", "a.b", "a.b#2", "", ".", "ü"]) | st.text(max_size=3)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(keys, values, max_size=5)


def leaves_of(value: object) -> list[object]:
    """All values below an object, in order, as a straightforward recursion finds them."""
    if isinstance(value, dict) and value:
        return [leaf for inner in value.values() for leaf in leaves_of(inner)]
    return [value]


@pytest.mark.parametrize(
    ("nested", "flat"),
    [
        ({}, {}),
        ({"lr": 0.1}, {"lr": 0.1}),
        ({"model": {"width": 3, "act": {"f": 1}}}, {"model.width": 3, "model.act.f": 1}),
        ({"layers": [{"width": 1}]}, {"layers": [{"width": 1}]}),
        ({"model": {}}, {"model": {}}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1, "a.b#2": 2}),
        ({"a": {"b": 2}, "a.b": 1}, {"a.b": 2, "a.b#2": 1}),
        ({"a.b": 1, "a.b#2": 2, "a": {"b": 3}}, {"a.b": 1, "a.b#2": 2, "a.b#3": 3}),
        ({"": {"": 1}}, {".": 1}),
    ],
)  # fmt: skip
def test_nested_objects_get_dotted_names(nested, flat):
    assert flatten(nested) == flat
    assert list(flatten(nested)) == list(flat)


def test_a_prefix_stands_before_every_name():
    assert flatten({"lr": 1, "model": {"width": 2}}, "args") == {
        "args.lr": 1,
        "args.model.width": 2,
    }


def test_an_object_that_stands_for_one_value_stays_one():
    device = {"__repr__": "device(type='cuda')", "__type__": "torch.device"}
    assert flatten({"device": device, "key": {"__bytes__": "AA=="}}) == {
        "device": device,
        "key": {"__bytes__": "AA=="},
    }


def test_depth_beyond_the_stack_is_no_obstacle():
    nested: dict[str, object] = {"end": 1}
    for _ in range(5000):
        nested = {"a": nested}
    [(name, value)] = flatten(nested).items()
    assert name == "a." * 5000 + "end"
    assert value == 1


@given(objects)
def test_no_value_is_lost_whatever_the_keys_are(nested):
    assert list(flatten(nested).values()) == leaves_of(nested) if nested else True


@given(st.lists(objects, max_size=6))
def test_objects_taken_apart_are_put_together_again(rows):
    again = put_together(take_apart(rows))
    assert repr(again) == repr(rows)  # also the order of the keys, and 1 is not True


@given(st.lists(objects, max_size=6))
def test_objects_taken_apart_have_the_values_that_flattening_finds(rows):
    columns = take_apart(rows)
    found = {path: column.dense(len(rows)) for path, column in columns.leaves.items()}
    for number, row in enumerate(rows):
        own = [values[number] for values in found.values() if values[number] is not MISSING]
        assert sorted(map(repr, own)) == sorted(map(repr, flatten(row).values()))


@given(st.lists(values, max_size=6) | st.lists(st.sampled_from([[1, "a"], [2, "b"], [3, "c"]])))
def test_packed_values_are_unpacked_again(column):
    column = [plain(value) for value in column]
    assert repr(pack(column).values()) == repr(column)


@given(st.lists(st.tuples(st.text(), st.floats(), st.booleans()), max_size=9))
def test_lists_and_objects_of_one_shape_are_unpacked_again(rows):
    lists = [[text, {"truth": truth}, len(text)] for text, _, truth in rows]
    assert repr(pack(lists).values()) == repr(lists)
    numbers = [number for _, number, _ in rows]
    assert repr(pack(numbers).values()) == repr(numbers)


@pytest.mark.parametrize("depth", [0, 1, 99, 100, 101, 102, 5000])
def test_a_column_is_bounded_as_its_values_are(depth):
    deep: object = 1
    for _ in range(depth):
        deep = [deep]
    column = ["x", None, deep, {"a": [1]}]
    assert [type(value) for value in bounded_values(column)] == [
        type(bounded(value)) for value in column
    ]
    assert isinstance(bounded_values(column)[2], str) == (depth > 100)


def test_missing_stays_itself():
    assert pickle.loads(pickle.dumps(MISSING)) is MISSING
    assert copy.deepcopy(MISSING) is MISSING
    assert not MISSING
    assert repr(MISSING) == "MISSING"
