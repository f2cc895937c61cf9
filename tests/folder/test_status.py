"""STATUS holds one word and what is known of a failure, and is read back as it was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meticulous.folder import status
from meticulous.folder.status import decode_status, encode_status

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))
"""Lone surrogates, as in the names of files that are no UTF-8, included."""


@given(word=st.sampled_from(status.WORDS), reason=st.text())
@example(word="ERROR", reason="Traceback:\n\n  a\r\n\tb\0\x85\u2028c")
def test_word_and_reason_come_back(word, reason):
    assert decode_status(encode_status(word, reason)) == (word, reason.strip())


@given(word=st.sampled_from(status.WORDS), reason=ANY_TEXT)
def test_any_reason_can_be_written_and_the_file_is_utf8(word, reason):
    data = encode_status(word, reason)
    assert data.endswith(b"\n")
    assert data.decode("utf-8").split("\n")[0] == word
    assert decode_status(data)[0] == word


@given(data=st.binary())
@example(data=b"")
@example(data=b"\xff\xfe")
@example(data=b"\n\nSUCCESS")
def test_any_bytes_are_read_as_a_word_we_know(data):
    word, reason = decode_status(data)
    assert word in status.WORDS
    assert isinstance(reason, str)


@given(data=st.binary(max_size=30), word=st.sampled_from(status.WORDS))
def test_only_a_whole_word_counts(data, word):
    torn = word.encode()[:-1]
    assert decode_status(torn) == ("UNKNOWN", torn.decode())
    assert decode_status(word.encode() + b"\n" + data)[0] == word


@pytest.mark.parametrize("word", ["", "success", "LOST", "DONE", "ERROR\nx", " RUNNING"])
def test_other_words_are_not_written(word):
    with pytest.raises(ValueError, match="the statuses are REGISTERED, RUNNING"):
        encode_status(word)


def test_a_word_alone_is_one_line():
    assert encode_status("SUCCESS") == encode_status("SUCCESS", " \n ") == b"SUCCESS\n"


def test_a_reason_follows_on_its_own_lines():
    assert encode_status("ERROR", "exit code 3") == b"ERROR\nexit code 3\n"
    assert encode_status("ERROR", "\na\nb\n\n") == b"ERROR\na\nb\n"


@pytest.mark.parametrize(
    ("data", "meaning"),
    [
        (b"SUCCESS", ("SUCCESS", "")),
        (b"ERROR\nsys.exit(1)", ("ERROR", "sys.exit(1)")),
        (b"RUNNING\r\n", ("RUNNING", "")),
        (b" RUNNING \n", ("RUNNING", "")),
        (b"ERROR\n\n\n\n", ("ERROR", "")),
        (b"garbage\nmore", ("UNKNOWN", "garbage\nmore")),
    ],
)
def test_files_of_other_writers_are_understood(data, meaning):
    assert decode_status(data) == meaning


def test_what_is_derived_while_reading_is_never_written():
    assert status.LOST not in status.WORDS
    assert status.LOST not in status.FINAL


def test_a_run_ends_with_a_word_that_is_not_one_of_its_beginning():
    assert set(status.WORDS) - set(status.FINAL) == {"REGISTERED", "RUNNING"}
