from __future__ import annotations

import collections
import contextlib
import datetime
import enum
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.errors import UnreadableRecordError
from meticulous.folder import encoding
from meticulous.folder.encoding import (
    decode_document,
    decode_lines,
    encode_document,
    encode_line,
    revive_numbers,
)
from meticulous.folder.plain import plain

nan, inf = math.nan, math.inf


class Level(enum.IntEnum):
    HIGH = 3


numbers = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
jsons = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=25,
)


@given(jsons)
def test_json_values_come_back_exactly(value):
    assert plain(value) == value
    document, line = encode_document(value), encode_line({"value": value})
    for data in (document, line):
        parsed = orjson.loads(data)
        assert repr(parsed) == repr(json.loads(data)) == repr(decode_document(data))
    # By repr, since 1 == 1.0 == True and 0.0 == -0.0.
    assert repr(decode_document(document)) == repr(value)
    assert repr(decode_lines(line)) == repr([{"value": value}])


@given(st.binary())
def test_reading_arbitrary_bytes_raises_nothing_else(data):
    for read in (decode_document, decode_lines):
        with contextlib.suppress(UnreadableRecordError):
            read(data)


@given(jsons, st.data())
def test_a_cut_document_is_called_cut_off(value, data):
    document = encode_document({"value": value}).rstrip()
    end = data.draw(st.integers(1, len(document) - 1))
    with pytest.raises(UnreadableRecordError, match="cut off before the end"):
        decode_document(document[:end])


@given(st.lists(st.dictionaries(texts, jsons), min_size=1, max_size=3), st.data())
def test_a_cut_last_line_costs_only_itself(lines, data):
    content = b"".join(encode_line(line) for line in lines)
    last = len(encode_line(lines[-1]))
    cut = data.draw(st.integers(0, last))
    expected = lines if cut <= 1 else lines[:-1]
    assert repr(decode_lines(content[: len(content) - cut])) == repr(expected)


@given(
    st.recursive(
        st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_special_numbers_come_back_as_floats(value):
    revived = revive_numbers(decode_document(encode_document(value)))
    assert repr(revived) == repr(revive_numbers(value))


def test_a_document_is_laid_out_for_people():
    value = {
        "lr": 0.1,
        "layers": [64, 64, 10],
        "empty": [{}, []],
        "matrix": [[1, 2], [3, 4]],
        "nested": {"name": "é\n"},
        "long": ["x" * 50, "y" * 50],
    }
    assert encode_document(value).decode() == (
        "{\n"
        '    "lr": 0.1,\n'
        '    "layers": [64, 64, 10],\n'
        '    "empty": [\n'
        "        {},\n"
        "        []\n"
        "    ],\n"
        '    "matrix": [\n'
        "        [1, 2],\n"
        "        [3, 4]\n"
        "    ],\n"
        '    "nested": {\n'
        '        "name": "é\\n"\n'
        "    },\n"
        '    "long": [\n'
        f'        "{"x" * 50}",\n'
        f'        "{"y" * 50}"\n'
        "    ]\n"
        "}\n"
    )


def test_special_numbers_are_strings_in_the_file_and_floats_after_revival():
    document = encode_document({"a": nan, "b": [inf, -inf], "NaN": "nan"})
    decoded = decode_document(document)
    assert decoded == {"a": "NaN", "b": ["Infinity", "-Infinity"], "NaN": "nan"}
    assert repr(revive_numbers(decoded)) == "{'a': nan, 'b': [inf, -inf], 'NaN': 'nan'}"
    assert decoded["a"] == "NaN"
    assert revive_numbers("Infinity") == inf


@pytest.mark.parametrize("value", [[nan, 10**30, "\udc80", {1: {2}}], {"a": Path("b")}, None])
def test_jq_reads_documents_and_lines(value):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    for data in (encode_document(value), encode_line({"value": value}) * 2):
        done = subprocess.run(["jq", "-c", "."], input=data, capture_output=True, check=True)
        assert done.stderr == b""


@pytest.fixture(params=["first lines", "with orjson"])
def _both_writers(request, monkeypatch):
    """Lines are written by two encoders: one that costs no import, then a faster one."""
    monkeypatch.setattr(encoding, "_dumps", None)
    monkeypatch.setattr(encoding, "_lines_left", 10**9 if request.param == "first lines" else 1)
    encode_line({})
    assert (encoding._dumps is None) == (request.param == "first lines")


@pytest.mark.usefixtures("_both_writers")
@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"step": 1, "loss": 0.5}, b'{"step":1,"loss":0.5}\n'),
        ({"loss": nan, "a": inf}, b'{"loss":"NaN","a":"Infinity"}\n'),
        ({"values": {"loss": -inf, "n": None}}, b'{"values":{"loss":"-Infinity","n":null}}\n'),
        ({"values": {"loss": 0.5, "ok": True}}, b'{"values":{"loss":0.5,"ok":true}}\n'),
        ({"big": 2**64}, b'{"big":"18446744073709551616"}\n'),
        ({"bad\udcff": "\udcff"}, b'{"bad\\\\udcff":"\\\\udcff"}\n'),
        ({1: (1, 2)}, b'{"1":[1,2]}\n'),
        ({"date": datetime.date(2024, 1, 2)}, b'{"date":"2024-01-02"}\n'),
        ({"word": collections.UserString("w"), "level": Level.HIGH}, b'{"word":"w","level":3}\n'),
        ({"text": "a\nb\r\u2028é\0"}, '{"text":"a\\nb\\r\u2028é\\u0000"}\n'.encode()),
        (collections.OrderedDict(a=1), b'{"a":1}\n'),
    ],
)
def test_a_line_is_compact_and_strict(mapping, expected):
    assert encode_line(mapping) == expected


@pytest.mark.usefixtures("_both_writers")
def test_a_line_that_contains_itself_is_marked():
    mapping: dict[str, object] = {"step": 1}
    mapping["again"] = mapping
    assert orjson.loads(encode_line(mapping)) == {
        "step": 1,
        "again": {"__omitted__": "contains itself"},
    }


def test_orjson_is_imported_only_when_enough_lines_repay_it(repository):
    program = (
        "import sys; from meticulous.folder.encoding import encode_line, LINES_BEFORE_ORJSON\n"
        "for line in range(LINES_BEFORE_ORJSON - 1): encode_line({'loss': 0.5})\n"
        "print('orjson' in sys.modules)\n"
        "encode_line({'loss': 0.5})\n"
        "print('orjson' in sys.modules)"
    )
    assert repository.python("-c", program, check=True).stdout == "False\nTrue\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b'{"a": 1', "is cut off"),
        ('{"a": "é'.encode()[:-1], "is cut off"),
        (b"\x80\x04\x95", "binary data .byte 0x80 at offset 0"),
        (b"\0\0\0\0", "binary data"),
        (b'{"a": 1}}', "not valid JSON: unexpected content after document: line 1 column 9"),
        (b"{'a': 1}", "not valid JSON"),
        (b"[" * 5000 + b"]" * 5000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_explained(data, problem):
    with pytest.raises(UnreadableRecordError, match=problem):
        decode_document(data)


@pytest.mark.parametrize(
    "value",
    [nan, [inf, -inf], 10**30, -(10**5000), "\udcff", {"é": {"\ud800": nan}}],
    ids=lambda value: type(value).__name__,
)
def test_what_the_json_module_wrote_into_old_folders_is_read_in_todays_form(value):
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        data = json.dumps(value, indent=4).encode()
        expected = str(value) if isinstance(value, int) else plain(value)
    finally:
        sys.set_int_max_str_digits(digits)
    assert decode_document(data) == expected


def test_long_digits_in_text_change_nothing():
    value = {"a": "1234567890" * 5, "b": 0.12345678901234568, "c": 2**64 - 1}
    assert decode_document(encode_document(value)) == value
    assert decode_lines(encode_line(value) * 2) == [value] * 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b'{"a":1}\n', [{"a": 1}]),
        (b'{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\r\n{"a":2}\r\n', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n{"a":2}', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n{"a"', [{"a": 1}]),
        (b'{"a":1}\n12', [{"a": 1}]),
        (b'{"a":1}\n\0\0\0', [{"a": 1}]),
        (b'{"a":NaN}\n', [{"a": "NaN"}]),
        (b'{"a":100000000000000000000000}\n', [{"a": "100000000000000000000000"}]),
    ],
)
def test_lines_are_read_without_a_torn_last_one(data, expected):
    assert decode_lines(data) == expected


@pytest.mark.parametrize(
    ("data", "number"),
    [(b'{"a"\n{"a":1}\n', 1), (b'{"a":1}\n\n{"b\n{"a":1}', 3), (b'{"a":1}\n{"a"\n', 2)],
)
def test_a_torn_line_in_the_middle_is_named(data, number):
    with pytest.raises(UnreadableRecordError, match=f"unreadable line {number}: it is cut off"):
        decode_lines(data)


def test_a_large_document_keeps_its_content():
    value = {"text": "line é\n" * 2_000_000, "numbers": [i / 7 for i in range(300_000)]}
    assert decode_document(encode_document(value)) == value
