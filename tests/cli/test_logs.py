from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from written_records import write_record

from meticulous.cli import main
from meticulous.errors import ExperimentFileNotFoundError
from meticulous.folder.liveness import identify
from meticulous.reader.following import read_output

BYTES = b"first\r\n\x1b[31mr\xc3\xa4d\xff\0\nlast"


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    directory = tmp_path / "experiments"
    write_record(directory, "1", **{"stdout.log": ""})
    (directory / "1" / "stdout").write_bytes(BYTES)
    (directory / "1" / "stderr").write_bytes(b"oh\n")
    return directory


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def logs(where: Path, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "meticulous", "logs", *words],
        cwd=where,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def printed(where: Path, *words: str) -> tuple[bytes, bytes, int]:
    with logs(where, *words) as command:
        out, err = command.communicate(timeout=60)
    return out, err, command.returncode


def running(directory: Path, process: subprocess.Popen[bytes]) -> Path:
    facts = {**identify(process.pid), "end-time": ..., "duration": ...}
    return write_record(directory, "5", STATUS="RUNNING\n", metadata=facts)


def test_the_bytes_are_printed_as_they_are(experiments: Path, tmp_path: Path):
    assert printed(tmp_path, "1") == (BYTES, b"", 0)
    assert printed(tmp_path, "-1", "--stderr") == (b"oh\n", b"", 0)
    assert printed(tmp_path, "1", "--follow") == (BYTES, b"", 0)


@pytest.mark.parametrize(
    ("content", "count", "tail"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\nb\n", 9, b"a\nb\n"),
        (b"a\nb\n", 2, b"a\nb\n"),
        (b"a\n\n\n", 2, b"\n\n"),
        (b"a\nb\n", 0, b""),
        (b"", 3, b""),
        (b"x", 1, b"x"),
        (b"x" * 200_000 + b"\ny\n", 1, b"y\n"),
        (b"a\n" + b"x" * 200_000 + b"\ny\n", 2, b"x" * 200_000 + b"\ny\n"),
        (b"ab\n" * 100_000, 70_000, b"ab\n" * 70_000),
    ],
)
def test_the_last_lines_are_found(experiments: Path, content: bytes, count: int, tail: bytes):
    (experiments / "1" / "stdout").write_bytes(content)
    assert b"".join(read_output(experiments / "1", tail=count)) == tail


def test_what_takes_the_place_of_the_output_gets_text(
    experiments: Path, monkeypatch: pytest.MonkeyPatch
):
    text = "ü" * 2**16  # two bytes each, so some lie on both sides of a cut
    (experiments / "1" / "stdout").write_text(f"x{text}", encoding="utf-8")
    output = io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    assert main(["logs", "1", "--directory", str(experiments)]) == 0
    assert output.getvalue() == f"x{text}"


def test_what_was_not_captured_is_a_message(experiments: Path, tmp_path: Path):
    (experiments / "1" / "stdout").unlink()
    for words in (["1"], ["1", "-f"]):
        out, err, code = printed(tmp_path, *words)
        assert (out, code) == (b"", 2)
        assert b"Experiment 1 has no stdout" in err
    (experiments / "1" / "stdout").mkdir()
    assert b"stdout is not a file" in printed(tmp_path, "1")[1]


def test_an_unknown_experiment_is_a_message(experiments: Path, tmp_path: Path):
    out, err, code = printed(tmp_path, "7")
    assert (out, code) == (b"", 2)
    assert b"the nearest: 1" in err


def test_a_run_is_followed_to_its_end(repository):
    repository.commit(
        {
            "wait.py": "from meticulous import Experiment\n"
            "experiment = Experiment({})\n"
            "print('begun', flush=True)\n"
            "input()\n"
            "print('ended', end='')\n"
        }
    )
    with subprocess.Popen(
        [sys.executable, "wait.py"],
        cwd=repository.directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == b"begun\n"
        with logs(repository.directory, "-1", "--follow") as command:
            assert command.stdout is not None
            assert command.stdout.readline() == b"begun\n"
            program.communicate(b"\n", timeout=60)
            out, err = command.communicate(timeout=60)
    assert (out, err, command.returncode) == (b"ended", b"", 0)


def test_a_killed_run_ends_the_following_and_is_called_lost(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    folder = running(tmp_path, process)
    (folder / "stdout").write_bytes(b"begun\n")
    with logs(tmp_path, "5", "-f", "--directory", ".") as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"begun\n"
        process.kill()
        process.wait()
        out, err = command.communicate(timeout=60)
    assert (out, command.returncode) == (b"", 0)
    assert b"Experiment 5 is LOST: process" in err


def test_an_interrupt_ends_the_following(tmp_path: Path, process: subprocess.Popen[bytes]):
    (running(tmp_path, process) / "stdout").write_bytes(b"begun\n")
    with logs(tmp_path, "5", "-f", "--directory", ".") as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"begun\n"
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_has_had_enough_ends_it_silently(experiments: Path, tmp_path: Path):
    (experiments / "1" / "stdout").write_bytes(b"line\n" * 1_000_000)
    with logs(tmp_path, "1") as command:
        assert command.stdout is not None
        assert command.stdout.readline() == b"line\n"
        command.stdout.close()
        assert command.wait(timeout=60) == 128 + signal.SIGPIPE
        assert command.stderr is not None
        assert command.stderr.read() == b""


class Pauses:
    """What happens between two looks at the file, one step each time."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)

    def __call__(self, seconds: float) -> None:
        self.steps.pop(0)()


def test_a_file_may_appear_late_be_cut_off_and_be_replaced(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    folder = running(tmp_path, process)
    file, other = folder / "stdout", tmp_path / "other"

    def replace() -> None:
        other.write_bytes(b"a new and longer file\n")
        os.replace(other, file)

    steps = Pauses(
        lambda: None,
        lambda: file.write_bytes(b"begun\n"),
        lambda: file.open("ab").write(b"more\n"),
        lambda: file.write_bytes(b"cut\n"),
        replace,
        lambda: (folder / "STATUS").write_text("SUCCESS"),
    )
    assert list(read_output(folder, follow=True, pause=steps)) == [
        *(b"begun\n", b"more\n", b"cut\n", b"a new and longer file\n")
    ]


def test_what_is_written_just_before_the_end_is_not_missed(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    folder = running(tmp_path, process)
    (folder / "stdout").write_bytes(b"")

    def end() -> None:
        (folder / "stdout").write_bytes(b"the end")
        (folder / "STATUS").write_text("ERROR\n")

    assert list(read_output(folder, follow=True, pause=Pauses(end))) == [b"the end"]


def test_following_begins_with_the_last_lines(tmp_path: Path, process: subprocess.Popen[bytes]):
    folder = running(tmp_path, process)
    (folder / "stdout").write_bytes(b"a\nb\n")

    def end() -> None:
        (folder / "stdout").write_bytes(b"a\nb\nc\n")
        (folder / "STATUS").write_text("SUCCESS\n")

    assert list(read_output(folder, tail=1, follow=True, pause=Pauses(end))) == [b"b\n", b"c\n"]
    assert list(read_output(folder, tail=0, follow=True)) == []


def test_a_folder_that_is_deleted_ends_the_following(
    tmp_path: Path, process: subprocess.Popen[bytes]
):
    import shutil

    folder = running(tmp_path, process)
    with pytest.raises(ExperimentFileNotFoundError, match="was deleted"):
        list(read_output(folder, follow=True, pause=Pauses(lambda: shutil.rmtree(folder))))
