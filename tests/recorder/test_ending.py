"""An ending says what Python and the system themselves make of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.folder import status
from meticulous.folder.status import decode_status, encode_status
from meticulous.recorder.ending.outcome import (
    Ending,
    by_exception,
    by_exit_code,
    by_signal,
    by_system_exit,
    format_exception,
    signal_name,
)


class Grumpy(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class TestExitCodes:
    """The code of SystemExit is read as the interpreter reads it."""

    def code_of(self, expression: str) -> int:
        words = [sys.executable, "-I", "-S", "-c", f"raise SystemExit({expression})"]
        return subprocess.run(words, stderr=subprocess.DEVNULL, check=False).returncode

    @pytest.mark.parametrize(
        "expression",
        [
            "",
            "None",
            "0",
            "1",
            "3",
            "255",
            "256",
            "-1",
            "-256",
            "True",
            "False",
            "2**31",
            "2**32 + 3",
            "2**63 - 1",
            pytest.param(
                "2**64",
            ),
            "'goodbye'",
            "''",
            "3.0",
            "(1, 2)",
            "1, 2",
            "b'x'",
            "[]",
        ],
    )
    def test_it_becomes_the_code_the_process_leaves_with(self, expression):
        raised = eval(f"SystemExit({expression})")
        ending = by_system_exit(raised.code)
        code = self.code_of(expression)
        assert ending.exit_code == code
        assert ending.signal is None
        assert ending.status == ("SUCCESS" if code == 0 else "ERROR")
        assert by_exception(raised).exit_code == code

    def test_a_text_is_the_reason(self):
        ending = by_system_exit("the data is missing")
        assert ending.reason == "exit code 1\nthe data is missing"

    def test_an_object_without_a_text_is_an_exit_code_all_the_same(self):
        assert by_system_exit(Grumpy()).exit_code == 1

    @given(code=st.integers(0, 255))
    def test_zero_alone_is_success(self, code):
        ending = by_exit_code(code)
        assert (ending.status == status.SUCCESS) == (code == 0)
        assert ending.exit_code == code
        assert ending.reason == (f"exit code {code}" if code else "")


class TestSignals:
    """A signal is recorded by its name."""

    @pytest.mark.parametrize("number", sorted(signal.valid_signals()))
    def test_every_signal_gives_a_final_word_and_its_name(self, number):
        ending = by_signal(number)
        assert ending.status in status.FINAL
        assert ending.status not in (status.SUCCESS, status.UNKNOWN)
        assert ending.exit_code is None
        assert ending.signal == signal_name(number)
        assert ending.reason == f"signal {ending.signal}"

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("SIGINT", "INTERRUPTED"),
            ("SIGTERM", "KILLED"),
            ("SIGKILL", "KILLED"),
            ("SIGHUP", "KILLED"),
            ("SIGXCPU", "KILLED"),
            ("SIGUSR1", "TIMEOUT"),
            ("SIGSEGV", "ERROR"),
            ("SIGABRT", "ERROR"),
            ("SIGBUS", "ERROR"),
            ("SIGPIPE", "ERROR"),
        ],
    )
    def test_what_a_signal_means(self, name, word):
        assert by_signal(signal.Signals[name]).status == word
        assert by_signal(signal.Signals[name]).signal == name

    def test_a_number_without_a_name_is_named_by_it(self):
        assert signal_name(signal.SIGRTMIN + 3) == f"SIG{signal.SIGRTMIN + 3}"
        assert signal_name(4711) == "SIG4711"


class TestExceptions:
    """An exception is recorded as Python prints it."""

    def test_the_traceback_is_the_interpreters(self):
        program = (
            "import sys\nfrom meticulous.recorder.ending.outcome import by_exception\n"
            "def fail():\n    try: 1 / 0\n"
            "    except ZeroDivisionError as e: raise KeyError(3) from e\n"
            "try: fail()\nexcept KeyError as error:\n"
            "    print(by_exception(error).reason, end='')\n    raise\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert done.stdout == done.stderr
        assert "KeyError: 3" in done.stdout

    def test_words_of_the_kinds_of_exceptions(self):
        error, interrupt = by_exception(ValueError("x")), by_exception(KeyboardInterrupt())
        assert (error.status, error.exit_code, error.signal) == ("ERROR", 1, None)
        assert (interrupt.status, interrupt.exit_code, interrupt.signal) == (
            "INTERRUPTED",
            None,
            "SIGINT",
        )

    def test_an_exception_without_a_text_is_still_named(self):
        try:
            raise Grumpy
        except Grumpy as error:
            ending = by_exception(error)
        assert ending.status == "ERROR"
        assert "Grumpy" in ending.reason

    @given(text=st.text(alphabet=st.characters(exclude_categories=())))
    def test_any_text_can_be_recorded(self, text):
        ending = by_exception(RuntimeError(text))
        assert ending.reason == format_exception(RuntimeError(text))
        word, reason = decode_status(encode_status(ending.status, ending.reason))
        assert word == "ERROR"
        assert reason.startswith("RuntimeError")

    def test_groups_and_causes_are_told_in_full(self):
        group = ExceptionGroup("several", [ValueError("one"), KeyError("two")])
        text = by_exception(group).reason
        assert text == "".join(traceback.format_exception(group))
        assert "one" in text
        assert "two" in text

    def test_an_exception_that_recurs_for_ever_is_told_all_the_same(self):
        def recur() -> None:
            recur()

        with pytest.raises(RecursionError) as caught:
            recur()
        assert "RecursionError" in by_exception(caught.value).reason


def test_an_ending_shows_what_it_is():
    assert repr(Ending("ERROR", "reason", exit_code=3)) == (
        "Ending('ERROR', exit_code=3, signal=None)"
    )
