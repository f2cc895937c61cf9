from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.recorder.arguments.words import parse_words


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--key", "value"], {"key": "value"}),
        (["--key=value"], {"key": "value"}),
        (["--key=a=b"], {"key": "a=b"}),
        (["--key="], {"key": ""}),
        (["--key", ""], {"key": ""}),
        (["-k", "value"], {"k": "value"}),
        (["-k=value"], {"k": "value"}),
        (["-abc", "value"], {"abc": "value"}),
        (["--flag"], {"flag": True}),
        (["--flag", "--key", "value"], {"flag": True, "key": "value"}),
        (["--batch-size", "3"], {"batch_size": 3}),
        (["a", "3", "b"], {"positionals": ["a", 3, "b"]}),
        (["a", "--key", "1", "b"], {"key": 1, "positionals": ["a", "b"]}),
        (["--x", "1", "--x", "2", "--x=3"], {"x": [1, 2, 3]}),
        (["-v", "-v"], {"v": [True, True]}),
        (["--x", "--x", "1"], {"x": [True, 1]}),
        (["--flag", "--", "--key", "value"], {"flag": True, "positionals": ["--key", "value"]}),
        (["--key", "--", "value"], {"key": True, "positionals": ["value"]}),
        (["--", "--"], {"positionals": ["--"]}),
        (["--shift", "-3"], {"shift": -3}),
        (["--shift", "-.5"], {"shift": -0.5}),
        (["--shift", "-3.10"], {"shift": "-3.10"}),
        (["--shift", "-1e999"], {"shift": "-1e999"}),
        (["-3", "-1e-3"], {"positionals": [-3, -0.001]}),
        (["-inf"], {"inf": True}),
        (["-"], {"positionals": ["-"]}),
        (["--input", "-"], {"input": "-"}),
        (["---", "--=5"], {"positionals": ["---", "--=5"]}),
        (["--positionals", "1", "a"], {"--positionals": 1, "positionals": ["a"]}),
        (["--name", "two words\n"], {"name": "two words\n"}),
    ],
)
def test_words_are_read_by_the_documented_rules(words, expected):
    assert parse_words(words) == expected


@pytest.mark.parametrize(
    ("word", "number"),
    [
        ("3", 3),
        ("-3", -3),
        ("0", 0),
        ("0.2", 0.2),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.0", 1.0),
        ("0.0", 0.0),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        ("2.5e+3", 2500.0),
        ("0e0", 0.0),
        ("999999999999999", 999999999999999),
    ],
)
def test_numbers_become_numbers(word, number):
    value = parse_words([f"--key={word}"])["key"]
    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "007",
            "-007",
            "00.5",
            "+3",
            "-0",
            "3.10",
            "0.20",
            "1_000",
            "0x10",
            "1e",
            "e5",
            ".",
            "-.",
        ),
        *("nan", "inf", "NaN", "Infinity", "true", "null", "None", "1e400", "1e-400", "5e-324"),
        *("1234567890123456", "0.12345678901234567", "9" * 5000, "1" + 30 * "0", "٣", "1 ", "3\n"),
    ],
)
def test_what_a_number_would_not_say_in_full_stays_a_string(word):
    assert parse_words([f"--key={word}"]) == {"key": word}


@given(st.integers(-(10**15) + 1, 10**15 - 1))
def test_every_integer_of_up_to_15_digits_is_itself(number):
    assert parse_words(["--key", str(number)]) == {"key": number}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_itself_or_the_very_string(number):
    value = parse_words(["--key", repr(number)])["key"]
    assert value in (number, repr(number))


@given(st.lists(st.text() | st.sampled_from(["--a", "-b", "--", "-", "--a=1", "-3", "x"])))
def test_any_words_are_read_and_can_be_written_as_json(words):
    parsed = parse_words(words)
    assert json.loads(json.dumps(parsed)) == parsed
    assert all(isinstance(key, str) and key for key in parsed)
