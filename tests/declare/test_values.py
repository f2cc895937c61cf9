"""Values of parameters: what fits a type, and how values travel as text and through a record."""

from __future__ import annotations

import collections.abc
import datetime
import enum
import math
import typing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous.declare.kinds.kind import same
from meticulous.declare.marks import Param
from meticulous.declare.values import cast, parse, render
from meticulous.errors import MeticulousError, ParameterError
from meticulous.folder.encoding import decode_document, encode_document


class Colour(enum.Enum):
    RED = "red"
    GREEN = 2
    BLUE = (0, 0, 1)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Model:
    width: int = 8
    rates: list[float] = field(default_factory=lambda: [0.1])


@dataclass(frozen=True)
class Plan:
    name: str
    model: Model = field(default_factory=Model)
    parent: Plan | None = None


class Point(NamedTuple):
    x: float
    y: float


Seconds = NewType("Seconds", float)

numbers = st.floats(allow_nan=False)
texts = st.text(max_size=12)
words = st.text("abc", min_size=1, max_size=4)
paths = texts.map(lambda text: Path(text.replace("\0", "")))
models = st.builds(Model, st.integers(), st.lists(numbers, max_size=3))
plans = st.builds(
    Plan,
    texts,
    models,
    st.none() | st.builds(Plan, texts, models),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

TYPES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, st.floats()),
    (bool, st.booleans()),
    (str, texts),
    (bytes, st.binary(max_size=9)),
    (None, st.none()),
    (Any, anything),
    (Path, paths),
    (PurePosixPath, paths.map(PurePosixPath)),
    (Decimal, st.decimals(allow_nan=False)),
    (complex, st.complex_numbers(allow_nan=False)),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Rights, st.sampled_from([Rights.READ, Rights.READ | Rights.WRITE])),
    (Literal["sgd", "adam", 1, "1", None, True], st.sampled_from(["sgd", "adam", 1, "1", None])),
    (Literal[Colour.RED, "x y"], st.sampled_from([Colour.RED, "x y"])),
    (datetime.date, st.dates()),
    (datetime.datetime, st.datetimes(timezones=st.none() | st.just(datetime.UTC))),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas()),
    (Optional[int], st.none() | st.integers()),  # noqa: UP045
    (str | None, st.none() | texts),
    (Path | None, st.none() | paths),
    (Union[int, float], st.integers() | numbers),  # noqa: UP007
    (int | float | bool | str | None, st.integers() | numbers | st.booleans() | texts | st.none()),
    (list[int] | int, st.integers() | st.lists(st.integers())),
    (list[str] | str, texts | st.lists(texts)),
    (list[int] | None, st.none() | st.lists(st.integers())),
    (Colour | int, st.sampled_from(Colour) | st.integers()),
    (list[int], st.lists(st.integers(), max_size=4)),
    (list[str], st.lists(texts, max_size=4)),
    (list[str | None], st.lists(texts | st.none(), max_size=4)),
    (list[Path], st.lists(paths, max_size=4)),
    (list[list[float]], st.lists(st.lists(numbers, max_size=3), max_size=3)),
    (list[datetime.timedelta], st.lists(st.timedeltas(), max_size=3)),
    (list[Colour], st.lists(st.sampled_from(Colour), max_size=3)),
    (list, st.lists(anything, max_size=3)),
    (tuple[int, str], st.tuples(st.integers(), texts)),
    (tuple[float, ...], st.lists(numbers, max_size=4).map(tuple)),
    (tuple[()], st.just(())),
    (set[int], st.sets(st.integers(), max_size=4)),
    (frozenset[str], st.frozensets(texts, max_size=4)),
    (dict[str, int], st.dictionaries(texts, st.integers(), max_size=4)),
    (dict[int, list[str]], st.dictionaries(st.integers(), st.lists(texts, max_size=2), max_size=3)),
    (dict, st.dictionaries(texts, anything, max_size=3)),
    (Point, st.builds(Point, numbers, numbers)),
    (Model, models),
    (Plan, plans),
    (list[Model], st.lists(models, max_size=2)),
    (Model | None, st.none() | models),
    (Seconds, numbers),
    (Annotated[int, Param("a count")], st.integers()),
]
NAMES = [str(annotation) for annotation, _ in TYPES]
BY_NAME = dict(zip(NAMES, TYPES, strict=True))
RECORDED_OTHERWISE = {
    str(one)
    for one in (
        # A record keeps no difference between a text and what it spells as one.
        Any,
        list,
        dict,
        Colour | int,
        float,
        int | float | bool | str | None,
        Literal["sgd", "adam", 1, "1", None, True],
        datetime.timedelta,
        list[datetime.timedelta],
    )
}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)  # of each of many types
@given(data=st.data())
def test_a_value_stays_itself_when_cast_and_comes_back_from_its_text_and_a_record(name, data):
    annotation, values = BY_NAME[name]
    value = data.draw(values)
    once = cast(value, annotation)
    assert same(once, value)
    assert same(cast(once, annotation), once)
    assert same(parse(render(value, annotation), annotation), value)
    if name not in RECORDED_OTHERWISE:
        recorded = decode_document(encode_document({"value": value}))["value"]
        assert same(cast(recorded, annotation), value)


LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, numbers),
    (bool, st.booleans()),
    (str, texts),
    (Path, paths),
    (Colour, st.sampled_from(Colour)),
    (Literal["sgd", "null", "1,2", 3], st.sampled_from(["sgd", "null", "1,2", 3])),
    (datetime.date, st.dates()),
    (datetime.datetime, st.datetimes()),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas()),
    (Model, models),
]


def of_one(inner):
    kind, values = inner
    return st.sampled_from(
        [
            (list[kind], st.lists(values, max_size=3)),
            (tuple[kind, ...], st.lists(values, max_size=3).map(tuple)),
            (dict[str, kind], st.dictionaries(texts, values, max_size=3)),
            (kind | None, st.none() | values),
        ]
    )


def of_two(pair):
    (one, values), (other, others) = pair
    return st.sampled_from(
        [
            (tuple[one, other], st.tuples(values, others)),
            (one | other, values | others),
            (dict[str, one | other], st.dictionaries(texts, values | others, max_size=2)),
        ]
    )


composed = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: inner.flatmap(of_one) | st.tuples(inner, inner).flatmap(of_two),
    max_leaves=4,
)


@settings(max_examples=120, deadline=None)
@given(composed, st.data())
def test_so_is_one_of_any_composed_type(kind, data):
    annotation, values = kind
    value = data.draw(values)
    # Of a union of texts and paths, no text says which of them it is.
    is_clear = "Path" not in str(annotation) or "|" not in str(annotation)
    if is_clear and same(cast(value, annotation), value):
        assert same(parse(render(value, annotation), annotation), value)


@pytest.mark.parametrize(
    ("value", "annotation"),
    [
        ({"": -1e16}, dict[str, float | str]),
        ([datetime.timedelta(days=1)], list[datetime.timedelta | str]),
    ],
)
def test_what_is_no_text_does_not_become_one_among_others(value, annotation):
    assert same(parse(render(value, annotation), annotation), value)


@settings(deadline=None)
@given(st.floats())
def test_the_numbers_that_json_does_not_know_come_back_too(number):
    recorded = decode_document(encode_document({"value": number}))["value"]
    assert same(cast(recorded, float), number)


@settings(deadline=None)
@given(st.integers() | st.floats() | st.booleans() | words | st.dates())
def test_without_a_type_the_text_is_that_of_the_value(value):
    assert same(parse(render(value), type(value)), value)


@settings(deadline=None)
@given(anything, st.sampled_from(NAMES))
def test_whatever_does_not_fit_is_one_typed_error(value, name):
    annotation, _ = BY_NAME[name]
    for read in (lambda: cast(value, annotation), lambda: parse(str(value), annotation)):
        try:
            first = read()
        except ParameterError as error:
            assert str(error).startswith("the value")  # noqa: PT017
        else:
            assert same(cast(first, annotation), first)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (1, float, 1.0),
        (1.0, int, 1),
        (1e300, int, int(1e300)),
        ("Infinity", float, math.inf),
        (str(2**70), int, 2**70),
        ("RED", Colour, Colour.RED),
        ("red", Colour, Colour.RED),
        (2, Colour, Colour.GREEN),
        ([0, 0, 1], list[Colour | int], [0, 0, 1]),
        (1, Level, Level.LOW),
        ("a/b", Path, Path("a/b")),
        ("a/b", Path | str, "a/b"),
        ("a/b", int | Path, Path("a/b")),
        ((1, 2), list[float], [1.0, 2.0]),
        ([1, "x"], tuple[float, str], (1.0, "x")),
        ([1, 1], set[int], {1}),
        ({"1": 2}, dict[int, float], {1: 2.0}),
        ({"width": 3}, Model, Model(3)),
        ({"name": "x", "model": {"width": 1}}, Plan, Plan("x", Model(1))),
        ("2020-01-02", datetime.date, datetime.date(2020, 1, 2)),
        (datetime.date(2020, 1, 2), datetime.datetime, datetime.datetime(2020, 1, 2)),
        (90, datetime.timedelta, datetime.timedelta(seconds=90)),
        ((1, 2), collections.abc.Sequence[int], (1, 2)),
        ([1, 2], typing.List[int], [1, 2]),  # noqa: UP006
        (1, "a type nobody knows", 1),
        (len, collections.abc.Callable[[list], int], len),
        (1, 1 | 2, 1),
    ],
)
def test_what_fits_is_cast(value, annotation, expected):
    assert same(cast(value, annotation), expected)


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        ("abc", float, "lr must be float; 'abc' is a str."),
        ("0.1", float, "lr must be float; '0.1' is a str."),
        (True, int, "lr must be int; True is a bool."),
        (True, float, "lr must be float; True is a bool."),
        (1, bool, "lr must be bool; 1 is an int."),
        (0.5, int, "lr must be int; 0.5 is a float."),
        (math.inf, int, "lr must be int; inf is a float."),
        (10**400, float, "is an int."),
        (1, str, "lr must be str; 1 is an int (in YAML, quotes make it a text)."),
        (None, int, "lr must be int; it is None."),
        ("x", int | None, "lr must be int; 'x' is a str."),
        ("x", int | float, "lr must be int | float; 'x' is a str."),
        ("x", Literal["a", 1], "lr must be one of 'a', 1; 'x' is a str."),
        ("x", Colour, "lr must be one of RED, GREEN, BLUE; 'x' is a str."),
        ([1, "x"], list[int], "lr[1] must be int; 'x' is a str."),
        ("ab", list[str], "lr must be list[str]; 'ab' is a str."),
        ({"a": "x"}, dict[str, int], "lr['a'] must be int; 'x' is a str."),
        ([1], tuple[int, int], "lr must be tuple[int, int], 2 items; it has 1."),
        ([[]], set[Any], "lr must be set[Any]; [[]] is a list."),
        ({"widht": 1}, Model, "it has no field 'widht' (its fields: width, rates)."),
        ({"width": "x"}, Model, "lr.width must be int; 'x' is a str."),
        ({"model": {"rates": [1, "x"]}, "name": ""}, Plan, "lr.model.rates[1] must be float"),
        ({}, Plan, "lr must be Plan; its field 'name' has no value."),
        (datetime.datetime(2020, 1, 1, 5), datetime.date, "is a datetime."),
        ("2020-13-01", datetime.date, "as in ISO 8601; '2020-13-01' is none"),
        (object, Model, "lr must be Model; <class 'object'> is a type."),
    ],
)
def test_an_error_names_the_parameter_the_type_and_the_value(value, annotation, message):
    with pytest.raises(ParameterError) as caught:
        cast(value, annotation, name="lr")
    assert message in str(caught.value)
    assert isinstance(caught.value, MeticulousError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("text", "annotation", "expected"),
    [
        ("1_000", int, 1000),
        ("1e3", int, 1000),
        ("007", int, 7),
        ("0x10", int, 16),
        ("-.inf", float, -math.inf),
        ("yes", bool, True),
        ("OFF", bool, False),
        ("'quoted'", str, "'quoted'"),
        ("null", str, "null"),
        ("null", str | None, None),
        ('"null"', str | None, "null"),
        ("64,32", list[int], [64, 32]),
        ("[64, 32]", list[int], [64, 32]),
        ("(64, 32,)", tuple[int, ...], (64, 32)),
        ("64", list[int], [64]),
        ("", list[int], []),
        ("a, 'b, c', it's", list[str], ["a", "b, c", "it's"]),
        ("no,1,null", list[str], ["no", "1", "null"]),
        ("[[1, 2], [3]]", list[list[int]], [[1, 2], [3]]),
        ("[1,2],[3]", list[list[int]], [[1, 2], [3]]),
        ("{a: 1, 'b: c':2}", dict[str, int], {"a": 1, "b: c": 2}),
        ("{width: 3, rates: [1, 2]}", Model, Model(3, [1.0, 2.0])),
        ("1h30m", datetime.timedelta, datetime.timedelta(hours=1.5)),
        ("1:30:00", datetime.timedelta, datetime.timedelta(hours=1.5)),
        ("2020-01-02T03:04:05Z", datetime.datetime, None),
        ("[1, x, {a: null}]", Any, [1, "x", {"a": None}]),
        ("a: b", Any, "a: b"),
        ("[a", Any, "[a"),
        ("3", Literal["a", 3], 3),
    ],
)
def test_what_people_type_is_read(text, annotation, expected):
    value = parse(text, annotation)
    assert expected is None or same(value, expected)


@pytest.mark.parametrize(
    ("text", "annotation", "message"),
    [
        ("x", int, "lr must be int; 'x' is none."),
        ("1.5", int, "lr must be int; '1.5' is none."),
        ("maybe", bool, "lr must be true or false; 'maybe' is neither."),
        ("[1, x]", list[int], "lr[1] must be int; 'x' is none."),
        ("[1, 2", list[int], "']' is missing"),
        ("'a", list[str], "' is not closed"),
        ("{a 1}", dict[str, int], "such as {a: 1, b: 2}"),
        ("{a: 1, a: 2}", dict[str, int], "a name is given twice"),
        ("{width: x}", Model, "lr.width must be int; 'x' is none."),
        ("len", collections.abc.Callable, "no text means one"),
        ("x", Level, "must be one of LOW, HIGH; 'x' is none of them"),
    ],
)
def test_a_text_that_means_nothing_is_refused(text, annotation, message):
    with pytest.raises(ParameterError) as caught:
        parse(text, annotation, name="lr")
    assert message in str(caught.value)


def test_a_text_that_is_nested_too_deeply_is_refused():
    with pytest.raises(ParameterError, match="lr is nested too deeply"):
        parse("[" * 1000 + "]" * 1000, object, name="lr")


class TestNumbersOfLibraries:
    def test_numbers_of_numpy_become_those_of_python(self):
        numpy = pytest.importorskip("numpy")
        assert same(cast(numpy.float32(0.5), float), 0.5)
        assert same(cast(numpy.int64(3), int), 3)
        assert same(cast(numpy.int64(3), float), 3.0)
        assert same(cast(numpy.bool_(True), bool), True)
        assert same(cast(numpy.array([1, 2]), list[int]), [1, 2])
        with pytest.raises(ParameterError, match="must be int"):
            cast(numpy.float32(0.5), int)

    def test_a_text_is_no_list_of_letters(self):
        with pytest.raises(ParameterError, match="'abc' is a str"):
            cast("abc", tuple[str, ...])
