"""Where the C library cannot tell the exit code, the interpreter's own monitoring does.

The other C library is brought about in a real process: a program makes `os.confstr` fail, as it
does where there is no glibc, before it loads the recorder.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from forked_programs import RECORDED_BEFORE, carry_out
from interpreters import interpreter

NOT_GLIBC = """\
import os
def confstr(name): raise ValueError("unrecognized configuration name")
os.confstr = confstr
"""
RECORDED = NOT_GLIBC + "from meticulous import Experiment\nexperiment = Experiment({})\n"


@pytest.fixture(scope="module", params=["3.12", "3.13"])
def monitoring(request) -> str:
    """An interpreter that can report what unwinds."""
    return interpreter(request.param)


def run(repository, python: str, program: str, *words: str, head: str = RECORDED):
    """Run a program recorded; return the process, the STATUS and the metadata."""
    repository.commit({"main.py": head + program})
    done = subprocess.run(
        [python, *(words or ["main.py"])],
        cwd=repository.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    folder: Path = repository.directory / "experiments/1"
    return done, (folder / "STATUS").read_text(), json.loads((folder / "metadata.json").read_text())


ENDINGS = {
    "return": ("pass", 0, "SUCCESS\n"),
    "raise SystemExit(3)": ("raise SystemExit(3)", 3, "ERROR\nexit code 3\n"),
    "a text": ("raise SystemExit('no data')", 1, "ERROR\nexit code 1\nno data\n"),
    "sys.exit deep inside": (
        "import sys\ndef inner(): sys.exit(4)\n"
        "def outer():\n    try: inner()\n    finally: print()\nouter()",
        4,
        "ERROR\nexit code 4\n",
    ),
    "one caught, another not": (
        "try: raise SystemExit(3)\nexcept SystemExit: raise SystemExit(6)",
        6,
        "ERROR\nexit code 6\n",
    ),
    "one caught, then return": (
        "try: raise SystemExit(3)\nexcept SystemExit: pass",
        0,
        "SUCCESS\n",
    ),
    "one caught in a function, then return": (
        "def caught():\n    try: raise SystemExit(3)\n    except SystemExit: pass\ncaught()",
        0,
        "SUCCESS\n",
    ),
    "one in a thread, then return": (
        "import sys, threading\nthread = threading.Thread(target=sys.exit, args=(3,))\n"
        "thread.start(); thread.join()",
        0,
        "SUCCESS\n",
    ),
    "one raised by code run with exec": ("exec('raise SystemExit(7)')", 7, "ERROR\nexit code 7\n"),
    "a subclass of its own": (
        "class Stop(SystemExit): pass\nraise Stop(8)",
        8,
        "ERROR\nexit code 8\n",
    ),
}


def test_the_exit_code_is_seen_through_monitoring(repository, monitoring):
    begin = NOT_GLIBC + RECORDED_BEFORE
    programs = [RECORDED + program for program, _, _ in ENDINGS.values()]
    outcomes = carry_out(repository, programs, begin, python=monitoring)
    ends = {}
    for name, outcome in zip(ENDINGS, outcomes, strict=True):
        status = (outcome.folder / "STATUS").read_text()
        metadata = json.loads((outcome.folder / "metadata.json").read_text())
        assert metadata["exit-code"] == outcome.code
        assert metadata["attempts"][-1]["status"] == status.split()[0]
        ends[name] = (outcome.code, status)
    assert ends == {name: (code, status) for name, (_, code, status) in ENDINGS.items()}


def test_an_exception_and_ctrl_c_are_recorded_as_such(repository, monitoring):
    fails, interrupted = carry_out(
        repository,
        [RECORDED + "1 / 0", RECORDED + "raise KeyboardInterrupt"],
        NOT_GLIBC + RECORDED_BEFORE,
        python=monitoring,
    )
    status = (fails.folder / "STATUS").read_text()
    assert fails.code == 1
    assert status.startswith("ERROR\nTraceback")
    assert "ZeroDivisionError" in status
    assert interrupted.code == -2
    assert (interrupted.folder / "STATUS").read_text().startswith("INTERRUPTED\n")


@pytest.mark.parametrize("words", [["-m", "main"], ["-c", RECORDED + "raise SystemExit(9)"]])
def test_however_the_program_is_started(repository, monitoring, words):
    done, status, _ = run(repository, monitoring, "raise SystemExit(9)", *words)
    assert (done.returncode, status) == (9, "ERROR\nexit code 9\n")


def test_a_debugger_may_have_taken_tool_numbers(repository, monitoring):
    program = "for n in range(1, 6): sys.monitoring.use_tool_id(n, f'tool {n}')\n"
    head = "import sys\n" + program + RECORDED
    done, status, _ = run(repository, monitoring, "raise SystemExit(3)", head=head)
    assert (done.returncode, status) == (3, "ERROR\nexit code 3\n")


def test_with_every_tool_number_taken_the_code_is_said_to_be_unknown(repository, monitoring):
    program = "for n in range(6): sys.monitoring.use_tool_id(n, f'tool {n}')\n"
    head = "import sys\n" + program + RECORDED
    done, status, metadata = run(repository, monitoring, "raise SystemExit(3)", head=head)
    assert done.returncode == 3
    assert status.startswith("UNKNOWN\nThe program ended with SystemExit")
    assert metadata["exit-code"] is None


def test_two_experiments_share_one_tool_number(repository, monitoring):
    program = (
        "second = Experiment({})\nimport sys\n"
        "print([sys.monitoring.get_tool(n) for n in range(6)].count('meticulous'))\n"
        "raise SystemExit(3)\n"
    )
    done, _, _ = run(repository, monitoring, program)
    assert done.stdout == "1\n"
    for number in ("1", "2"):
        folder = repository.directory / "experiments" / number
        assert (folder / "STATUS").read_text() == "ERROR\nexit code 3\n"


def test_with_glibc_monitoring_is_left_to_others(repository, monitoring):
    head = "from meticulous import Experiment\nexperiment = Experiment({})\nimport sys\n"
    program = "print([sys.monitoring.get_tool(n) for n in range(6)])\nraise SystemExit(3)\n"
    done, status, _ = run(repository, monitoring, program, head=head)
    if "meticulous" in done.stdout:
        pytest.skip("the C library here is not glibc")
    assert done.stdout == f"{[None] * 6}\n"
    assert (done.returncode, status) == (3, "ERROR\nexit code 3\n")


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter from before monitoring."""
    return interpreter("3.11")


class TestBeforeMonitoring:
    """Python 3.11 without glibc: what cannot be seen is said to be unknown."""

    @pytest.mark.parametrize("code", [0, 3])
    def test_the_code_of_a_system_exit_is_unknown(self, repository, python, code):
        done, status, metadata = run(repository, python, f"raise SystemExit({code})")
        assert done.returncode == code
        word, _, reason = status.partition("\n")
        assert word == "UNKNOWN"
        assert "meticulous run" in reason
        assert metadata["exit-code"] is None

    @pytest.mark.parametrize(
        ("program", "code", "word"),
        [("pass", 0, "SUCCESS"), ("1 / 0", 1, "ERROR"), ("raise KeyboardInterrupt", -2, "INTERR")],
    )
    def test_other_endings_are_seen_all_the_same(self, repository, python, program, code, word):
        done, status, _ = run(repository, python, program)
        assert done.returncode == code
        assert status.startswith(word)

    def test_a_with_block_sees_the_code_itself(self, repository, python):
        head = NOT_GLIBC + "from meticulous import Experiment\n"
        program = "with Experiment({}): raise SystemExit(3)"
        done, status, _ = run(repository, python, program, head=head)
        assert (done.returncode, status) == (3, "ERROR\nexit code 3\n")
