"""The programs that a reproduction has started are known by the mark in their environment."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from meticulous.folder import layout
from meticulous.reproduce.descendants import Descendants, marks_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows environments")


def marked(mark: str) -> dict[str, str]:
    return {**os.environ, layout.REPRODUCTION_VARIABLE: mark}


def test_a_program_is_known_from_its_first_moment():
    for number in range(300):
        with subprocess.Popen(["sleep", "600"], env=marked(str(number))) as process:
            found = marks_of(process.pid)
            process.kill()
        assert found == [str(number)]


def test_a_program_without_variables_has_no_mark():
    with subprocess.Popen(["sleep", "600"], env={}) as process:
        found = marks_of(process.pid)
        process.kill()
    assert found == []


def test_what_runs_no_program_has_no_mark():
    with subprocess.Popen(["true"], env=marked("gone")) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert marks_of(process.pid) == []
    assert marks_of(process.pid) == []


def test_a_program_that_is_only_just_begun_is_named_by_its_words():
    descendants = Descendants(os.getsid(0), None, None)
    for _ in range(300):
        with subprocess.Popen(["sleep", "600"]) as process:
            found = dict(descendants.running())
            process.kill()
        assert found[process.pid] == "sleep 600"
