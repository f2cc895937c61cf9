"""What arrives in the run's file is carried on exactly, once and in order."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meticulous.folder.writing import file_behind
from meticulous.recorder.output.mirror import Mirror


class Growing:
    """A file that grows, as a run's output file does, and a mirror of it."""

    def __init__(self, folder: Path, target: int | None, before: bytes = b"") -> None:
        self.path = folder / "source"
        self.path.write_bytes(before)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND)
        self.target = target
        self.mirror = Mirror(self.descriptor, target)

    def append(self, data: bytes) -> None:
        """Write as a child does: the mirror does not know of it."""
        os.write(self.descriptor, data)

    def write(self, data: bytes) -> None:
        """Write as Python's own stream does: to the file, then at once to the target."""
        self.mirror.catch_up()
        self.append(data)
        self.mirror.advance(data)

    def close(self) -> None:
        if self.mirror.has_source:
            os.close(self.descriptor)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """Where the output goes: a descriptor of a file, and its path."""
    path = tmp_path / "shown"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    yield descriptor, path
    if file_behind(descriptor) is not None:
        os.close(descriptor)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "write", "catch up"]),
        st.binary(max_size=20) | st.sampled_from([b"x" * 300_000, b"\0" * 70_000]),
    ),
    max_size=12,
)


class TestExactness:
    """Any sequence of writes."""

    @settings(deadline=None, max_examples=60)
    @given(before=st.binary(max_size=10), steps=STEPS)
    @example(before=b"old", steps=[("append", b"a"), ("write", b"b"), ("append", b"c")])
    @example(before=b"", steps=[("append", b"x" * 600_000)])
    def test_everything_new_is_shown_once_and_in_order(self, tmp_path_factory, before, steps):
        folder = tmp_path_factory.mktemp("mirror")
        target = os.open(folder / "shown", os.O_RDWR | os.O_CREAT)
        growing = Growing(folder, target, before)
        for step, data in steps:
            if step == "append":
                growing.append(data)
            elif step == "write":
                growing.write(data)
            else:
                growing.mirror.catch_up()
        growing.mirror.catch_up()
        expected = b"".join(data for step, data in steps if step != "catch up")
        assert (folder / "shown").read_bytes() == expected
        assert growing.path.read_bytes() == before + expected
        assert growing.mirror.catch_up() == 0
        assert not growing.mirror.was_truncated
        growing.close()
        os.close(target)

    def test_what_was_there_before_is_not_shown_again(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0], b"an earlier attempt\n")
        growing.append(b"now\n")
        assert growing.mirror.catch_up() == 4
        assert shown[1].read_bytes() == b"now\n"
        growing.close()

    def test_it_counts_what_it_carried(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        for size in (0, 1, 1_000_000):
            growing.append(bytes(size))
            assert growing.mirror.catch_up() == size
        growing.close()

    def test_without_a_target_only_the_position_moves(self, tmp_path):
        growing = Growing(tmp_path, None)
        growing.append(b"data")
        growing.mirror.send(b"message")
        assert growing.mirror.catch_up() == 4
        assert growing.mirror.position == 4
        assert not growing.mirror.has_target
        growing.close()

    def test_a_message_of_ours_is_shown_but_not_kept(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        growing.write(b"a\n")
        growing.mirror.send(memoryview(b"warning\n"))
        growing.write(b"b\n")
        assert shown[1].read_bytes() == b"a\nwarning\nb\n"
        assert growing.path.read_bytes() == b"a\nb\n"
        growing.close()


class TestSlowReader:
    """The other end takes its time."""

    @pytest.mark.parametrize("blocking", [True, False])
    @pytest.mark.parametrize("at_once", [1, 1000, 1_000_000])
    def test_it_gets_everything(self, tmp_path, blocking, at_once):
        reading, writing = os.pipe()
        os.set_blocking(writing, blocking)
        data = os.urandom(200_000) if at_once > 1 else os.urandom(66_000)
        received = bytearray()

        def read() -> None:
            while piece := os.read(reading, at_once):
                received.extend(piece)

        growing = Growing(tmp_path, writing)
        growing.append(data)
        reader = threading.Thread(target=read)
        reader.start()
        growing.mirror.catch_up()
        os.close(writing)
        reader.join()
        assert bytes(received) == data
        assert growing.mirror.failure is None
        os.close(reading)
        growing.close()

    def test_a_descriptor_with_a_large_number_can_be_waited_for(self, tmp_path):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 2000:
            pytest.skip("so many descriptors are not allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
        reading, low = os.pipe()
        writing = os.dup2(low, 1500)
        os.close(low)
        os.set_blocking(writing, False)
        growing = Growing(tmp_path, writing)
        growing.append(bytes(100_000))
        with ThreadPoolExecutor(1) as pool:
            carried = pool.submit(growing.mirror.catch_up)
            wait([carried], timeout=0.1)  # the pipe is full by then, unless it failed
            try:
                received = 0
                while received < 100_000 and not (carried.done() and carried.exception()):
                    received += len(os.read(reading, 100_000))
                assert carried.result() == received
            finally:
                os.close(writing)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                os.close(reading)
                growing.close()


class TestGoneReader:
    """The other end goes away."""

    def test_the_failure_is_kept_and_the_file_goes_on(self, tmp_path):
        reading, writing = os.pipe()
        os.close(reading)
        growing = Growing(tmp_path, writing)
        growing.write(b"first\n")
        assert isinstance(growing.mirror.failure, BrokenPipeError)
        growing.write(b"second\n")
        growing.append(b"third\n")
        assert growing.mirror.catch_up() == 6
        assert growing.path.read_bytes() == b"first\nsecond\nthird\n"
        os.close(writing)
        growing.close()

    def test_a_full_device_is_a_failure_too(self, tmp_path):
        full = os.open("/dev/full", os.O_WRONLY)
        growing = Growing(tmp_path, full)
        growing.write(b"data")
        assert growing.mirror.failure is not None
        assert "No space left" in str(growing.mirror.failure)
        os.close(full)
        growing.close()


class TestTruncation:
    """Somebody empties the file, as `echo > /dev/stdout` does."""

    def test_what_comes_afterwards_is_shown(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        growing.write(b"a long first line\n")
        os.truncate(growing.path, 0)
        growing.append(b"second\n")
        growing.mirror.catch_up()
        growing.write(b"third\n")
        assert shown[1].read_bytes() == b"a long first line\nsecond\nthird\n"
        assert growing.mirror.was_truncated
        growing.close()

    def test_emptied_and_empty_is_noticed_as_well(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        growing.write(b"line\n")
        os.truncate(growing.path, 0)
        assert growing.mirror.catch_up() == 0
        assert growing.mirror.was_truncated
        assert growing.mirror.position == 0
        growing.close()

    def test_a_file_that_has_since_outgrown_its_old_size_is_shown_from_its_beginning(
        self, tmp_path, shown
    ):
        growing = Growing(tmp_path, shown[0])
        growing.write(b"first\n")
        os.truncate(growing.path, 0)
        growing.append(b"a much longer second line\n")
        growing.mirror.catch_up()
        assert shown[1].read_bytes() == b"first\na much longer second line\n"
        assert growing.mirror.was_truncated
        growing.close()


class TestForeignDescriptors:
    """A program closes descriptors it knows nothing of, and opens others under their numbers."""

    def replace(self, descriptor: int, path: Path) -> None:
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, descriptor)
        os.close(opened)

    def test_a_closed_target_is_not_written_to(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        os.close(shown[0])
        growing.write(b"data")
        assert growing.mirror.failure is not None
        assert growing.mirror.failure.errno is None
        assert not growing.mirror.has_target
        growing.close()

    def test_a_file_of_the_program_under_the_targets_number_is_left_alone(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        self.replace(shown[0], tmp_path / "theirs")
        growing.write(b"data")
        assert (tmp_path / "theirs").read_bytes() == b""
        growing.close()

    def test_a_file_of_the_program_under_the_sources_number_is_not_shown(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        (tmp_path / "theirs").write_bytes(b"their data")
        self.replace(growing.descriptor, tmp_path / "theirs")
        assert growing.mirror.catch_up() == 0
        assert not growing.mirror.has_source
        assert shown[1].read_bytes() == b""
        os.close(growing.descriptor)

    def test_a_closed_source_carries_nothing_and_raises_nothing(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        os.close(growing.descriptor)
        assert growing.mirror.catch_up() == 0
        growing.close()

    def test_a_target_may_come_to_mean_another_file(self, tmp_path, shown):
        growing = Growing(tmp_path, shown[0])
        growing.write(b"one\n")
        other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
        growing.mirror.redirect(other)
        os.close(other)
        growing.write(b"two\n")
        assert shown[1].read_bytes() == b"one\n"
        assert (tmp_path / "other").read_bytes() == b"two\n"
        assert growing.mirror.has_target
        growing.close()


def test_a_handler_that_carries_on_within_a_write_and_ends_it_doubles_nothing(tmp_path: Path):
    # So it is when a signal ends the run while the program waits for a slow reader.
    reading, writing = os.pipe()
    growing = Growing(tmp_path, writing)
    data = b"".join(b"line %d\n" % n for n in range(60_000))
    shown = bytearray()

    class EndedError(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        shown.extend(os.read(reading, 40_000))
        growing.mirror.catch_up(lambda: False)
        raise EndedError

    def read_the_rest() -> None:
        while piece := os.read(reading, 65_536):
            shown.extend(piece)

    previous = signal.signal(signal.SIGALRM, handler)
    reader = threading.Thread(target=read_the_rest)
    reader.daemon = True
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        growing.write(b"first\n")
        growing.append(data)
        with pytest.raises(EndedError):
            growing.mirror.advance(data[:300_000])
        reader.start()
        growing.mirror.catch_up()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        os.close(writing)
        reader.join()
        os.close(reading)
        growing.close()
    assert bytes(shown) == b"first\n" + data
    assert not growing.mirror.was_truncated
