"""A command that the tests fork does what one does that is started anew."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from waiting import wait_until
from written_records import write_record

from meticulous.folder.liveness import identify


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--columns", "lr,metadata.host"],
        ["show", "9"],
        ["list", "--filter", "lr > 0.1", "--json"],
    ],
    ids=" ".join,
)
def test_it_says_and_ends_the_same(command, process, tmp_path: Path, words: list[str]):
    write_record(tmp_path / "runs" / "experiments", "1", args={"lr": 0.2})
    where = {"cwd": tmp_path / "runs", "TZ": "Asia/Tokyo"}
    forked, started = command(*words, **where), process(*words, **where)
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        *(started.returncode, started.stdout, started.stderr),
    )
    assert forked.stdout or forked.stderr


def test_nothing_of_it_is_left_for_the_next(command, tmp_path: Path):
    write_record(tmp_path / "elsewhere" / "experiments", "1")
    assert "SUCCESS" in command("list", cwd=tmp_path / "elsewhere", LEFT="behind").stdout
    assert "LEFT" not in os.environ
    done = command("list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no folder 'experiments'" in done.stderr


def test_it_is_killed_when_a_test_ends_before_it(command_server, tmp_path: Path):
    folder = write_record(
        tmp_path / "experiments", "1", STATUS="RUNNING\n", metadata=identify(os.getpid())
    )
    (folder / "stdout").write_text("begun\n")
    words, env = ("logs", "1", "--follow"), dict(os.environ)
    with (
        open(os.devnull, "rb") as nothing,
        open(tmp_path / "output", "wb") as output,
    ):
        streams = [nothing.fileno(), output.fileno(), output.fileno()]
        with (
            contextlib.suppress(KeyError),
            command_server.started(words, tmp_path, env, streams) as pid,
        ):
            wait_until(lambda: (tmp_path / "output").read_text() == "begun\n")
            raise KeyError
    assert not Path(f"/proc/{pid}").exists()
