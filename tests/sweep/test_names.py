"""Readable names of registered experiments: one safe word each, found again by what was typed."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.sweep.names import LONGEST, given_name, matching, readable_name, unique_name


class TestTheNameOfAPoint:
    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"lr": 0.1, "optimiser": "sgd"}, "lr=0.1__optimiser=sgd"),
            ({"b": 2, "a": 1}, "b=2__a=1"),
            ({"flag": True, "none": None, "off": False}, "flag=true__none=null__off=false"),
            ({"tiny": 1e-20, "huge": 1e20, "minus": -3}, "tiny=1e-20__huge=1e20__minus=-3"),
            ({"layers": [64, 64]}, "layers=64,64"),
            ({"model": {"width": 8, "depth": 2}}, "model.width=8__model.depth=2"),
            ({"empty": "", "none": {}}, "empty=__none=%7B%7D"),
            ({}, ""),
        ],
    )
    def test_it_is_made_of_names_and_values_in_their_order(self, values, name):
        assert readable_name(values) == name

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("a/b", "a%2Fb"),
            ("*?[x]{y}", "%2A%3F%5Bx%5D%7By%7D"),
            ("two words\n", "two%20words%0A"),
            ("$HOME`x`\"'", "%24HOME%60x%60%22%27"),
            ("größe-日本語", "größe-日本語"),
            ("हिन्दी", "हिन्दी"),
            ("🙂", "%F0%9F%99%82"),
            ("a\u202eb", "a%E2%80%AEb"),
            ("100%", "100%25"),
            ("a=b:c", "a%3Db%3Ac"),
        ],
    )
    def test_letters_of_every_script_stay_and_everything_else_is_percent_encoded(self, value, text):
        assert readable_name({"s": value}) == f"s={text}"

    @given(st.dictionaries(st.text(min_size=1), st.text() | st.floats() | st.lists(st.integers())))
    def test_whatever_the_values_are_it_is_one_word_for_a_shell_and_a_file_system(self, values):
        name = readable_name(values)
        assert len(name.encode()) <= LONGEST
        assert not set(name) & set(" /\\*?[]{}'\"`$;&|<>()!#~\t\n\0")
        assert shlex.split(name) == ([name] if name else [])

    def test_a_long_one_ends_in_a_digest_of_the_whole(self):
        names = {readable_name({"text": "x" * 300 + str(number)}) for number in range(50)}
        assert len(names) == 50
        assert {len(name) for name in names} == {LONGEST}

    def test_a_long_one_is_never_cut_within_a_character(self):
        for length in range(100, 140):
            assert "\ufffd" not in readable_name({"a" * (length % 7 + 1): "é/" * length})
            readable_name({"a" * (length % 7 + 1): "日" * length}).encode("utf-8")

    @pytest.mark.parametrize(
        ("text", "name"), [("-x", "%2Dx"), (".x", "%2Ex"), ("my run", "my%20run")]
    )
    def test_a_chosen_name_begins_like_no_option_and_no_hidden_file(self, text, name):
        assert given_name(text) == name


class TestEqualNames:
    def test_they_are_numbered(self):
        taken: set[str] = set()
        following: dict[str, int] = {}
        for _ in range(3):
            taken.add(unique_name("a=zz", taken, following))
        assert taken == {"a=zz", "a=zz_1", "a=zz_2"}

    def test_numbering_goes_on_after_those_that_are_there(self):
        assert unique_name("a=zz", {"a=zz", "a=zz_1", "a=zz_2"}, {}) == "a=zz_3"

    def test_a_name_that_looks_numbered_is_passed_over(self):
        assert unique_name("a", {"a", "a_1"}, {}) == "a_2"


class TestMatching:
    NAMES = ("lr=0.1__o=sgd", "lr=0.1__o=adam", "lr=0.2__o=sgd", "s=a%2Fb", "s=%2A", "lr=0.1")

    @pytest.mark.parametrize(
        ("pattern", "found"),
        [
            ("lr=0.1", ["lr=0.1"]),
            ("lr=0.1*", ["lr=0.1__o=sgd", "lr=0.1__o=adam", "lr=0.1"]),
            ("*sgd", ["lr=0.1__o=sgd", "lr=0.2__o=sgd"]),
            ("lr=0.[12]__o=sgd", ["lr=0.1__o=sgd", "lr=0.2__o=sgd"]),
            ("s=a/b", ["s=a%2Fb"]),
            ("s=a/*", ["s=a%2Fb"]),
            ("s=%2A", ["s=%2A"]),
            ("LR=0.1", []),
            ("lr", []),
        ],
    )
    def test_the_name_itself_counts_before_a_glob(self, pattern, found):
        assert matching(pattern, self.NAMES) == found

    @given(st.lists(st.text(min_size=1), min_size=1, unique=True))
    def test_every_name_finds_itself_alone(self, texts):
        names = [readable_name({"s": text}) for text in texts]
        for name in names:
            assert set(matching(name, names)) == {name}
