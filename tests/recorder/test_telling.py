"""What a program under `meticulous run` tells its recording process; nothing of it is lost."""

from __future__ import annotations

import fcntl
import os
import termios
from concurrent.futures import ThreadPoolExecutor

import pytest
from waiting import wait_until

from meticulous.folder import layout
from meticulous.recorder.program import attached


@pytest.fixture
def told(monkeypatch):
    """What this process has told, as if it were a program of its own."""
    facts: dict[str, object] = {}
    monkeypatch.setattr(attached, "_told", facts)
    return facts


def is_read(pipe: int) -> bool:
    """Say whether a pipe holds nothing any more."""
    return not any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))


def test_it_is_taken_in_once(tmp_path, told):
    attached.tell(str(tmp_path), seed=3)
    assert attached.take_in(str(tmp_path))["seed"] == 3
    assert attached.take_in(str(tmp_path)) is None
    assert os.listdir(tmp_path) == []


def test_each_telling_repeats_the_ones_before(tmp_path, told):
    attached.tell(str(tmp_path), seed=3)
    attached.tell(str(tmp_path), tags=["a"])
    facts = attached.take_in(str(tmp_path))
    assert (facts["seed"], facts["tags"]) == (3, ["a"])


def test_what_is_told_while_something_earlier_is_read_is_not_lost(tmp_path, told):
    # The reader of a pipe is in the middle of its reading until the last writer closes it.
    path = tmp_path / layout.HANDED_OVER
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    os.write(writer, b'{"seed": 3}')
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(attached.take_in, str(tmp_path))
        try:
            wait_until(lambda: is_read(writer))
            attached.tell(str(tmp_path), seed=4)
        finally:
            os.close(writer)
        assert reading.result() == {"seed": 3}
    assert attached.take_in(str(tmp_path))["seed"] == 4


@pytest.mark.parametrize(("content", "message"), [("[]", "no JSON object"), ("{", "Expecting")])
def test_what_somebody_else_has_put_there_is_an_error(tmp_path, content, message):
    (tmp_path / layout.HANDED_OVER).write_text(content)
    with pytest.raises(ValueError, match=message):
        attached.take_in(str(tmp_path))
    attached.remove_messages(str(tmp_path))
    assert os.listdir(tmp_path) == []
