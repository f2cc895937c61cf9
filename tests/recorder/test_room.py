"""Room is held ahead of a growing file, used again, and given back; the file's length stays."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meticulous.folder.writing import open_to_append
from meticulous.recorder.output.room import Reserve

BLOCK = 4096


class GrowingFile:
    """A file that is appended to, and its reserve."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = open_to_append(str(path))
        self.reserve = Reserve(self.file)

    def write(self, count: int, byte: bytes = b"x") -> None:
        os.write(self.file, byte * count)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def held(self) -> int:
        """Bytes on the disk beyond those that the content needs."""
        return self.path.stat().st_blocks * 512 - -(-self.size // BLOCK) * BLOCK


@pytest.fixture
def growing(tmp_path) -> GrowingFile:
    made = GrowingFile(tmp_path / "stdout")
    made.reserve.top_up()
    if sys.platform != "linux" or not made.held:
        pytest.skip("nothing can be reserved on this file system")
    return made


class TestHolding:
    """Before the disk is full."""

    def test_the_length_of_the_file_is_that_of_what_was_written(self, growing):
        assert growing.size == 0
        growing.write(5000)
        growing.reserve.top_up()
        assert growing.path.read_bytes() == b"x" * 5000

    def test_it_is_topped_up_as_the_file_grows(self, growing):
        usual = growing.held
        growing.write(usual)
        assert growing.held < usual // 2
        assert growing.reserve.top_up()
        assert growing.held >= usual

    def test_the_faster_the_file_grows_the_more_is_held(self, growing):
        usual = growing.held
        growing.write(4 * usual)
        growing.reserve.top_up()
        assert growing.held > 2 * usual

    def test_a_file_that_was_emptied_gets_its_room_anew(self, growing):
        usual = growing.held
        growing.write(100)
        growing.reserve.top_up()
        os.truncate(growing.path, 0)
        growing.reserve.top_up()
        assert growing.held >= usual // 2
        assert growing.size == 0

    def test_a_limit_on_the_size_of_files_is_not_met(self, growing):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        met = []
        handler = signal.signal(signal.SIGXFSZ, lambda *_: met.append(1))
        try:
            growing.write(100_000)
            resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, before[1]))
            assert growing.reserve.top_up()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        assert not met

    def test_where_nothing_can_be_reserved_nothing_is(self):
        # A device takes no such request, and always has room.
        file = os.open("/dev/null", os.O_RDWR)
        reserve = Reserve(file)
        assert reserve.top_up()
        reserve.keep(0)
        reserve.recycle(1 << 20)
        assert reserve.mark is None
        reserve.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(file)


class TestGivingBack:
    """At the end of the run."""

    def test_nothing_is_held_any_more(self, growing):
        growing.write(5000)
        growing.reserve.close()
        assert growing.held <= 0
        assert growing.path.read_bytes() == b"x" * 5000

    def test_a_file_that_was_removed_is_given_back_too(self, growing):
        again = os.open(growing.path, os.O_RDONLY)
        os.unlink(growing.path)
        growing.reserve.close()
        assert os.fstat(again).st_blocks == 0

    def test_while_somebody_else_may_write_all_is_left_as_it_is(self, growing):
        growing.write(5000)
        words = [sys.executable, "-c", "input(); print('from a child', end='')"]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=growing.file)
        growing.reserve.close()
        child.communicate(b"\n")
        assert growing.path.read_bytes() == b"x" * 5000 + b"from a child"

    def test_a_program_that_locks_its_output_is_not_held_up(self, growing):
        growing.reserve.close()
        again = os.open(growing.path, os.O_RDWR)
        fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)


class TestRecycling:
    """What has been carried on, and is not kept, makes room for what comes next."""

    def test_the_kept_part_is_what_was_there_at_the_mark(self, growing):
        growing.write(5000, b"k")
        growing.reserve.keep(5000)
        for _ in range(40):
            growing.write(100_000, b"n")
            growing.reserve.recycle(growing.size)
        growing.reserve.close()
        assert growing.path.read_bytes() == b"k" * 5000
        assert growing.held <= 0

    def test_no_more_room_is_needed_however_much_is_written(self, growing):
        growing.write(5000)
        growing.reserve.keep(5000)
        most = 0
        for _ in range(100):
            growing.write(100_000)
            growing.reserve.recycle(growing.size)
            most = max(most, growing.path.stat().st_blocks * 512)
        assert growing.size > 10_000_000
        assert most < 3 << 20

    def test_what_has_not_been_carried_on_stays(self, growing):
        growing.reserve.keep(0)
        growing.write(1_000_000, b"a")
        growing.write(1_000_000, b"b")
        growing.reserve.recycle(1_000_000)
        held = os.pread(growing.file, 1_000_000, 1_000_000)
        assert held == b"b" * 1_000_000

    def test_the_end_of_what_was_carried_on_stays_to_be_recognised(self, growing):
        growing.reserve.keep(0)
        growing.write(256 * BLOCK, b"a")
        growing.reserve.recycle(growing.size)
        assert os.pread(growing.file, 32, growing.size - 32) == b"a" * 32
        assert os.pread(growing.file, 32, 0) == bytes(32)
