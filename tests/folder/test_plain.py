from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import io
import ipaddress
import json
import math
import os
import sys
import threading
import types
import unittest.mock
import uuid
from pathlib import Path, PurePosixPath

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.folder.encoding import (
    encode_document,
    encode_line,
)
from meticulous.folder.plain import MAX_DEPTH, plain

nan, inf = math.nan, math.inf


class Colour(enum.Enum):
    RED = "red"
    COMPLEX = (1, 2)
    NOT_A_NUMBER = nan


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Odd(int, enum.Enum):
    """An integer to arithmetic, a label to its reader."""

    def __new__(cls, number, label):
        member = int.__new__(cls, number)
        member._value_ = label
        return member

    ONE = (1, "one")


@dataclasses.dataclass
class Settings:
    lr: float
    path: Path
    everything: dataclasses.InitVar[int] = 0
    inner: Settings | None = None


@dataclasses.dataclass(slots=True)
class Unset:
    here: int
    missing: int = dataclasses.field(init=False)


Point = collections.namedtuple("Point", "x y")


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "a lie"


class Number(int):
    def __repr__(self):
        return "a lie"


class Real(float):
    def __repr__(self):
        return "a lie"


class Anything:
    pass


class RaisingRepr:
    def __repr__(self):
        raise ValueError("no")


class RecursiveRepr:
    def __repr__(self):
        return repr(self)


class AnswersEverything:
    def __getattr__(self, name):
        return self

    def __call__(self, *words):
        return self

    def __repr__(self):
        return "everything"


class LiesAboutItsClass:
    @property
    def __class__(self):
        raise RuntimeError("no class")

    def __repr__(self):
        return "classless"


class PretendsToBeADict:
    __class__ = dict

    def __repr__(self):
        return "pretender"


class RaisingMeta(type):
    @property
    def __module__(cls):
        raise RuntimeError("no name")


class RaisingMetaInstance(metaclass=RaisingMeta):
    def __repr__(self):
        return "nameless"


class RaisingPath:
    def __fspath__(self):
        raise OSError("no path")

    def __repr__(self):
        return "a path"


class EndlessSequence(collections.abc.Sequence):
    def __len__(self):
        return 3

    def __getitem__(self, place):
        return place


class BrokenMapping(collections.abc.Mapping):
    def __len__(self):
        return 1

    def __iter__(self):
        raise RuntimeError("broken")

    def __getitem__(self, key):
        return key

    def __repr__(self):
        return "broken"


class ComputingDict(dict):
    def __getitem__(self, key):
        raise RuntimeError("computed")

    def items(self):
        raise RuntimeError("computed")


def function(x):
    return x


def generator():
    yield 1


def marked(text: str, kind: str) -> dict[str, str]:
    return {"__repr__": text, "__type__": kind}


HERE = __name__

SCALARS = [
    (None, None),
    (True, True),
    (0, 0),
    (-0.0, -0.0),
    (1.5, 1.5),
    ("é\n", "é\n"),
    (nan, "NaN"),
    (inf, "Infinity"),
    (-inf, "-Infinity"),
    (2**64 - 1, 2**64 - 1),
    (2**64, "18446744073709551616"),
    (-(2**63), -(2**63)),
    (-(2**63) - 1, "-9223372036854775809"),
    (10**5000, hex(10**5000)),
    ("\udcff", "\\udcff"),
    ("\ud83d\ude00", "\\ud83d\\ude00"),
    (Text("text"), "text"),
    (Text("é\ud800"), "é\\ud800"),
    (Number(7), 7),
    (Number(2**70), str(2**70)),
    (Real(0.5), 0.5),
    (Real(nan), "NaN"),
    (1 + 2j, "(1+2j)"),
    (b"\0\xff", {"__bytes__": "AP8="}),
    (bytearray(b"a"), {"__bytes__": "YQ=="}),
    (memoryview(b"abcd")[::2], {"__bytes__": "YWM="}),
    (PurePosixPath("a/b"), "a/b"),
    (Path(os.fsdecode(b"\xff")), "\\udcff"),
    (Colour.RED, "red"),
    (Colour.COMPLEX, "COMPLEX"),
    (Colour.NOT_A_NUMBER, "NaN"),
    (Level.HIGH, 3),
    (Word.YES, "yes"),
    (Access.READ | Access.WRITE, 3),
    (Odd.ONE, "one"),
    (datetime.datetime(2024, 2, 29, 1, 2, 3, 4), "2024-02-29T01:02:03.000004"),
    (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), "2024-01-01T00:00:00+00:00"),
    (datetime.date(2024, 2, 29), "2024-02-29"),
    (datetime.time(1, 2), "01:02:00"),
    (datetime.timedelta(minutes=1, microseconds=1), 60.000001),
    (decimal.Decimal("0.10"), "0.10"),
    (decimal.Decimal("NaN"), "NaN"),
    (fractions.Fraction(1, 3), "1/3"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (range(10), "range(0, 10)"),
    (slice(1, 2), "slice(1, 2, None)"),
    (int, "int"),
    (Colour, f"{HERE}.Colour"),
    (function, f"{HERE}.function"),
    (len, "len"),
    (math.sqrt, "math.sqrt"),
    (str.join, "str.join"),
    ([].append, "list.append"),
    (Path.cwd, "pathlib.Path.cwd"),
    (Settings.__init__, f"{HERE}.Settings.__init__"),
    (functools.lru_cache(function), f"{HERE}.function"),
    (math, "math"),
    (types, "types"),
    (functools.partial(function, 1, key="a"), f"functools.partial({HERE}.function, 1, key='a')"),
    (functools.partial(math.pow, Level.HIGH), "functools.partial(math.pow, 3)"),
    (collections.UserString("text"), "text"),
    (ipaddress.ip_address("::1"), marked("IPv6Address('::1')", "ipaddress.IPv6Address")),
]


@pytest.mark.parametrize(("value", "expected"), SCALARS, ids=lambda value: type(value).__name__)
def test_a_scalar_has_one_plain_form(value, expected):
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)
    if expected == 0:
        assert math.copysign(1, result) == math.copysign(1, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, (2, [3])), [1, [2, [3]]]),
        (collections.deque([1, 2], maxlen=2), [1, 2]),
        (collections.UserList([1]), [1]),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (collections.defaultdict(list, a=(1,)), {"a": [1]}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.UserDict(a=1), {"a": 1}),
        (collections.ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (ComputingDict(a=1), {"a": 1}),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.items(), [["a", 1]]),
        (Point(1, (2,)), {"x": 1, "y": [2]}),
        (argparse.Namespace(lr=0.1, path=Path("p")), {"lr": 0.1, "path": "p"}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (
            Settings(nan, Path("p"), inner=Settings(1, Path())),
            {
                "lr": "NaN",
                "path": "p",
                "inner": {"lr": 1, "path": ".", "inner": None},
            },
        ),
        (Unset(1), {"here": 1}),
        (EndlessSequence(), [0, 1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        ({"b", 1, None, 2.5, "a", (1, 2), (1, 1)}, [None, True, 2.5, "a", "b", [1, 1], [1, 2]]),
        (frozenset([frozenset([2, 1]), frozenset([1])]), [[1, 2], [1]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_container_becomes_a_list_or_an_object(value, expected):
    assert plain(value) == expected


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (Anything(), f"<{HERE}.Anything object>", f"{HERE}.Anything"),
        (
            RaisingRepr(),
            f"<{HERE}.RaisingRepr whose repr raised builtins.ValueError>",
            f"{HERE}.RaisingRepr",
        ),
        (
            RecursiveRepr(),
            f"<{HERE}.RecursiveRepr whose repr raised builtins.RecursionError>",
            f"{HERE}.RecursiveRepr",
        ),
        (AnswersEverything(), "everything", f"{HERE}.AnswersEverything"),
        (LiesAboutItsClass(), "classless", f"{HERE}.LiesAboutItsClass"),
        (PretendsToBeADict(), "pretender", f"{HERE}.PretendsToBeADict"),
        (RaisingMetaInstance(), "nameless", "unknown"),
        (RaisingPath(), "a path", f"{HERE}.RaisingPath"),
        (BrokenMapping(), "broken", f"{HERE}.BrokenMapping"),
        (generator(), "<generator object generator>", "builtins.generator"),
        (iter([1]), "<list_iterator object>", "builtins.list_iterator"),
        (unittest.mock.Mock(name="m"), "<Mock name='m'>", "unittest.mock.Mock"),
        (unittest.mock.MagicMock(), "<MagicMock>", "unittest.mock.MagicMock"),
        (unittest.mock.Mock(spec=dict), "<Mock spec='dict'>", "unittest.mock.Mock"),
        (..., "Ellipsis", "builtins.ellipsis"),
        (io.StringIO("x"), "<_io.StringIO object>", "_io.StringIO"),
        (ValueError("bad"), "ValueError('bad')", "builtins.ValueError"),
        (hashlib.sha256(), "<sha256 _hashlib.HASH object>", "_hashlib.HASH"),
        (threading.Lock(), "<unlocked _thread.lock object>", "_thread.lock"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_nothing_knows_becomes_its_repr_without_addresses_and_is_marked(value, text, kind):
    assert plain(value) == marked(text, kind)
    assert plain({"deep": [value]}) == {"deep": [marked(text, kind)]}


def test_a_long_repr_is_cut():
    class Long:
        def __repr__(self):
            return "<object at 0x7f00> " * 10_000

    text = plain(Long())["__repr__"]
    assert len(text) == 1000
    assert text.endswith("…")
    assert "0x" not in text


def test_an_iterator_is_not_consumed():
    source = iter([1, 2])
    plain({"data": source})
    assert list(source) == [1, 2]


def test_an_open_file_is_its_name(tmp_path):
    path = tmp_path / "data.txt"
    with path.open("w") as text, path.open("rb") as binary, open(os.fsencode(path)) as named:
        assert plain([text, binary, binary.raw, named]) == [str(path)] * 4
    with open(os.dup(0), closefd=True) as numbered:
        assert plain(numbered)["__type__"] == "_io.TextIOWrapper"


def test_structures_that_contain_themselves_are_marked():
    loop: list[object] = [1]
    loop.append(loop)
    assert plain(loop) == [1, {"__omitted__": "contains itself"}]
    mapping: dict[str, object] = {}
    mapping["again"] = (mapping,)
    assert plain(mapping) == {"again": [{"__omitted__": "contains itself"}]}
    settings = Settings(1, Path("p"))
    settings.inner = settings
    assert plain(settings)["inner"] == {"__omitted__": "contains itself"}
    shared = [1]
    assert plain([shared, shared]) == [[1], [1]]
    partial = functools.partial(function)
    partial.__setstate__((function, (partial,), {}, {}))
    assert "contains itself" in plain(partial)


def test_deep_nesting_is_marked():
    deep: object = "bottom"
    for _ in range(100_000):
        deep = [deep]
    document = encode_document(deep)
    assert document.count(b"[") == MAX_DEPTH + 1
    assert b'"__omitted__": "nested more than 100 levels deep"' in document
    assert orjson.loads(document) == json.loads(document) == plain(deep)


def test_little_room_on_the_stack_is_no_error():
    def at_depth(frames):
        return at_depth(frames - 1) if frames else encode_document(value)

    value: object = "bottom"
    for _ in range(MAX_DEPTH):
        value = {"a": [value]}
    used = len(list(_frames()))
    for room in range(30, 400, 30):
        document = at_depth(sys.getrecursionlimit() - used - room)
        assert b"no room left on the stack" in document or b"nested more than" in document
        json.loads(document)


def _frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back


def test_objects_that_all_know_each_other_come_to_an_end(monkeypatch):
    monkeypatch.setattr("meticulous.folder.plain.MAX_CONTAINERS", 5000)
    crowd = [types.SimpleNamespace() for _ in range(20)]
    for person in crowd:
        person.friends = list(crowd)
    assert b'"__omitted__": "more than 5000 containers"' in encode_document(crowd)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({None: 1, True: 2, 3: 4, 1.5: 5}, {"null": 1, "true": 2, "3": 4, "1.5": 5}),
        ({(1, "a"): 1, nan: 2, b"k": 3}, {"(1, 'a')": 1, "NaN": 2, "b'k'": 3}),
        ({Colour.RED: 1, Path("p"): 2, 2**64: 3}, {"red": 1, "p": 2, str(2**64): 3}),
        ({frozenset("ba"): 1}, {"['a', 'b']": 1}),
        ({int: 1, len: 2}, {"int": 1, "len": 2}),
        ({1: "int", "1": "str"}, {"1 (int)": "int", "1": "str"}),
        ({"1": "str", 1: "int"}, {"1": "str", "1 (int)": "int"}),
        ({"1": 0, "1 (int)": 1, 1: 2}, {"1": 0, "1 (int)": 1, "1 (int 2)": 2}),
        ({None: 1, "null": 2}, {"null (NoneType)": 1, "null": 2}),
        ({"\udcff": 1, "\\udcff": 2}, {"\\udcff (str)": 1, "\\udcff": 2}),
        ({1.5: 1, decimal.Decimal("1.50"): 2, "1.50": 3}, {"1.5": 2, "1.50": 3}),
        ({nan: 1, decimal.Decimal("NaN"): 2}, {"NaN": 1, "NaN (Decimal)": 2}),
        ({"é": 1, Text("t"): 2}, {"é": 1, "t": 2}),
    ],
)
def test_keys_become_strings_and_none_overwrites_another(mapping, expected):
    assert plain(mapping) == expected
    assert list(plain(mapping)) == list(expected)


def test_the_order_of_an_ordered_dict_is_kept():
    mapping = collections.OrderedDict(a=1, b=2)
    mapping.move_to_end("a")
    assert list(plain(mapping)) == ["b", "a"]


def test_the_same_value_gives_the_same_bytes_under_every_hash_seed(repository):
    program = (
        "import sys; from meticulous.folder.encoding import encode_document\n"
        "value = {'s': {'a', 'b', 'c', ('d', 1), frozenset('xyz')}, 'o': object()}\n"
        "value[frozenset('ab')] = 1\n"
        "sys.stdout.write(encode_document(value).decode())"
    )
    first, second = (
        repository.python("-c", program, env={"PYTHONHASHSEED": seed}).stdout for seed in "12"
    )
    assert first == second
    assert json.loads(first)["s"] == ["a", "b", "c", ["d", 1], ["x", "y", "z"]]


def test_importing_and_encoding_loads_no_heavy_module(repository):
    program = (
        "import sys; from meticulous.folder.encoding import encode_document, encode_line\n"
        "encode_document({'a': [1, 'b', None], 'c': {1, 2}}); encode_line({'loss': 0.5})\n"
        "heavy = 'json orjson dataclasses inspect typing pathlib datetime uuid numpy logging re'\n"
        "print(sorted(sys.modules.keys() & heavy.split()))"
    )
    assert repository.python("-S", "-c", program, check=True).stdout == "[]\n"


def test_attrs_classes_and_pydantic_models_are_objects():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Configuration:
        lr: float = 0.1
        path: Path = Path("p")

    assert plain(Configuration()) == {"lr": 0.1, "path": "p"}
    pydantic = pytest.importorskip("pydantic")

    class Model(pydantic.BaseModel):
        lr: float = 0.1

    assert plain(Model()) == {"lr": 0.1}


class Box(types.SimpleNamespace):
    """Hides from hypothesis what would break hypothesis itself."""

    def __repr__(self):
        return "Box(...)"


HOSTILE = [
    Anything(),
    RaisingRepr(),
    RecursiveRepr(),
    AnswersEverything(),
    LiesAboutItsClass(),
    PretendsToBeADict(),
    RaisingMetaInstance(),
    RaisingPath(),
    EndlessSequence(),
    BrokenMapping(),
    unittest.mock.MagicMock(),
    unittest.mock.Mock(spec=list),
    Colour,
    Colour.NOT_A_NUMBER,
    Odd.ONE,
    generator(),
    threading.Lock(),
    sys.stdin,
    object,
    type,
    functools.partial(function, RaisingRepr()),
    marked("a", "b"),
]
hostile = st.integers(0, len(HOSTILE) - 1).map(lambda place: Box(item=HOSTILE[place]))
weird_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.binary(),
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.ip_addresses(),
    st.builds(Text, st.text(st.characters())),
    st.builds(Number, st.integers()),
    st.builds(Real, st.floats()),
    st.builds(range, st.integers(-5, 5)),
    hostile,
)
keys = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=3),
    st.binary(max_size=3),
    st.sampled_from(["1", "null", "NaN", "1 (int)"]),
    st.tuples(st.integers(), st.text()),
    st.frozensets(st.integers(), max_size=3),
    st.builds(Text, st.text()),
)
weird = st.recursive(
    weird_leaves,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(keys, inner),
        st.tuples(inner, inner),
        st.sets(keys),
        st.builds(Point, inner, inner),
        st.builds(Settings, inner, inner),
        st.builds(lambda item: argparse.Namespace(item=item), inner),
        st.builds(collections.deque, st.lists(inner)),
        st.builds(lambda item: functools.partial(function, item), inner),
    ),
    max_leaves=25,
)


@given(weird)
def test_no_value_raises_and_all_parse_strictly(value):
    result = plain(value)
    assert plain(result) == result
    document = encode_document(value)
    assert document.endswith(b"\n")
    assert orjson.loads(document) == json.loads(document, parse_constant=pytest.fail) == result


@given(st.dictionaries(keys, weird, max_size=4))
def test_a_line_holds_one_line_feed_and_the_plain_value(mapping):
    line = encode_line(mapping)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert orjson.loads(line) == plain(mapping)


@given(st.dictionaries(keys, weird_leaves))
def test_no_entry_is_lost_whatever_the_keys(mapping):
    assert len(plain(mapping)) == len(mapping)
