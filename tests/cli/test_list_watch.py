"""`meticulous list --watch`: drawn anew on a terminal until Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from written_records import write_record


class Screen:
    """A terminal in which a command runs."""

    def __init__(self, directory: Path, words: list[str], lines: int = 20) -> None:
        self.controller, terminal = os.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "meticulous", "list", *words],
            cwd=directory,
            env=dict(os.environ),  # readline has put the size of another terminal into the real one
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self.output = ""

    def read_until(self, pattern: str) -> str:
        """Return everything that was shown since the last call, up to what the pattern finds."""
        while not (found := re.search(pattern, self.output)):
            try:
                chunk = os.read(self.controller, 65536)
            except OSError:
                chunk = b""
            assert chunk, f"it ended without showing {pattern!r}: {self.output}"
            self.output += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chunk.decode(errors="replace"))
        shown, self.output = self.output[: found.end()], self.output[found.end() :]
        return shown

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.controller)


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    screens: list[Screen] = []

    def start(*words: str, lines: int = 20) -> Screen:
        screens.append(Screen(tmp_path, [*words], lines))
        return screens[-1]

    yield start
    for screen in screens:
        screen.close()


def test_new_experiments_appear_and_ctrl_c_ends_it(watching, tmp_path: Path):
    write_record(tmp_path / "experiments", "1", STATUS="ERROR\n")
    screen = watching("--watch", "0.1")
    screen.read_until(r"ERROR")
    screen.read_until(r"every 0\.1 s; Ctrl-C ends")
    write_record(tmp_path / "experiments", "2", minutes=1, STATUS="TIMEOUT\n")
    screen.read_until(r"TIMEOUT")
    screen.process.send_signal(signal.SIGINT)
    assert screen.process.wait(timeout=60) == 0


def test_the_seconds_can_be_left_out_before_a_directory(watching, tmp_path: Path):
    write_record(tmp_path / "mine", "1")
    screen = watching("--watch", "mine")
    screen.read_until(r"SUCCESS")
    screen.read_until(r"every 2 s")
    screen.process.send_signal(signal.SIGINT)
    assert screen.process.wait(timeout=60) == 0


def test_an_empty_directory_is_waited_on(watching, tmp_path: Path):
    (tmp_path / "experiments").mkdir()
    screen = watching("--watch", "0.1")
    screen.read_until(r"No experiments in")
    write_record(tmp_path / "experiments", "1")
    screen.read_until(r"SUCCESS")


def test_a_low_terminal_shows_the_latest(watching, tmp_path: Path):
    for number in range(1, 16):
        write_record(tmp_path / "experiments", f"run-{number}", minutes=number)
    screen = watching("--watch", "0.1", lines=8)
    shown = screen.read_until(r"Ctrl-C ends")
    assert "run-15" in shown
    assert "run-2 " not in shown


def test_a_pipe_is_refused(command, tmp_path: Path):
    write_record(tmp_path / "experiments", "1")
    done = command("list", "--watch", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--watch draws on a terminal" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["0"], ["0.1", "--json"], ["1", "--format", "csv"], ["1", "--export", "x.csv"], ["."]],
    ids=" ".join,
)
def test_contradictions_are_refused(command, tmp_path: Path, words: list[str]):
    write_record(tmp_path / "experiments", "1")
    assert command("list", "--watch", *words).returncode == 2


def test_as_many_rows_as_fit_are_shown_and_the_rest_is_told(watching, tmp_path: Path):
    names = [f"option_{number}" for number in range(9)]
    for number in range(1, 31):
        write_record(
            tmp_path / "experiments",
            f"run-{number}",
            minutes=number,
            args=dict.fromkeys(names, number * 1.5),
            default_args=dict.fromkeys(names, 0),
        )
    screen = watching("--watch", "5", lines=24)
    shown = screen.read_until(r"Ctrl-C ends")
    found = re.findall(r"run-[0-9]+", shown)
    assert len(found) > 2
    assert found[-1] == "run-30"
    assert f"{20 - len(found)} rows above" in shown


def test_of_a_sorted_list_the_first_rows_are_shown(watching, tmp_path: Path):
    for number in range(1, 16):
        write_record(tmp_path / "experiments", f"run-{number}", minutes=number)
    screen = watching("--watch", "5", "--sort", "-id", lines=8)
    shown = screen.read_until(r"Ctrl-C ends")
    assert "run-9 " in shown
    assert "run-1 " not in shown
    assert "rows below" in shown


def test_a_wide_list_is_continued_below_and_has_room(watching, tmp_path: Path):
    for number in range(1, 13):
        write_record(
            tmp_path / "experiments",
            f"run-{number}",
            minutes=number,
            args={f"an_option_with_a_long_name_{letter}": number for letter in "abcdef"},
        )
    screen = watching("--watch", "5", "--wide", lines=20)
    shown = screen.read_until(r"Ctrl-C ends")
    assert "an_option_with_a_long_name_f" in shown
    assert "run-12" in shown
    assert "rows above" in shown
    lines = shown.replace("\r", "").splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 80


def test_values_are_shown_in_full_where_that_is_asked(watching, tmp_path: Path):
    text = "word " * 30 + "end"
    write_record(tmp_path / "experiments", "1", summary={"text": text})
    write_record(tmp_path / "experiments", "2")
    screen = watching("--watch", "5", "--no-truncate")
    assert re.search(r"word\s+end\b", screen.read_until(r"Ctrl-C ends"))
